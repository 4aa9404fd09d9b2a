//! What the core keeps of a session that outlives its connection: subscriptions, queue, QoS 2 states.

use super::inbound::Then;
use super::live::Live;
use super::outbound::{Queued, StoredMessage, What, id_of};
use super::will::qos as qos_of;
use crate::MqttSettings;
use crate::ReasonCode;
use crate::codec::{PacketId, SubscriptionOptions};
use crate::mapping::Origin;
use stele_model::{
    Now, Order, Outcome, QueuedMessage, Request, SessionCommand, SessionOpened, SessionReply, Ticket, Turn,
    Wire,
};

impl Live {
    /// Goes on where an earlier connection ended: PUBRELs that are owed, then messages in order (MQTT-4.4.0-1).
    pub(super) fn resume(
        &mut self,
        settings: &MqttSettings,
        now: Now,
        opened: SessionOpened,
        turn: &mut Turn<'_, '_>,
    ) {
        if !self.is_stored() {
            return;
        }
        for filter in &opened.filters {
            self.restore(filter, turn);
        }
        self.inbound.resume(opened.claimed);
        self.outbound.fetch_from = opened.first;
        self.outbound.sent_below = opened.sent_below;
        for ordinal in opened.received {
            let id = id_of(ordinal);
            self.outbound.resume_pubrel(id, ordinal);
            self.ack(|ack, version, out| ack.encode_pubrel(version, out), id, ReasonCode::SUCCESS);
        }
        self.flush_acks(turn);
        self.pump(settings, now, turn);
    }

    pub(super) fn is_fetch(&self, ticket: Ticket) -> bool {
        self.outbound.fetch == Some(ticket)
    }

    /// Asks for more of the stored queue, where there is room and no question waits.
    pub(super) fn fetch(&mut self, _settings: &MqttSettings, turn: &mut Turn<'_, '_>) {
        let room = self.outbound.room();
        let spread =
            self.outbound.oldest().map_or(0, |oldest| self.outbound.fetch_from.saturating_sub(oldest));
        if !self.is_stored() || self.outbound.fetch.is_some() || room == 0 || spread > SPREAD_MAX {
            return;
        }
        let command = SessionCommand::Fetch {
            client: self.client.clone(),
            from: self.outbound.fetch_from,
            count_max: room,
            bytes_max: FETCH_BYTES_MAX,
        };
        self.outbound.fetch = Some(turn.request(Request::Session(command), Order::Free));
    }

    pub(super) fn on_fetched(
        &mut self,
        settings: &MqttSettings,
        now: Now,
        outcome: Outcome,
        turn: &mut Turn<'_, '_>,
    ) {
        self.outbound.fetch = None;
        let Outcome::Session(SessionReply::Queued(messages)) = outcome else { return };
        for message in messages {
            self.outbound.fetch_from = message.ordinal + 1;
            let queued = to_message(message);
            self.offer(settings, now, queued, turn);
        }
        self.pump(settings, now, turn);
    }

    /// The client has it, or will never have it.
    pub(super) fn finish_stored(&mut self, ordinal: Option<u64>, turn: &mut Turn<'_, '_>) {
        if let Some(ordinal) = ordinal {
            let command = SessionCommand::Ack { client: self.client.clone(), ordinals: vec![ordinal] };
            turn.request(Request::Session(command), Order::Free);
        }
    }

    /// PUBREC came; PUBREL follows when that is durable.
    pub(super) fn store_received(&mut self, ordinal: u64, packet_id: PacketId, turn: &mut Turn<'_, '_>) {
        let command = SessionCommand::Received { client: self.client.clone(), ordinal };
        let ticket = turn.request(Request::Session(command), Order::InTurn);
        self.inbound.expect(ticket, Then::PubRel(packet_id));
    }
}

fn to_message(message: QueuedMessage) -> Queued {
    let options = SubscriptionOptions::from_byte(message.options);
    Queued {
        qos: qos_of(message.quality),
        retain: message.retain && options.retain_as_published,
        identifiers: message.identifiers.into(),
        ordinal: Some(message.ordinal),
        what: What::Stored(Box::new(StoredMessage {
            subject: message.record.subject.clone(),
            reply: message.reply,
            origin: if message.wire == Wire::Mqtt { Origin::Mqtt } else { Origin::Foreign },
            record: message.record,
        })),
    }
}

/// Bytes of one part of the queue.
const FETCH_BYTES_MAX: usize = 1 << 20;

/// From the oldest number on its way to the next one: less than there are packet ids for numbers.
const SPREAD_MAX: u64 = 30_000;
