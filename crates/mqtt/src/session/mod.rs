//! One MQTT connection.
//!
//! ```text
//!  AwaitConnect ── CONNECT ─→ Opening ── the core opened the session, CONNACK ─→ Live ── fault, goodbye ─→ Ended
//! ```
//!
//! While the session is being opened nothing is taken from the peer: packets behind CONNECT wait.
//!
//! * `connect`: CONNECT and CONNACK.
//! * `inbound`: PUBLISH from the client and its acknowledgements. `retained`: the bucket of last values.
//! * `outbound`: PUBLISH to the client, its window, its queue.
//! * `subscribe`: SUBSCRIBE, UNSUBSCRIBE and what is held.
//! * `stored`: what the core keeps of a session that outlives its connection.
//! * `will`: the message that follows the loss of the connection.

mod connect;
mod exactly_once;
mod inbound;
mod live;
mod outbound;
mod rare;
mod retained;
mod stored;
mod subscribe;
mod will;

use crate::codec::{Decoder, Disconnect, Packet, Properties, Step};
use crate::{CloseWith, Fault, MqttSettings, ReasonCode, Version};
use connect::Opening;
use live::Live;
use std::sync::Arc;
use stele_model::{Close, Handed, Now, Outcome, Session, SubscriptionId, Ticket, Turn};
pub(crate) use will::publish as publish_will;

/// One connection's protocol state; see the module's head for its states.
#[derive(Debug)]
pub struct MqttSession {
    settings: Arc<MqttSettings>,
    decoder: Decoder,
    /// Bytes that the next `receive` needs at least.
    wants: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    /// CONNECT must come until then (monotonic ns).
    AwaitConnect(u64),
    /// The core is asked for the session.
    Opening(Box<Opening>),
    /// Packets flow.
    Live(Box<Live>),
    /// The last words were said.
    Ended,
}

impl MqttSession {
    /// A session for a fresh connection.
    pub fn new(settings: Arc<MqttSettings>) -> Self {
        let decoder = Decoder::for_server(settings.packet_bytes_max);
        Self { settings, decoder, wants: 0, state: State::AwaitConnect(u64::MAX) }
    }

    fn on_packet<'a>(
        &mut self,
        now: Now,
        packet: Packet<'a>,
        turn: &mut Turn<'a, '_>,
    ) -> Result<(), Rejection> {
        match (&mut self.state, packet) {
            (State::AwaitConnect(_), Packet::Connect(connect)) => {
                let opening = Opening::begin(&self.settings, now, &connect, turn)?;
                self.state = State::Opening(Box::new(opening));
                Ok(())
            }
            (State::Live(live), packet) => live.on_packet(&self.settings, now, packet, turn),
            // The decoder lets nothing but CONNECT through first, and a session that opens or ended takes nothing.
            _ => Ok(()),
        }
    }

    /// Says what the version has words for, once, and ends the connection.
    fn reject(&mut self, rejection: Rejection, turn: &mut Turn<'_, '_>) -> Close {
        match rejection {
            Rejection::Fault(fault) => {
                if let State::Live(live) = &mut self.state {
                    live.flush_acks(turn);
                    live.said_goodbye = true;
                }
                fault.encode_answer(turn.send());
                Close::Protocol(fault.text)
            }
            Rejection::Close(close) => close,
        }
    }
}

impl Session for MqttSession {
    fn open(&mut self, now: Now, _turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        let deadline_ns = now.monotonic_ns.saturating_add(self.settings.connect_timeout_ns);
        self.state = State::AwaitConnect(deadline_ns);
        Ok(())
    }

    fn receive<'a>(&mut self, now: Now, input: &'a [u8], turn: &mut Turn<'a, '_>) -> Result<usize, Close> {
        let mut used = 0;
        self.wants = 0;
        while used < input.len() && !matches!(self.state, State::Opening(_)) {
            let taken = match self.decoder.next(&input[used..]) {
                Ok(Step::Incomplete { needed }) => {
                    self.wants = u32::try_from(needed).unwrap_or(u32::MAX);
                    break;
                }
                Ok(Step::Packet { packet, consumed }) => {
                    used += consumed;
                    self.on_packet(now, packet, turn)
                }
                Err(fault) => Err(Rejection::Fault(fault)),
            };
            if let Err(rejection) = taken {
                return Err(self.reject(rejection, turn));
            }
        }
        if let State::Live(live) = &mut self.state {
            live.flush_acks(turn);
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
        let completed = match std::mem::replace(&mut self.state, State::Ended) {
            State::Opening(opening) if opening.ticket() == ticket => {
                match opening.finish(&self.settings, now, outcome, turn) {
                    Ok(live) => {
                        self.state = State::Live(live);
                        Ok(())
                    }
                    Err(rejection) => Err(rejection),
                }
            }
            State::Live(mut live) => {
                let completed = live.complete(&self.settings, now, ticket, outcome, turn);
                self.state = State::Live(live);
                completed
            }
            other => {
                self.state = other;
                Ok(())
            }
        };
        completed.map_err(|rejection| self.reject(rejection, turn))
    }

    fn deliver(
        &mut self,
        now: Now,
        message: &Arc<Handed>,
        to: &[SubscriptionId],
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Close> {
        if let State::Live(live) = &mut self.state {
            live.deliver(&self.settings, now, message, to, turn);
        }
        Ok(())
    }

    fn wake(&mut self, now: Now, _turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        match self.deadline() {
            Some(deadline) if deadline <= now.monotonic_ns => Err(Close::Idle),
            _ => Ok(()),
        }
    }

    fn deadline(&self) -> Option<u64> {
        match &self.state {
            State::AwaitConnect(deadline_ns) => Some(*deadline_ns),
            State::Opening(_) | State::Ended => None,
            State::Live(live) => live.keep_alive.deadline(),
        }
    }

    fn ready(&self) -> bool {
        !matches!(self.state, State::Opening(_))
    }

    fn close(&mut self, now: Now, why: &Close, turn: &mut Turn<'_, '_>) {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Live(mut live) => {
                live.flush_acks(turn);
                live.say_goodbye(why, turn);
                live.end(now, why, turn);
            }
            State::Opening(opening) => opening.abandon(turn),
            State::AwaitConnect(_) | State::Ended => {}
        }
    }
}

/// Why a packet ends the connection.
#[derive(Debug)]
enum Rejection {
    /// The client broke a rule, and is told in its version's words.
    Fault(Fault),
    /// The end has another reason; what there is to say is said at the close.
    Close(Close),
}

impl Rejection {
    /// A broken rule on a connection that is live.
    fn fault(version: Version, reason: ReasonCode, text: &'static str) -> Self {
        let close = if version == Version::V5 { CloseWith::Disconnect } else { CloseWith::Silence };
        Self::Fault(Fault { close, reason, text })
    }
}

/// Appends a DISCONNECT; older versions have none from a server.
fn disconnect(version: Version, reason: ReasonCode, out: &mut Vec<u8>) {
    if version == Version::V5 {
        let written = Disconnect { reason, properties: Properties::EMPTY }.encode(version, out);
        debug_assert!(written.is_ok(), "a packet without properties always fits");
    }
}
