//! PUBLISH from the client, and the acknowledgements that it gets (§3.3, §4.3).
//!
//! An acknowledgement leaves at once where the message caused nothing to be stored, else with the answer to the last
//! ticket of the message: tickets are answered in the order of the messages (MQTT-4.6.0-2, -3).

use super::Rejection;
use super::live::Live;
use super::rare::Rare;
use super::retained::{self, RetainedWanted};
use super::subscribe::PendingSubAck;
use super::will::{may_publish, quality};
use crate::codec::{Ack, PacketId, Properties, Publish};
use crate::mapping;
use crate::topic::TopicName;
use crate::{MqttSettings, Qos, ReasonCode, Version};
use bumpalo::Bump;
use std::collections::VecDeque;
use stele_model::{
    Close, Conditions, Error, Now, Outcome, Published, Quality, SUBJECT_BYTES_MAX, Ticket, Turn,
};

/// What came from the client and is not finished.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    pub rare: Option<Box<Rare>>,
    /// QoS 1 publishes without PUBACK.
    unacknowledged: usize,
    /// What follows the answers of the core, by rising tickets.
    waiting: VecDeque<(Ticket, Then)>,
}

/// What follows an answer.
#[derive(Debug)]
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// The next answer belongs to the same packet.
    More,
    PubAck(PacketId, ReasonCode),
    PubRec(PacketId, ReasonCode),
    /// The refusal of a QoS 2 publish can be told: its packet id is free.
    Freed(PacketId),
    /// True: this connection knows of the publish.
    PubComp(PacketId, bool),
    /// PUBREL to the client.
    PubRel(PacketId),
    SubAck(Box<PendingSubAck>),
    UnsubAck(PacketId, Box<[ReasonCode]>),
    Retained(Box<RetainedWanted>),
}

impl Inbound {
    /// Remembers what follows an answer.
    pub(super) fn expect(&mut self, ticket: Ticket, then: Then) {
        self.waiting.push_back((ticket, then));
    }

    /// Packet ids that an earlier connection of the session left.
    pub(super) fn resume(&mut self, claimed: Vec<u16>) {
        if !claimed.is_empty() {
            self.rare().received = claimed.into_iter().collect();
        }
    }

    fn take(&mut self, ticket: Ticket) -> Option<Then> {
        let index = match self.waiting.front() {
            Some((front, _)) if *front == ticket => 0,
            _ => self.waiting.binary_search_by_key(&ticket, |(other, _)| *other).ok()?,
        };
        let (_, then) = self.waiting.remove(index)?;
        if self.waiting.is_empty() {
            // A larger ring is given back.
            self.waiting.shrink_to(16);
        }
        Some(then)
    }

    pub(super) fn awaits_pubrec(&self, packet_id: PacketId) -> bool {
        let pubrec = |then: &Then| matches!(then, Then::PubRec(id, _) if *id == packet_id);
        self.waiting.iter().any(|(_, then)| pubrec(then)) || self.is_owed_pubrec(packet_id)
    }
}

impl Live {
    pub(super) fn on_publish<'a>(
        &mut self,
        settings: &MqttSettings,
        now: Now,
        packet: &Publish<'a>,
        turn: &mut Turn<'a, '_>,
    ) -> Result<(), Rejection> {
        let topic = self.resolve_alias(settings, packet, turn.arena)?;
        if let Some(packet_id) = packet.packet_id
            && !self.admit(settings, packet.qos, packet_id)?
        {
            return Ok(());
        }
        let mut subject = bumpalo::collections::Vec::with_capacity_in(topic.as_str().len() + 8, turn.arena);
        mapping::write_subject(topic, &mut subject);
        let subject: &'a [u8] = subject.into_bump_slice();
        if subject.len() > SUBJECT_BYTES_MAX {
            return self.refuse_publish(packet, ReasonCode::TOPIC_NAME_INVALID);
        }
        if !may_publish(subject) {
            return self.refuse_publish(packet, ReasonCode::NOT_AUTHORIZED);
        }
        let mut message = stele_model::Publish::new(subject, packet.payload);
        message.quality = quality(packet.qos);
        message.retain = packet.retain;
        message.ack = packet.qos > Qos::AtMostOnce;
        message.headers = mapping::as_headers(&[]);
        if !packet.properties.is_empty() {
            match read_properties(packet.properties, now, turn.arena, &mut message) {
                Ok(()) => {}
                Err(reason) => return self.refuse_publish(packet, reason),
            }
        }
        if let Some(packet_id) =
            packet.packet_id.filter(|_| packet.qos == Qos::ExactlyOnce && self.is_stored())
        {
            let put = if packet.retain {
                retained::prepare(&message, packet.properties, now, turn.arena)
            } else {
                None
            };
            self.publish_once(packet_id, message, put, turn);
            return Ok(());
        }
        let published = turn.publish(message);
        let mut tickets = [published.ticket, None];
        if packet.retain {
            let stored = retained::put(&message, packet.properties, now, turn);
            if packet.qos == Qos::AtMostOnce {
                if let Some(ticket) = stored {
                    self.inbound.expect(ticket, Then::Nothing);
                }
                return Ok(());
            }
            tickets[1] = stored;
        }
        if let Some(packet_id) = packet.packet_id {
            self.acknowledge(packet.qos, packet_id, published, tickets);
        }
        Ok(())
    }

    /// The topic, after its alias was looked up or set (§3.3.2.3.4).
    fn resolve_alias<'a>(
        &mut self,
        settings: &MqttSettings,
        packet: &Publish<'a>,
        arena: &'a Bump,
    ) -> Result<TopicName<'a>, Rejection> {
        let alias = if packet.properties.is_empty() { None } else { packet.properties.topic_alias() };
        let fault = |reason, text| Err(Rejection::fault(self.version, reason, text));
        let Some(alias) = alias else {
            return match packet.topic {
                Some(topic) => Ok(topic),
                None => fault(ReasonCode::PROTOCOL_ERROR, "no topic and no alias (MQTT 5 §3.3.2.1)"),
            };
        };
        if alias == 0 || alias > settings.topic_alias_max {
            return fault(ReasonCode::TOPIC_ALIAS_INVALID, "topic alias above the maximum (MQTT-3.3.2-9)");
        }
        let index = usize::from(alias) - 1;
        if let Some(topic) = packet.topic {
            let aliases = &mut self.inbound.rare().aliases;
            if aliases.len() <= index {
                aliases.resize(index + 1, None);
            }
            aliases[index] = Some(topic.as_str().into());
            return Ok(topic);
        }
        match self.inbound.rare.as_ref().and_then(|rare| rare.aliases.get(index)) {
            Some(Some(topic)) => Ok(TopicName::trusted(arena.alloc_str(topic))),
            _ => fault(ReasonCode::PROTOCOL_ERROR, "unknown topic alias (MQTT 5 §3.3.4)"),
        }
    }

    /// Counts a QoS 1 or 2 publish; false for one that was received before.
    fn admit(&mut self, settings: &MqttSettings, qos: Qos, packet_id: PacketId) -> Result<bool, Rejection> {
        if qos == Qos::ExactlyOnce && self.inbound.has_received(packet_id) {
            // Never twice (MQTT-4.3.3-10). While the first one is being stored, its PUBREC serves both.
            if !self.inbound.awaits_pubrec(packet_id) {
                self.ack(|ack, version, out| ack.encode_pubrec(version, out), packet_id, ReasonCode::SUCCESS);
            }
            return Ok(false);
        }
        let in_flight = self.inbound.unacknowledged + self.inbound.received_count();
        if in_flight >= usize::from(settings.receive_max.max(1)) {
            let text = "more publishes in flight than the receive maximum (MQTT-3.3.4-7)";
            return Err(Rejection::fault(self.version, ReasonCode::RECEIVE_MAXIMUM_EXCEEDED, text));
        }
        if qos == Qos::ExactlyOnce {
            self.inbound.rare().received.insert(packet_id.get());
        } else {
            self.inbound.unacknowledged += 1;
        }
        Ok(true)
    }

    fn acknowledge(
        &mut self,
        qos: Qos,
        packet_id: PacketId,
        published: Published,
        tickets: [Option<Ticket>; 2],
    ) {
        let reason =
            if published.received || tickets.iter().any(Option::is_some) || self.version != Version::V5 {
                ReasonCode::SUCCESS
            } else {
                ReasonCode::NO_MATCHING_SUBSCRIBERS
            };
        let [first, second] = tickets;
        let Some(last) = second.or(first) else {
            self.finish_publish(qos, packet_id, reason);
            return;
        };
        if let Some(first) = first.filter(|first| *first != last) {
            self.inbound.expect(first, Then::More);
        }
        let then = match qos {
            Qos::ExactlyOnce => Then::PubRec(packet_id, reason),
            _ => Then::PubAck(packet_id, reason),
        };
        self.inbound.expect(last, then);
    }

    /// PUBACK or PUBREC.
    pub(super) fn finish_publish(&mut self, qos: Qos, packet_id: PacketId, reason: ReasonCode) {
        match qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => {
                self.inbound.unacknowledged = self.inbound.unacknowledged.saturating_sub(1);
                self.ack(|ack, version, out| ack.encode_puback(version, out), packet_id, reason);
            }
            Qos::ExactlyOnce => {
                if reason.is_error() {
                    self.inbound.forget_received(packet_id);
                }
                self.ack(|ack, version, out| ack.encode_pubrec(version, out), packet_id, reason);
            }
        }
    }

    /// What may not be published is acknowledged and dropped; MQTT 5 says why (reference: MQTT 3.1.1 has no words).
    fn refuse_publish(&mut self, packet: &Publish<'_>, reason: ReasonCode) -> Result<(), Rejection> {
        if let Some(packet_id) = packet.packet_id {
            let reason = if self.version == Version::V5 { reason } else { ReasonCode::SUCCESS };
            self.finish_publish(packet.qos, packet_id, reason);
        }
        Ok(())
    }

    /// An answer of the core to something that the client waits for.
    pub(super) fn on_answer(
        &mut self,
        settings: &MqttSettings,
        now: Now,
        ticket: Ticket,
        outcome: Outcome,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Rejection> {
        let Some(then) = self.inbound.take(ticket) else { return Ok(()) };
        let (answer, failure) = match outcome {
            Outcome::Failed(error) => (None, Some(error)),
            answer => (Some(answer), None),
        };
        if let Then::Retained(wanted) = then {
            self.on_retained(settings, now, *wanted, answer, turn);
            self.flush_acks(turn);
            return Ok(());
        }
        if matches!(failure, Some(Error::SessionFenced)) {
            return Err(Rejection::Close(Close::TakenOver));
        }
        if matches!(then, Then::More) {
            if let Some(failure) = failure {
                self.inbound.rare().refused.get_or_insert(failure);
            }
            return Ok(());
        }
        let refused = self.inbound.take_refused().or(failure);
        if let Some(error) = &refused
            && (then.has_no_refusal() || self.version != Version::V5 && !error.is_final())
        {
            // Without a word for it, only the end of the connection tells that the message is not safe.
            return Err(Rejection::Close(Close::Refused("the broker cannot store it")));
        }
        self.follow(settings, now, then, answer, refused, turn);
        self.flush_acks(turn);
        Ok(())
    }

    fn follow(
        &mut self,
        settings: &MqttSettings,
        now: Now,
        then: Then,
        answer: Option<Outcome>,
        refused: Option<Error>,
        turn: &mut Turn<'_, '_>,
    ) {
        let refusal = refused.as_ref().map(|error| match self.version {
            Version::V5 => reason_of(error),
            _ => ReasonCode::SUCCESS,
        });
        match then {
            Then::Nothing | Then::More | Then::Retained(_) => {}
            Then::PubAck(id, reason) => self.finish_publish(Qos::AtLeastOnce, id, refusal.unwrap_or(reason)),
            Then::PubRec(id, reason) => self.on_once_stored(id, refusal.unwrap_or(reason), turn),
            Then::Freed(id) => self.on_freed(id),
            Then::PubComp(id, known) => self.on_released(id, known, answer.as_ref()),
            Then::PubRel(id) => {
                self.ack(|ack, version, out| ack.encode_pubrel(version, out), id, ReasonCode::SUCCESS);
            }
            Then::SubAck(pending) => self.send_suback(settings, now, *pending, refused.as_ref(), turn),
            Then::UnsubAck(id, reasons) => self.send_unsuback(id, &reasons, turn),
        }
    }

    /// Collects a PUBACK, PUBREC, PUBREL or PUBCOMP.
    pub(super) fn ack(
        &mut self,
        encode: impl FnOnce(&Ack<'_>, Version, &mut Vec<u8>) -> Result<(), crate::codec::PacketTooLarge>,
        packet_id: PacketId,
        reason: ReasonCode,
    ) {
        let written = encode(&Ack::failure(packet_id, reason), self.version, &mut self.acks);
        debug_assert!(written.is_ok(), "a packet without properties always fits");
    }
}

/// Where an answer to a message with these properties goes.
pub(super) fn reply_of<'a>(properties: Properties<'_>, arena: &'a Bump) -> Option<&'a [u8]> {
    let topic = TopicName::parse(properties.response_topic()?).ok()?;
    let mut reply = bumpalo::collections::Vec::with_capacity_in(topic.as_str().len() + 8, arena);
    mapping::write_subject(topic, &mut reply);
    Some(reply.into_bump_slice())
}

/// Headers, reply and conditions of a publish.
fn read_properties<'a>(
    properties: Properties<'a>,
    now: Now,
    arena: &'a Bump,
    message: &mut stele_model::Publish<'a>,
) -> Result<(), ReasonCode> {
    message.headers = mapping::as_headers(mapping::store_headers(properties, now.wall_ns / 1_000_000, arena));
    if let Some(reply) = reply_of(properties, arena) {
        if reply.first() == Some(&b'$') || reply.len() > SUBJECT_BYTES_MAX {
            return Err(ReasonCode::TOPIC_NAME_INVALID);
        }
        message.reply = reply;
    }
    let message_id = properties.user_properties().find(|(name, _)| *name == "Nats-Msg-Id");
    if let Some((_, id)) = message_id {
        let conditions = Conditions { message_id: Some(id.as_bytes()), ..Conditions::default() };
        message.conditions = Some(arena.alloc(conditions));
    }
    if message.quality == Quality::AtMostOnce {
        message.ack = false;
    }
    Ok(())
}

/// MQTT 5's word for a refusal of the core.
pub(super) fn reason_of(error: &Error) -> ReasonCode {
    match error {
        Error::RecordsExceeded
        | Error::BytesExceeded
        | Error::SubjectRecordsExceeded
        | Error::MessageTooLarge
        | Error::DedupWindowFull
        | Error::DiskFull
        | Error::QuotaExceeded
        | Error::Overloaded => ReasonCode::QUOTA_EXCEEDED,
        Error::NotAuthorized => ReasonCode::NOT_AUTHORIZED,
        _ => ReasonCode::UNSPECIFIED_ERROR,
    }
}
