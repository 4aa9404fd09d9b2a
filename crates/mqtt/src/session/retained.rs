//! Retained messages: the bucket `retained`, the newest record of each topic (§3.3.1.3).
//!
//! A retained publish is a put into the bucket beside the publish itself; an empty payload is a deletion. The bucket
//! is an ordinary key-value bucket, made at its first use, so NATS and Kafka clients read and write it, too.

use super::live::Live;
use super::outbound::{Queued, StoredMessage, What};
use crate::codec::Properties;
use crate::mapping::{self, Origin};
use crate::outgoing::REPLY;
use crate::topic::{TopicFilter, TopicName};
use crate::{MqttSettings, Qos};
use bumpalo::Bump;
use bytes::Bytes;
use stele_model::{
    Conditions, Discard, Filter, Limits, ManySelector, Now, Offset, Order, Outcome, Publish, Quality,
    Request, StoredRecord, StreamCommand, StreamName, StreamReply, StreamSpec, Ticket, Turn, Wire,
};

/// Retained messages that a new subscription waits for.
#[derive(Clone, Debug)]
pub(super) struct RetainedWanted {
    /// Keys of the bucket.
    filters: Vec<Filter>,
    /// Topics that start with `$` do not match.
    hides_reserved: bool,
    granted: Qos,
    identifier: u32,
    after: Option<Offset>,
}

impl RetainedWanted {
    pub(super) fn new(filter: TopicFilter<'_>, granted: Qos, identifier: u32) -> Option<Self> {
        let mut keys = PREFIX.to_vec();
        let written = mapping::write_key_filters(filter, &mut keys);
        let mut filters = vec![Filter::new(&keys).ok()?];
        if let Some(length) = written.parent_length {
            filters.push(Filter::new(&keys[..PREFIX.len() + length]).ok()?);
        }
        Some(Self { filters, hides_reserved: written.hides_reserved, granted, identifier, after: None })
    }
}

/// Puts a retained message into the bucket. The ticket is answered like that of a publish.
pub(super) fn put<'a>(
    message: &Publish<'a>,
    properties: Properties<'a>,
    now: Now,
    turn: &mut Turn<'a, '_>,
) -> Option<Ticket> {
    let put = prepare(message, properties, now, turn.arena)?;
    let published = turn.publish(put);
    if published.ticket.is_some() {
        return published.ticket;
    }
    // Where there is no bucket, there is nothing to delete.
    put.payload?;
    let made = make_bucket(turn);
    // Where the bucket cannot be made, that is the answer to the publisher: nothing is retained.
    turn.publish(put).ticket.or(Some(made))
}

/// Makes the bucket.
pub(super) fn make_bucket(turn: &mut Turn<'_, '_>) -> Ticket {
    turn.request(Request::Stream(StreamCommand::Create(Box::new(bucket()))), Order::InTurn)
}

/// What a retained message puts into the bucket; nothing for topics that are never retained.
pub(super) fn prepare<'a>(
    message: &Publish<'a>,
    properties: Properties<'a>,
    now: Now,
    arena: &'a Bump,
) -> Option<Publish<'a>> {
    let mut topic = Vec::new();
    mapping::write_topic(message.subject, &mut topic).ok()?;
    let topic = TopicName::parse(std::str::from_utf8(&topic).ok()?).ok()?;
    if topic.is_reserved() {
        return None;
    }
    let mut key = bumpalo::collections::Vec::with_capacity_in(PREFIX.len() + topic.as_str().len(), arena);
    key.extend_from_slice_copy(PREFIX);
    mapping::write_key(topic, &mut key);
    let mut put = Publish::new(key.into_bump_slice(), &[]);
    // What the bucket keeps has no quality of its own: it asks for a ticket, which comes where a stream captures.
    (put.ack, put.quality) = (true, Quality::AtMostOnce);
    put.by_broker = true;
    put.payload = message.payload.filter(|payload| !payload.is_empty());
    let mut ttl_ns = None;
    if put.payload.is_none() {
        ttl_ns = Some(DELETION_NS);
    } else {
        let now_ms = now.wall_ns / 1_000_000;
        let headers = mapping::store_retained(
            properties,
            super::will::qos(message.quality),
            message.reply,
            now_ms,
            arena,
        );
        put.headers = mapping::as_headers(headers);
        let expiry_s = properties.message_expiry_seconds().map(u64::from);
        ttl_ns = ttl_ns.or(expiry_s.map(|seconds| seconds.max(1) * 1_000_000_000));
    }
    if ttl_ns.is_some() {
        put.conditions = Some(arena.alloc(Conditions { ttl_ns, ..Conditions::default() }));
    }
    Some(put)
}

impl Live {
    pub(super) fn ask_for_retained(&mut self, wanted: RetainedWanted, turn: &mut Turn<'_, '_>) {
        let command = StreamCommand::GetMany {
            stream: StreamName::new(BUCKET),
            partition: 0,
            selector: ManySelector::LastPerSubject {
                filters: wanted.filters.clone(),
                up_to: None,
                after: wanted.after,
            },
            count_max: COUNT_MAX,
            bytes_max: BYTES_MAX,
        };
        let ticket = turn.request(Request::Stream(command), Order::InTurn);
        self.inbound.expect(ticket, super::inbound::Then::Retained(Box::new(wanted)));
    }

    /// Retained messages came; where more wait, they are asked for. Without a bucket there are none.
    pub(super) fn on_retained(
        &mut self,
        settings: &MqttSettings,
        now: Now,
        mut wanted: RetainedWanted,
        answer: Option<Outcome>,
        turn: &mut Turn<'_, '_>,
    ) {
        let Some(Outcome::Stream(StreamReply::Records { records, remaining, .. })) = answer else { return };
        wanted.after = records.last().map(|record| record.offset).or(wanted.after);
        let more = remaining > 0 && !records.is_empty();
        for record in records {
            if let Some(queued) = to_message(record, &wanted) {
                self.offer(settings, now, queued, turn);
            }
        }
        if more {
            self.ask_for_retained(wanted, turn);
        }
    }
}

/// A record of the bucket as a message; `None`: a deletion, or not of this subscription.
fn to_message(record: StoredRecord, wanted: &RetainedWanted) -> Option<Queued> {
    if record.value.as_ref().is_none_or(Bytes::is_empty) {
        return None;
    }
    let mut topic = Vec::new();
    mapping::write_topic_of_key(record.subject.strip_prefix(PREFIX)?, &mut topic).ok()?;
    let topic = TopicName::parse(std::str::from_utf8(&topic).ok()?).ok()?;
    if topic.is_reserved() && wanted.hides_reserved {
        return None;
    }
    let mut subject = Vec::new();
    mapping::write_subject(topic, &mut subject);
    let headers = record.headers();
    // A message of another wire is as sure as its stream, which is at least once.
    let qos = match headers.get(mapping::QOS) {
        Some(Some(b"0")) => Qos::AtMostOnce,
        Some(Some(b"2")) => Qos::ExactlyOnce,
        _ => Qos::AtLeastOnce,
    };
    let reply = headers.get(REPLY).flatten().map(Bytes::copy_from_slice).unwrap_or_default();
    let identifiers = if wanted.identifier == 0 { Box::default() } else { Box::from([wanted.identifier]) };
    Some(Queued {
        what: What::Stored(Box::new(StoredMessage {
            subject: subject.into(),
            reply,
            origin: Origin::Mqtt,
            record,
        })),
        qos: qos.min(wanted.granted),
        retain: true,
        identifiers,
        ordinal: None,
    })
}

/// As a NATS client would make it.
fn bucket() -> StreamSpec {
    let subjects = vec![Filter::new(b"$KV.retained.>").expect("a filter")];
    StreamSpec {
        limits: Limits { records_per_subject_max: Some(1), discard: Discard::New, ..Limits::none() },
        deny_delete: true,
        allow_rollup: true,
        allow_message_ttl: true,
        ..StreamSpec::new(StreamName::new(BUCKET), Wire::Nats, subjects)
    }
}

const BUCKET: &str = "KV_retained";
const PREFIX: &[u8] = b"$KV.retained.";

/// How long a deletion stays visible to those who watch the bucket.
const DELETION_NS: u64 = 86_400_000_000_000;

/// Retained messages of one answer.
const COUNT_MAX: usize = 256;
const BYTES_MAX: usize = 1 << 20;
