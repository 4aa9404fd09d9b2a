//! An open session: its parts, and which packet goes to which of them.

use super::inbound::Inbound;
use super::outbound::Outbound;
use super::subscribe::Subscriptions;
use super::{Rejection, disconnect};
use crate::codec::{Disconnect, Packet};
use crate::{MqttSettings, ReasonCode, Version};
use bytes::Bytes;
use stele_model::{Close, Now, Outcome, SessionReply, Ticket, Turn, Will};

/// What a connection is after CONNACK.
#[derive(Debug)]
pub(super) struct Live {
    pub client: Bytes,
    pub version: Version,
    /// The ticket of the session: a newer holder is told under it.
    pub open: Ticket,
    /// How long the session outlives the connection (s).
    pub expiry_s: u32,
    /// The core keeps state for the session: it outlives its connection, or did so before.
    pub stored: bool,
    pub keep_alive: KeepAlive,
    pub will: Option<Box<Will>>,
    pub peer: PeerLimits,
    /// Acknowledgements of this read; they leave together, so that they do not cut runs of messages.
    pub acks: Vec<u8>,
    pub inbound: Inbound,
    pub outbound: Outbound,
    pub subscriptions: Subscriptions,
    /// The client knows why the connection ends.
    pub said_goodbye: bool,
}

/// What CONNECT says about the client's packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerLimits {
    pub packet_bytes_max: u32,
    /// Reason strings may be sent.
    #[allow(
        dead_code,
        reason = "no reason strings are sent yet; the client's wish is kept for the first one"
    )]
    pub problem_information: bool,
}

impl Live {
    pub(super) fn on_packet<'a>(
        &mut self,
        settings: &MqttSettings,
        now: Now,
        packet: Packet<'a>,
        turn: &mut Turn<'a, '_>,
    ) -> Result<(), Rejection> {
        self.keep_alive.heard(now);
        match packet {
            Packet::Publish(publish) => return self.on_publish(settings, now, &publish, turn),
            Packet::PubAck(ack) => self.on_puback(settings, now, &ack, turn),
            Packet::PubRec(ack) => self.on_pubrec(settings, now, &ack, turn),
            Packet::PubRel(ack) => self.on_pubrel(ack.packet_id, turn),
            Packet::PubComp(ack) => self.on_pubcomp(settings, now, ack.packet_id, turn),
            Packet::Subscribe(subscribe) => self.on_subscribe(settings, &subscribe, turn),
            Packet::Unsubscribe(unsubscribe) => self.on_unsubscribe(&unsubscribe, turn),
            Packet::PingReq => {
                self.flush_acks(turn);
                turn.send().extend_from_slice(PINGRESP);
            }
            Packet::Disconnect(packet) => return self.on_disconnect(settings, &packet),
            Packet::Auth(_) => {
                let text = "AUTH without an authentication method (MQTT 5 §4.12)";
                return Err(Rejection::fault(self.version, ReasonCode::PROTOCOL_ERROR, text));
            }
            // The decoder refuses what only a server sends, and a second CONNECT.
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp => {}
        }
        Ok(())
    }

    /// An answer of the core.
    pub(super) fn complete(
        &mut self,
        settings: &MqttSettings,
        now: Now,
        ticket: Ticket,
        outcome: Outcome,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Rejection> {
        if ticket == self.open {
            if let Outcome::Session(SessionReply::TakenOver { ended }) = outcome {
                if ended {
                    // What the core kept is gone: the will cannot wait any more (MQTT 5 §3.1.3.2.2).
                    self.expiry_s = 0;
                }
                return Err(Rejection::Close(Close::TakenOver));
            }
            return Ok(());
        }
        if self.is_fetch(ticket) {
            self.on_fetched(settings, now, outcome, turn);
            return Ok(());
        }
        self.on_answer(settings, now, ticket, outcome, turn)
    }

    /// Says why the connection ends, where the version has words for it and they were not said.
    pub(super) fn say_goodbye(&mut self, why: &Close, turn: &mut Turn<'_, '_>) {
        let reason = match why {
            Close::Goodbye | Close::Lost => return,
            Close::Protocol(_) => ReasonCode::PROTOCOL_ERROR,
            Close::Idle => ReasonCode::KEEP_ALIVE_TIMEOUT,
            Close::SlowConsumer => ReasonCode::QUOTA_EXCEEDED,
            Close::TakenOver => ReasonCode::SESSION_TAKEN_OVER,
            Close::Refused(_) => ReasonCode::ADMINISTRATIVE_ACTION,
            Close::Shutdown => ReasonCode::SERVER_SHUTTING_DOWN,
        };
        if !std::mem::replace(&mut self.said_goodbye, true) {
            disconnect(self.version, reason, turn.send());
        }
    }

    /// Sends the acknowledgements that were collected.
    pub(super) fn flush_acks(&mut self, turn: &mut Turn<'_, '_>) {
        if !self.acks.is_empty() {
            turn.send().extend_from_slice(&self.acks);
            self.acks.clear();
            if self.acks.capacity() > ACKS_KEPT_BYTES {
                self.acks = Vec::new();
            }
        }
    }

    /// Does the core keep state for the session?
    pub(super) fn is_stored(&self) -> bool {
        self.stored
    }

    fn on_disconnect(&mut self, settings: &MqttSettings, packet: &Disconnect<'_>) -> Result<(), Rejection> {
        if let Some(expiry_s) = packet.properties.session_expiry_seconds() {
            if self.expiry_s == 0 && expiry_s > 0 {
                let text = "session expiry where CONNECT set none (MQTT 5 §3.14.2.2.2)";
                return Err(Rejection::fault(self.version, ReasonCode::PROTOCOL_ERROR, text));
            }
            self.outbound.expiry_changed = Some(expiry_s.min(settings.session_expiry_max_s));
        }
        if packet.reason == ReasonCode::SUCCESS {
            self.will = None;
        }
        self.said_goodbye = true;
        Err(Rejection::Close(Close::Goodbye))
    }
}

/// When the client must have sent something (§3.1.2.10).
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAlive {
    /// One and a half times what was agreed; 0: never mind.
    patience_ns: u64,
    heard_ns: u64,
}

impl KeepAlive {
    pub(super) fn new(seconds: u16, now: Now) -> Self {
        Self { patience_ns: u64::from(seconds) * 1_500_000_000, heard_ns: now.monotonic_ns }
    }

    pub(super) fn heard(&mut self, now: Now) {
        self.heard_ns = now.monotonic_ns;
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        (self.patience_ns > 0).then(|| self.heard_ns.saturating_add(self.patience_ns))
    }
}

const PINGRESP: &[u8] = &[0xd0, 0];

/// A larger buffer is given back.
const ACKS_KEPT_BYTES: usize = 256;
