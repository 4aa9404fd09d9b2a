//! One NATS connection.
//!
//! ```text
//!  open → INFO ─→ AwaitConnect ── CONNECT ─→ Live ── fault, stale, goodbye ─→ Close
//! ```
//!
//! Without authentication nats-server serves a client before its CONNECT, too, as a verbose and pedantic one; so the
//! two states differ in the options and in the keep-alive, and both are data: [`options::Options`] and
//! [`keep_alive::KeepAlive`].

mod info;
mod keep_alive;
mod options;
mod publish;
mod rare;
mod subscribe;

use crate::NatsSettings;
use crate::codec::encode;
use crate::codec::parse::{Fault, ParseLimits, Step, Verb, parse};
use keep_alive::{Beat, KeepAlive};
use options::{ConnectFault, Options};
use rare::Rare;
use std::net::IpAddr;
use std::sync::Arc;
use stele_model::{Close, Now, Outcome, Session, Ticket, Turn};

/// One connection's protocol state; see the module's head for its states.
#[derive(Debug)]
pub struct NatsSession {
    settings: Arc<NatsSettings>,
    /// What most connections never need.
    rare: Option<Box<Rare>>,
    keep_alive: KeepAlive,
    /// Bytes that the next `receive` needs at least.
    wants: u32,
    peer: IpAddr,
    options: Options,
}

impl NatsSession {
    /// A session for a fresh connection from `peer`.
    pub fn new(settings: Arc<NatsSettings>, peer: IpAddr) -> Self {
        Self {
            settings,
            rare: None,
            keep_alive: KeepAlive::default(),
            wants: 0,
            peer,
            options: Options::default(),
        }
    }

    /// Tells the client that this server leaves soon (lame duck), if it understands INFO at any time. The client
    /// reconnects elsewhere; the host closes it later.
    pub fn announce_lame_duck(&mut self, turn: &mut Turn<'_, '_>) {
        if self.options.understands_info() {
            self.send_info(info::Occasion::LameDuck, turn);
        }
    }

    fn send_info(&self, occasion: info::Occasion, turn: &mut Turn<'_, '_>) {
        let json = info::json(&self.settings, turn.connection(), self.peer, occasion);
        encode::info(&json, turn.send());
    }

    fn limits(&self) -> ParseLimits {
        ParseLimits {
            control_line_bytes_max: self.settings.control_line_bytes_max as usize,
            payload_bytes_max: self.settings.payload_bytes_max as usize,
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_with(|| Box::new(Rare::new(self.settings.jetstream.clone())))
    }

    /// Everything but publishing.
    fn on_verb(&mut self, now: Now, verb: Verb<'_>, turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        match verb {
            Verb::Publish(_) | Verb::Nothing => {}
            Verb::Connect(json) => return self.on_connect(now, json, turn),
            Verb::Subscribe { filter, group, sid } => {
                self.keep_alive.heard(now);
                self.on_subscribe(filter, group, sid, turn);
            }
            Verb::Unsubscribe { sid, deliveries_max } => {
                self.keep_alive.heard(now);
                self.on_unsubscribe(sid, deliveries_max, turn);
            }
            Verb::Ping => {
                self.keep_alive.heard(now);
                turn.send().extend_from_slice(encode::PONG);
                if self.options.take_first_pong() {
                    self.send_info(info::Occasion::Connected, turn);
                }
            }
            Verb::Pong => self.keep_alive.answered(),
        }
        Ok(())
    }

    fn on_connect(&mut self, now: Now, json: &[u8], turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        self.keep_alive.connected(now, &self.settings, turn.random());
        match self.options.connect(json) {
            Ok(()) => self.acknowledge(turn),
            Err(ConnectFault::Json) => return Err(Close::Protocol("CONNECT is not the JSON it should be")),
            Err(ConnectFault::Refused(text)) => return Err(refuse(text, turn)),
        }
        Ok(())
    }

    /// `+OK` for a verbose client.
    fn acknowledge(&self, turn: &mut Turn<'_, '_>) {
        if self.options.verbose() {
            turn.send().extend_from_slice(encode::OK);
        }
    }
}

impl Session for NatsSession {
    fn open(&mut self, now: Now, turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        self.keep_alive.opened(now, &self.settings);
        self.send_info(info::Occasion::Opened, turn);
        Ok(())
    }

    fn receive<'a>(&mut self, now: Now, input: &'a [u8], turn: &mut Turn<'a, '_>) -> Result<usize, Close> {
        let limits = self.limits();
        let mut used = 0;
        // Most messages of a read have the subject of the one before.
        let mut checked: &[u8] = &[];
        self.wants = 0;
        while used < input.len() {
            match parse(&input[used..], &limits) {
                Ok(Step::Verb(Verb::Publish(line), bytes)) => {
                    self.on_publish(now, &line, &mut checked, turn)?;
                    used += bytes;
                }
                Ok(Step::Verb(verb, bytes)) => {
                    self.on_verb(now, verb, turn)?;
                    used += bytes;
                }
                Ok(Step::More(bytes)) => {
                    self.wants = u32::try_from(bytes).unwrap_or(u32::MAX);
                    break;
                }
                Err(fault) => return Err(on_fault(fault, turn)),
            }
        }
        Ok(used)
    }

    fn wants(&self) -> usize {
        self.wants as usize
    }

    fn complete(
        &mut self,
        now: Now,
        ticket: Ticket,
        outcome: Outcome,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Close> {
        let Some(rare) = &mut self.rare else { return Ok(()) };
        if let Some(reply) = rare.take_ack(ticket) {
            let domain = self.settings.jetstream.domain.as_deref();
            publish::answer(&reply, &outcome, domain, turn);
        } else {
            // JETSTREAM: answers to what it asked of the core. Nobody else asks anything.
            let _unasked = rare.jetstream.complete(now, ticket, outcome, turn);
        }
        Ok(())
    }

    fn wake(&mut self, now: Now, turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        match self.keep_alive.beat(now, &self.settings) {
            Beat::Quiet => Ok(()),
            Beat::Ping => {
                turn.send().extend_from_slice(encode::PING);
                Ok(())
            }
            Beat::Stale => {
                encode::error("Stale Connection", turn.send());
                Err(Close::Idle)
            }
        }
    }

    fn deadline(&self) -> Option<u64> {
        Some(self.keep_alive.next_ns())
    }

    fn ready(&self) -> bool {
        let pending = self.rare.as_ref().map_or(0, |rare| rare.acks_pending());
        pending < self.settings.acks_pending_max as usize
    }

    /// The core drops the subscriptions of a closed connection. A slow consumer is told nothing, as by nats-server:
    /// its socket takes no more bytes anyway.
    fn close(&mut self, _now: Now, _why: &Close, _turn: &mut Turn<'_, '_>) {
        self.rare = None;
    }
}

/// `-ERR` and the end of the connection.
fn refuse(text: &'static str, turn: &mut Turn<'_, '_>) -> Close {
    encode::error(text, turn.send());
    Close::Refused(text)
}

fn on_fault(fault: Fault, turn: &mut Turn<'_, '_>) -> Close {
    let (said, why) = match fault {
        Fault::UnknownOperation => (Some("Unknown Protocol Operation"), "unknown operation"),
        Fault::ControlLine => (Some("maximum control line exceeded"), "control line too long"),
        Fault::Payload => (Some("Maximum Payload Violation"), "message too large"),
        Fault::Arguments => (None, "malformed arguments"),
        Fault::ClientError => (None, "the client reported an error"),
    };
    if let Some(text) = said {
        encode::error(text, turn.send());
    }
    Close::Protocol(why)
}

#[cfg(test)]
mod tests;
