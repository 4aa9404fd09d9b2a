//! The will (§3.1.2.5): published when the connection ends without DISCONNECT 0x00.

use super::Rejection;
use super::live::Live;
use super::retained;
use crate::codec::{self, Properties, PropertyContext};
use crate::mapping;
use crate::{CloseWith, Fault, Qos, ReasonCode, Version};
use stele_model::{
    Close, Now, Order, Publish, Quality, Request, SessionCommand, Turn, Will, is_literal_subject,
};

/// Takes the will out of CONNECT.
pub(super) fn read(will: &codec::Will<'_>, version: Version) -> Result<Box<Will>, Rejection> {
    let mut subject = Vec::new();
    mapping::write_subject(will.topic, &mut subject);
    if !is_literal_subject(&subject) {
        return Err(Rejection::Fault(Fault {
            close: CloseWith::ConnAck(version),
            reason: ReasonCode::TOPIC_NAME_INVALID,
            text: "the will's topic is too long",
        }));
    }
    Ok(Box::new(Will {
        subject,
        properties: will.properties.as_bytes().to_vec(),
        payload: will.payload.to_vec(),
        quality: quality(will.qos),
        retain: will.retain,
        delay_s: will.properties.will_delay_seconds().unwrap_or(0),
    }))
}

/// Publishes a will, live and to whatever stores it. The ticket, where something does, is answered then.
pub(crate) fn publish(will: &Will, now: Now, turn: &mut Turn<'_, '_>) -> Option<stele_model::Ticket> {
    let arena = turn.arena;
    let subject: &[u8] = arena.alloc_slice_copy(&will.subject);
    let payload: &[u8] = arena.alloc_slice_copy(&will.payload);
    let bytes: &[u8] = arena.alloc_slice_copy(&will.properties);
    let properties = Properties::from_bytes(bytes, PropertyContext::Will).unwrap_or_default();
    let now_ms = now.wall_ns / 1_000_000;
    let mut message = Publish::new(subject, payload);
    message.headers = mapping::as_headers(mapping::store_headers(properties, now_ms, arena));
    message.reply = super::inbound::reply_of(properties, arena).unwrap_or_default();
    message.quality = will.quality;
    message.retain = will.retain;
    message.ack = will.quality > Quality::AtMostOnce;
    if !may_publish(subject) {
        return None;
    }
    let mut ticket = turn.publish(message).ticket;
    if will.retain {
        ticket = retained::put(&message, properties, now, turn).or(ticket);
    }
    ticket
}

/// From MQTT only buckets and object stores of the internal subjects can be published.
pub(super) fn may_publish(subject: &[u8]) -> bool {
    subject.first() != Some(&b'$') || subject.starts_with(b"$KV.") || subject.starts_with(b"$O.")
}

pub(super) fn quality(qos: Qos) -> Quality {
    match qos {
        Qos::AtMostOnce => Quality::AtMostOnce,
        Qos::AtLeastOnce => Quality::AtLeastOnce,
        Qos::ExactlyOnce => Quality::ExactlyOnce,
    }
}

pub(super) fn qos(quality: Quality) -> Qos {
    match quality {
        Quality::AtMostOnce => Qos::AtMostOnce,
        Quality::AtLeastOnce => Qos::AtLeastOnce,
        Quality::ExactlyOnce => Qos::ExactlyOnce,
    }
}

impl Live {
    /// The connection ends: the will, and the core's part of the session.
    pub(super) fn end(mut self: Box<Self>, now: Now, why: &Close, turn: &mut Turn<'_, '_>) {
        let expiry_changed = self.outbound.expiry_changed.take();
        let expiry_s = expiry_changed.unwrap_or(self.expiry_s);
        let Some(will) = self.will.take() else {
            self.detach(expiry_changed, true, turn);
            return;
        };
        // A resumed session cancels a will that waits; a session that ends does not let it wait.
        let waits = will.delay_s > 0 && expiry_s > 0;
        if waits {
            let taken_over = *why == Close::TakenOver;
            self.detach(expiry_changed, taken_over, turn);
        } else {
            publish(&will, now, turn);
            self.detach(expiry_changed, true, turn);
        }
    }

    pub(super) fn detach(&self, expiry_s: Option<u32>, drop_will: bool, turn: &mut Turn<'_, '_>) {
        let command = SessionCommand::Detach { client: self.client.clone(), expiry_s, drop_will };
        turn.request(Request::Session(command), Order::Free);
    }
}
