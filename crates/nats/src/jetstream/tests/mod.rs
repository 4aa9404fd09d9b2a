//! Tests of the whole service against a core of canned answers. Expected replies were taken from nats-server 2.15.2.

mod direct;
mod fuzz;
mod golden;
mod pulls;
mod pushes;
mod refusals;

use super::JetStream;
use crate::codec::headers;
use bumpalo::Bump;
use bytes::Bytes;
use std::sync::Arc;
use stele_model::{
    AckPolicy, ConnectionId, CursorInfo, CursorName, CursorReply, CursorSpec, Delivered, Now, Order, Outcome,
    PartitionInfo, Port, Publish, Published, Request, StartAt, StoredRecord, StreamInfo, StreamName,
    StreamReply, Subscribe, SubscriptionId, Ticket, Turn,
};

/// The core's side: keeps what was asked and published.
#[derive(Default)]
pub(super) struct FakePort {
    pub(super) published: Vec<String>,
    pub(super) requests: Vec<(Ticket, Request)>,
    pub(super) cancelled: Vec<Ticket>,
    pub(super) deaf: bool,
    sent: Vec<u8>,
    tickets: u64,
}

impl<'a> Port<'a> for FakePort {
    fn send(&mut self) -> &mut Vec<u8> {
        &mut self.sent
    }
    fn send_shared(&mut self, _bytes: Bytes) {}
    fn publish(&mut self, message: Publish<'a>) -> Published {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "|");
        let route = message.route.map(|route| format!("{} => ", text(route))).unwrap_or_default();
        let parts = [text(message.subject), text(message.reply), text(message.headers.raw)];
        let payload = text(message.payload.unwrap_or_default());
        self.published.push(format!("{route}{} {payload}", parts.join(" ")).trim_end().to_owned());
        Published { received: !self.deaf, ticket: None }
    }
    fn request(&mut self, request: Request, _order: Order) -> Ticket {
        self.tickets += 1;
        self.requests.push((Ticket(self.tickets), request));
        Ticket(self.tickets)
    }
    fn cancel(&mut self, ticket: Ticket) {
        self.cancelled.push(ticket);
    }
    fn subscribe(&mut self, _subscribe: Subscribe) {}
    fn unsubscribe(&mut self, _id: SubscriptionId) {}
    fn has_receivers(&mut self, _subject: &[u8]) -> bool {
        !self.deaf
    }
    fn watch(&mut self, _subject: &[u8], _on: bool) {}
    fn random(&mut self) -> u64 {
        12345
    }
    fn connection(&self) -> ConnectionId {
        ConnectionId(1)
    }
    fn unsubscribe_after(&mut self, _id: SubscriptionId, _deliveries: u64) {}
}

pub(super) const NOW: Now = Now { monotonic_ns: 1_000, wall_ns: 1_795_354_188_943_185_102 };

/// A service with its core.
#[derive(Default)]
pub(super) struct World {
    pub(super) jetstream: JetStream,
    pub(super) port: FakePort,
}

impl World {
    /// Publishes to JetStream; what it published in turn.
    pub(super) fn send(&mut self, subject: &str, header_lines: &str, body: &str) -> Vec<String> {
        let arena = Bump::new();
        let block = format!("NATS/1.0\r\n{header_lines}\r\n");
        let mut message = Publish::new(subject.as_bytes(), body.as_bytes());
        message.reply = b"R";
        if !header_lines.is_empty() {
            message.headers = headers::headers(block.as_bytes());
        }
        assert!(JetStream::claims(message.subject), "{subject}");
        let mut port = FakePort { tickets: self.port.tickets, deaf: self.port.deaf, ..FakePort::default() };
        self.jetstream.request(NOW, &message, &mut Turn::new(&arena, &mut port));
        self.port = port;
        std::mem::take(&mut self.port.published)
    }

    /// An API request without headers.
    pub(super) fn api(&mut self, call: &str, body: &str) -> Vec<String> {
        self.send(&format!("$JS.API.{call}"), "", body)
    }

    /// Answers the newest request; what JetStream published in turn.
    pub(super) fn answer(&mut self, outcome: Outcome) -> Vec<String> {
        let ticket = self.port.requests.last().expect("something was asked").0;
        self.answer_to(ticket, outcome)
    }

    pub(super) fn answer_to(&mut self, ticket: Ticket, outcome: Outcome) -> Vec<String> {
        let arena = Bump::new();
        let rest = self.jetstream.complete(NOW, ticket, outcome, &mut Turn::new(&arena, &mut self.port));
        assert!(rest.is_none(), "the ticket was JetStream's");
        std::mem::take(&mut self.port.published)
    }

    /// The newest request in debug form.
    pub(super) fn asked(&self) -> String {
        format!("{:?}", self.port.requests.last().expect("something was asked").1)
    }
}

pub(super) fn stream_info(config: &str) -> StreamInfo {
    let request = serde_json::from_str(config).expect("a configuration");
    StreamInfo {
        spec: Arc::new(super::stream_spec::to_spec(request).expect("a good configuration")),
        id: [0; 16],
        created_ns: NOW.wall_ns,
        cursors: 0,
        partitions: vec![PartitionInfo {
            end: 2,
            records: 2,
            bytes: 70,
            subjects: 1,
            first_time_ns: 5,
            last_time_ns: 6,
            ..PartitionInfo::default()
        }],
    }
}

pub(super) fn info(config: &str) -> Outcome {
    Outcome::Stream(StreamReply::Info { info: Box::new(stream_info(config)), created: true })
}

pub(super) fn cursor_info(spec: CursorSpec) -> CursorInfo {
    CursorInfo {
        stream: StreamName::new("S"),
        spec,
        created_ns: NOW.wall_ns,
        delivered: (0, 0, 0),
        floor: (0, 0, 0),
        ack_pending: 0,
        redelivered: 0,
        waiting: 0,
        pending: 0,
        pulls: Vec::new(),
    }
}

pub(super) fn cursor(info: CursorInfo) -> Outcome {
    Outcome::Cursor(CursorReply::Info(Box::new(info)))
}

pub(super) fn plain_cursor(name: &str) -> CursorSpec {
    CursorSpec {
        name: CursorName::new(name),
        durable: false,
        filters: Vec::new(),
        start: StartAt::All,
        ack_policy: AckPolicy::None,
        ack_wait_ns: 0,
        deliveries_max: None,
        backoff_ns: Vec::new(),
        pending_max: None,
        pulls_max: 512,
        pull_limits: stele_model::PullLimits::default(),
        inactive_ns: 0,
        replay_original: false,
        headers_only: false,
        memory: false,
        paused_until_ns: 0,
        push: None,
        document: None,
    }
}

pub(super) fn record(offset: u64, subject: &'static str, value: &'static str) -> StoredRecord {
    StoredRecord {
        offset,
        append_time_ns: NOW.wall_ns,
        wire_time_ms: (NOW.wall_ns / 1_000_000) as i64,
        subject: Bytes::from_static(subject.as_bytes()),
        key: None,
        headers_raw: Bytes::from_static(&[0]),
        value: Some(Bytes::from_static(value.as_bytes())),
    }
}

pub(super) fn delivered(offset: u64, delivery: u64, pending: u64) -> Delivered {
    Delivered { record: record(offset, "s.a", "m0"), delivery, count: 1, pending }
}
