//! QoS 2 from the client (§4.3.3, method B): a publish is stored once under its packet id, until PUBREL.
//!
//! ```text
//!  PUBLISH ─→ stored with its claim ─→ PUBREC ─→ PUBREL ─→ claim forgotten ─→ PUBCOMP
//!     └─ refused ─→ whatever was claimed of it forgotten ─→ PUBREC that says why (MQTT 5)
//! ```
//!
//! For a session that outlives its connection the core keeps what is stored under which packet id, in one piece with the
//! messages themselves; what this connection remembers only saves the way there.

use super::inbound::{Inbound, Then};
use super::live::Live;
use super::retained;
use crate::codec::PacketId;
use crate::{Qos, ReasonCode, Version};
use stele_model::{Claim, Order, Outcome, Publish, Request, SessionCommand, SessionReply, Turn};

/// A PUBREC that others wait for: they leave in the order of their messages (MQTT-4.6.0-3).
#[derive(Debug)]
pub(super) struct Owed {
    packet_id: PacketId,
    reason: ReasonCode,
    /// The core has not forgotten the claim yet.
    waits: bool,
}

impl Then {
    /// Where it fails, there is no packet that says so.
    pub(super) fn has_no_refusal(&self) -> bool {
        matches!(self, Self::Freed(_) | Self::PubComp(..) | Self::PubRel(_))
    }
}

impl Inbound {
    pub(super) fn is_owed_pubrec(&self, packet_id: PacketId) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.owed.iter().any(|owed| owed.packet_id == packet_id))
    }
}

impl Live {
    /// A publish of a session that the core keeps; `put` goes to the bucket of retained messages with it.
    pub(super) fn publish_once<'a>(
        &mut self,
        packet_id: PacketId,
        message: Publish<'a>,
        put: Option<Publish<'a>>,
        turn: &mut Turn<'a, '_>,
    ) {
        if let Some(put) = put.as_ref().filter(|put| put.payload.is_some())
            && !turn.is_captured(put.subject)
        {
            let made = retained::make_bucket(turn);
            if !turn.is_captured(put.subject) {
                // Where the bucket cannot be made, that is the answer: nothing is stored.
                self.inbound.expect(made, Then::PubRec(packet_id, ReasonCode::SUCCESS));
                return;
            }
            self.inbound.expect(made, Then::Nothing);
        }
        let client = self.client.clone();
        let claim = Claim { client: &client, packet: packet_id.get() };
        let published = match put {
            Some(put) => turn.publish_once(&[message, put], claim),
            None => turn.publish_once(&[message], claim),
        };
        let reason = match published.received || self.version != Version::V5 {
            true => ReasonCode::SUCCESS,
            false => ReasonCode::NO_MATCHING_SUBSCRIBERS,
        };
        match published.ticket {
            Some(ticket) => self.inbound.expect(ticket, Then::PubRec(packet_id, reason)),
            None => self.finish_publish(Qos::ExactlyOnce, packet_id, reason),
        }
    }

    /// The publish is durable, or refused: then its packet id must be free before the client hears of that.
    pub(super) fn on_once_stored(
        &mut self,
        packet_id: PacketId,
        reason: ReasonCode,
        turn: &mut Turn<'_, '_>,
    ) {
        let waits = reason.is_error() && self.is_stored();
        if waits {
            let ticket = self.release(packet_id, turn);
            self.inbound.expect(ticket, Then::Freed(packet_id));
        }
        let is_behind = self.inbound.rare.as_ref().is_some_and(|rare| !rare.owed.is_empty());
        if waits || is_behind {
            self.inbound.rare().owed.push_back(Owed { packet_id, reason, waits });
        } else {
            self.finish_publish(Qos::ExactlyOnce, packet_id, reason);
        }
    }

    /// A refusal can be told now, and with it what waits behind it.
    pub(super) fn on_freed(&mut self, packet_id: PacketId) {
        let freed =
            self.inbound.rare().owed.iter_mut().find(|owed| owed.waits && owed.packet_id == packet_id);
        if let Some(owed) = freed {
            owed.waits = false;
        }
        while let Some(owed) = self.inbound.rare().owed.pop_front_if(|owed| !owed.waits) {
            self.finish_publish(Qos::ExactlyOnce, owed.packet_id, owed.reason);
        }
    }

    pub(super) fn on_pubrel(&mut self, packet_id: PacketId, turn: &mut Turn<'_, '_>) {
        let known = self.inbound.forget_received(packet_id);
        if self.is_stored() {
            let ticket = self.release(packet_id, turn);
            self.inbound.expect(ticket, Then::PubComp(packet_id, known));
            return;
        }
        self.on_released(packet_id, known, None);
    }

    /// PUBCOMP.
    pub(super) fn on_released(&mut self, packet_id: PacketId, known: bool, answer: Option<&Outcome>) {
        let claimed = matches!(answer, Some(Outcome::Session(SessionReply::Released { known: true })));
        let reason = match known || claimed {
            true => ReasonCode::SUCCESS,
            false => ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
        };
        self.ack(|ack, version, out| ack.encode_pubcomp(version, out), packet_id, reason);
    }

    fn release(&mut self, packet_id: PacketId, turn: &mut Turn<'_, '_>) -> stele_model::Ticket {
        let command = SessionCommand::Release { client: self.client.clone(), packet: packet_id.get() };
        turn.request(Request::Session(command), Order::InTurn)
    }
}
