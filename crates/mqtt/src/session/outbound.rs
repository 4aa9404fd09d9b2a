//! PUBLISH to the client: the window of unacknowledged packets, and the queue behind it (§4.3, §4.9).

use super::live::Live;
use super::will::qos as qos_of;
use crate::codec::{Ack, PacketId};
use crate::format::outgoing;
use crate::mapping::Origin;
use crate::outgoing::{Outgoing, Shape, Unsendable};
use crate::{MqttSettings, Qos, ReasonCode, Version};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use stele_model::{Handed, Headers, Now, StoredRecord, SubscriptionId, Ticket, Turn};

/// What goes to the client and is not finished.
#[derive(Debug)]
pub(super) struct Outbound {
    /// Packets on their way, in the order in which they left.
    in_flight: Vec<InFlight>,
    in_flight_max: u16,
    /// Messages of QoS 1 and 2 behind the window.
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    last_id: u16,
    alias_max: u16,
    /// Few clients take any.
    aliases: Option<Box<Aliases>>,
    /// The waiting question for the stored queue, and where it goes on.
    pub fetch: Option<Ticket>,
    pub fetch_from: u64,
    /// Ordinals below this may have been sent by an earlier connection.
    pub sent_below: u64,
    /// DISCONNECT changed the session's expiry (s).
    pub expiry_changed: Option<u32>,
}

/// Topic aliases towards the client, by subject.
#[derive(Debug, Default)]
struct Aliases {
    by_subject: BTreeMap<Box<[u8]>, u16>,
}

/// A packet of QoS 1 or 2 on its way.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    packet_id: PacketId,
    stage: Stage,
    /// Its number in the stored queue.
    ordinal: Option<u64>,
}

/// What the client owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "the names of packets")]
enum Stage {
    PubAck,
    PubRec,
    PubComp,
}

/// A message for this client.
#[derive(Debug)]
pub(super) struct Queued {
    pub what: What,
    pub qos: Qos,
    pub retain: bool,
    pub identifiers: Box<[u32]>,
    /// Its number in the stored queue.
    pub ordinal: Option<u64>,
}

/// Where the message's bytes are.
#[derive(Debug)]
pub(super) enum What {
    Live(Arc<Handed>),
    Stored(Box<StoredMessage>),
}

/// A message that was read back.
#[derive(Debug)]
pub(super) struct StoredMessage {
    /// Under which it is shown; may differ from the record's.
    pub subject: Bytes,
    pub reply: Bytes,
    pub origin: Origin,
    pub record: StoredRecord,
}

impl Outbound {
    pub(super) fn new(in_flight_max: u16, alias_max: u16) -> Self {
        Self {
            in_flight: Vec::new(),
            in_flight_max,
            queue: VecDeque::new(),
            queued_bytes: 0,
            last_id: 0,
            alias_max,
            aliases: None,
            fetch: None,
            fetch_from: 0,
            sent_below: 0,
            expiry_changed: None,
        }
    }

    /// Messages that fit into the window and the stored queue's part of memory.
    pub(super) fn room(&self) -> usize {
        usize::from(self.in_flight_max).saturating_sub(self.in_flight.len() + self.queue.len())
    }

    /// A PUBREL that an earlier connection owed is on its way again.
    pub(super) fn resume_pubrel(&mut self, packet_id: PacketId, ordinal: u64) {
        self.in_flight.push(InFlight { packet_id, stage: Stage::PubComp, ordinal: Some(ordinal) });
    }

    /// The client takes topic aliases, which only the session can write.
    pub(super) fn uses_aliases(&self) -> bool {
        self.alias_max > 0
    }

    /// The oldest number that is not finished, among those on their way.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.in_flight.iter().filter_map(|packet| packet.ordinal).min()
    }

    fn is_open(&self) -> bool {
        self.in_flight.len() < usize::from(self.in_flight_max)
    }

    /// The next unused packet id for a message that no log numbers. Stored queues number their own packets from 1 to
    /// [`ORDINAL_IDS`], so that a resumed session repeats them.
    fn next_id(&mut self) -> PacketId {
        loop {
            self.last_id = if self.last_id < ORDINAL_IDS || self.last_id == u16::MAX {
                ORDINAL_IDS + 1
            } else {
                self.last_id + 1
            };
            if let Some(id) = PacketId::new(self.last_id)
                && !self.in_flight.iter().any(|packet| packet.packet_id == id)
            {
                return id;
            }
        }
    }

    fn alias(&mut self, subject: &[u8]) -> Option<(u16, bool)> {
        if self.alias_max == 0 {
            return None;
        }
        let aliases = &self.aliases.get_or_insert_default().by_subject;
        if let Some(alias) = aliases.get(subject) {
            return Some((*alias, true));
        }
        let next = u16::try_from(aliases.len()).unwrap_or(u16::MAX);
        (next < self.alias_max).then_some((next + 1, false))
    }

    fn take(&mut self, packet_id: PacketId, stage: Stage) -> Option<InFlight> {
        let is = |packet: &InFlight| packet.packet_id == packet_id && packet.stage == stage;
        let index = self.in_flight.iter().position(is)?;
        let packet = self.in_flight.remove(index);
        if self.in_flight.is_empty() && self.in_flight.capacity() > IN_FLIGHT_KEPT {
            self.in_flight = Vec::new();
        }
        Some(packet)
    }
}

/// The packet id of a message in a stored queue.
pub(super) fn id_of(ordinal: u64) -> PacketId {
    let id = (ordinal % u64::from(ORDINAL_IDS)) as u16 + 1;
    PacketId::new(id).unwrap_or(PacketId::MIN)
}

impl Live {
    /// A live message that at least one subscription wants through the session.
    pub(super) fn deliver(
        &mut self,
        settings: &MqttSettings,
        now: Now,
        message: &Arc<Handed>,
        to: &[SubscriptionId],
        turn: &mut Turn<'_, '_>,
    ) {
        let Some(wanted) = self.subscriptions.wanted(to) else { return };
        let queued = Queued {
            what: What::Live(message.clone()),
            qos: qos_of(message.quality).min(wanted.qos),
            retain: message.retain && wanted.retain_as_published,
            identifiers: wanted.identifiers,
            ordinal: None,
        };
        self.offer(settings, now, queued, turn);
    }

    /// Sends a message, or queues it behind those that wait. A full queue takes no more of it (Mosquitto's rule);
    /// retained messages are not counted, because a subscription's first messages would be lost to its own limit.
    pub(super) fn offer(
        &mut self,
        settings: &MqttSettings,
        now: Now,
        queued: Queued,
        turn: &mut Turn<'_, '_>,
    ) {
        if queued.qos == Qos::AtMostOnce || self.outbound.is_open() && self.outbound.queue.is_empty() {
            self.send(now, &queued, turn);
            return;
        }
        let bytes = queued.cost();
        let counts = matches!(queued.what, What::Live(_));
        let full = self.outbound.queue.len() >= settings.queued_max
            || self.outbound.queued_bytes + bytes > settings.queued_bytes_max;
        if counts && full {
            return;
        }
        self.outbound.queued_bytes += bytes;
        self.outbound.queue.push_back(queued);
    }

    /// The window may have opened.
    pub(super) fn pump(&mut self, settings: &MqttSettings, now: Now, turn: &mut Turn<'_, '_>) {
        while self.outbound.is_open() {
            let Some(queued) = self.outbound.queue.pop_front() else { break };
            self.outbound.queued_bytes -= queued.cost();
            if self.outbound.queue.is_empty() {
                self.outbound.queue = VecDeque::new();
            }
            self.send(now, &queued, turn);
        }
        self.fetch(settings, turn);
    }

    fn send(&mut self, now: Now, queued: &Queued, turn: &mut Turn<'_, '_>) {
        let message = queued.outgoing();
        let packet_id = match (queued.qos, queued.ordinal) {
            (Qos::AtMostOnce, _) => None,
            (_, Some(ordinal)) => Some(id_of(ordinal)),
            (_, None) => Some(self.outbound.next_id()),
        };
        let alias = self.outbound.alias(message.subject);
        let shape = Shape {
            version: self.version,
            qos: queued.qos,
            packet_id,
            duplicate: queued.ordinal.is_some_and(|ordinal| ordinal < self.outbound.sent_below)
                && packet_id.is_some(),
            retain: queued.retain,
            identifiers: if self.version == Version::V5 { &queued.identifiers } else { &[] },
            packet_bytes_max: self.peer.packet_bytes_max,
            alias,
            now_ms: Some(now.wall_ns / 1_000_000),
        };
        self.flush_acks(turn);
        match message.encode(&shape, turn.send()) {
            Ok(()) => {
                if let Some((alias, false)) = alias {
                    let aliases = &mut self.outbound.aliases.get_or_insert_default().by_subject;
                    aliases.insert(message.subject.into(), alias);
                }
                if let Some(packet_id) = packet_id {
                    let stage = if queued.qos == Qos::AtLeastOnce { Stage::PubAck } else { Stage::PubRec };
                    self.outbound.in_flight.push(InFlight { packet_id, stage, ordinal: queued.ordinal });
                }
            }
            Err(Unsendable::NoMqttForm | Unsendable::TooLarge | Unsendable::Expired) => {
                // As if it had been delivered (MQTT-3.1.2-25, MQTT-3.3.2-5).
                self.finish_stored(queued.ordinal, turn);
            }
        }
    }

    pub(super) fn on_puback(
        &mut self,
        settings: &MqttSettings,
        now: Now,
        ack: &Ack<'_>,
        turn: &mut Turn<'_, '_>,
    ) {
        if let Some(packet) = self.outbound.take(ack.packet_id, Stage::PubAck) {
            self.finish_stored(packet.ordinal, turn);
            self.pump(settings, now, turn);
        }
    }

    pub(super) fn on_pubrec(
        &mut self,
        settings: &MqttSettings,
        now: Now,
        ack: &Ack<'_>,
        turn: &mut Turn<'_, '_>,
    ) {
        let id = ack.packet_id;
        let Some(packet) = self.outbound.take(id, Stage::PubRec) else {
            // A PUBREC that comes again gets its PUBREL again.
            let known = self.outbound.in_flight.iter().any(|packet| packet.packet_id == id);
            let reason = if known { ReasonCode::SUCCESS } else { ReasonCode::PACKET_IDENTIFIER_NOT_FOUND };
            if !ack.reason.is_error() {
                self.ack(|ack, version, out| ack.encode_pubrel(version, out), id, reason);
            }
            return;
        };
        if ack.reason.is_error() {
            // Refused: finished without PUBREL (MQTT-4.3.3-4).
            self.finish_stored(packet.ordinal, turn);
            self.pump(settings, now, turn);
            return;
        }
        self.outbound.in_flight.push(InFlight { stage: Stage::PubComp, ..packet });
        match packet.ordinal {
            Some(ordinal) => self.store_received(ordinal, id, turn),
            None => self.ack(|ack, version, out| ack.encode_pubrel(version, out), id, ReasonCode::SUCCESS),
        }
    }

    pub(super) fn on_pubcomp(
        &mut self,
        settings: &MqttSettings,
        now: Now,
        packet_id: PacketId,
        turn: &mut Turn<'_, '_>,
    ) {
        if let Some(packet) = self.outbound.take(packet_id, Stage::PubComp) {
            self.finish_stored(packet.ordinal, turn);
            self.pump(settings, now, turn);
        }
    }
}

impl Queued {
    fn outgoing(&self) -> Outgoing<'_> {
        match &self.what {
            What::Live(handed) => outgoing(&handed.message()),
            What::Stored(stored) => Outgoing {
                subject: &stored.subject,
                reply: &stored.reply,
                headers: Headers::clone(&stored.record.headers()),
                origin: stored.origin,
                payload: stored.record.value.as_deref(),
            },
        }
    }

    fn cost(&self) -> usize {
        match &self.what {
            What::Live(handed) => handed.cost(),
            What::Stored(stored) => {
                stored.subject.len()
                    + stored.record.headers_raw.len()
                    + stored.record.value.as_ref().map_or(0, Bytes::len)
                    + 160
            }
        }
    }
}

/// Packet ids from 1 to this belong to the stored queue; the others to messages that no log numbers.
const ORDINAL_IDS: u16 = 32_767;

/// A longer list is given back when it is empty.
const IN_FLIGHT_KEPT: usize = 64;
