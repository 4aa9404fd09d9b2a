//! The session against a core whose answers the tests write.

mod apis;
mod groups;
mod hostile;
mod order;
mod produce_fetch;
mod topics;

use super::{KafkaService, KafkaSession};
use crate::KafkaSettings;
use crate::codec::{self, RequestBody, Split};
use bumpalo::Bump;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use stele_model::{
    Close, ConnectionId, Error, Now, Order, Outcome, PartitionInfo, Port, Publish, Published, Request,
    Session, StreamCommand, StreamInfo, StreamName, StreamReply, StreamSpec, Subscribe, SubscriptionId,
    Ticket, Turn,
};

/// The core's side: what the session asked and sent.
#[derive(Default)]
struct FakePort {
    out: Vec<u8>,
    asked: VecDeque<(Ticket, Request)>,
    tickets: u64,
}

impl<'a> Port<'a> for FakePort {
    fn send(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }
    fn send_shared(&mut self, bytes: bytes::Bytes) {
        self.out.extend_from_slice(&bytes);
    }
    fn publish(&mut self, _: Publish<'a>) -> Published {
        panic!("Kafka sessions publish nothing");
    }
    fn request(&mut self, request: Request, order: Order) -> Ticket {
        assert_eq!(order, Order::InTurn);
        self.tickets += 1;
        self.asked.push_back((Ticket(self.tickets), request));
        Ticket(self.tickets)
    }
    fn cancel(&mut self, _: Ticket) {}
    fn subscribe(&mut self, _: Subscribe) {}
    fn unsubscribe(&mut self, _: SubscriptionId) {}
    fn unsubscribe_after(&mut self, _: SubscriptionId, _: u64) {}
    fn has_receivers(&mut self, _: &[u8]) -> bool {
        false
    }
    fn watch(&mut self, _: &[u8], _: bool) {}
    fn random(&mut self) -> u64 {
        4
    }
    fn connection(&self) -> ConnectionId {
        ConnectionId(1)
    }
}

/// A client, a session and a core with streams.
pub(super) struct World {
    session: KafkaSession,
    port: FakePort,
    pub(super) streams: BTreeMap<StreamName, StreamInfo>,
    correlation: i32,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(KafkaSettings::default())
    }

    pub(super) fn with(settings: KafkaSettings) -> Self {
        let service = Arc::new(KafkaService::new(settings));
        let local = "127.0.0.1:9292".parse().expect("an address");
        let session = KafkaSession::new(service, [10, 0, 0, 9].into(), local);
        Self { session, port: FakePort::default(), streams: BTreeMap::new(), correlation: 0 }
    }

    /// Adds a topic.
    pub(super) fn topic(&mut self, name: &str, partitions: u32) -> [u8; 16] {
        let spec = super::config::spec_of(name, partitions, BTreeMap::new()).expect("its subjects are good");
        self.put(spec).id
    }

    fn put(&mut self, spec: StreamSpec) -> StreamInfo {
        let partitions = vec![PartitionInfo { end: 10, ..Default::default() }; spec.partitions as usize];
        let fresh = self.streams.len() as u8 + 1;
        let id = self.streams.get(&spec.name).map_or([fresh; 16], |info| info.id);
        let name = spec.name.clone();
        let info = StreamInfo { spec: spec.into(), id, created_ns: 1, cursors: 0, partitions };
        self.streams.insert(name, info.clone());
        info
    }

    /// Sends a request; the bytes may be handed over in pieces.
    pub(super) fn send<'b, B: RequestBody<'b>>(&mut self, version: i16, body: &B) -> i32 {
        self.correlation += 1;
        let mut bytes = Vec::new();
        codec::encode_request(version, self.correlation, Some("tester"), body, &mut bytes);
        assert_eq!(self.feed(&bytes), Ok(bytes.len()));
        self.correlation
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<usize, Close> {
        let arena = Bump::new();
        self.session.receive(now(), bytes, &mut Turn::new(&arena, &mut self.port))
    }

    /// The oldest question that is not answered.
    pub(super) fn asked(&self) -> Option<&Request> {
        self.port.asked.front().map(|(_, request)| request)
    }

    pub(super) fn asked_count(&self) -> usize {
        self.port.asked.len()
    }

    /// Answers the oldest question.
    pub(super) fn answer(&mut self, outcome: Outcome) -> Result<(), Close> {
        let (ticket, _) = self.port.asked.pop_front().expect("something was asked");
        let arena = Bump::new();
        self.session.complete(now(), ticket, outcome, &mut Turn::new(&arena, &mut self.port))
    }

    /// Answers every question about streams as a core would.
    pub(super) fn answer_streams(&mut self) {
        while let Some(Request::Stream(command)) = self.asked() {
            let outcome = match command {
                StreamCommand::List => {
                    Outcome::Stream(StreamReply::List(self.streams.values().cloned().collect()))
                }
                StreamCommand::Info(name) => match self.streams.get(name) {
                    Some(info) => info_reply(info.clone(), false),
                    None => Outcome::Failed(Error::StreamNotFound(name.clone())),
                },
                StreamCommand::Create(spec) => {
                    let created = !self.streams.contains_key(&spec.name);
                    let spec = (**spec).clone();
                    info_reply(self.put(spec), created)
                }
                StreamCommand::Update(spec) => {
                    let spec = (**spec).clone();
                    info_reply(self.put(spec), false)
                }
                StreamCommand::Delete(name) => {
                    let name = name.clone();
                    self.streams.remove(&name);
                    Outcome::Stream(StreamReply::Done)
                }
                StreamCommand::Purge { stream, partition, below, .. } => {
                    let (at, below) = (partition.expect("one partition") as usize, below.expect("an offset"));
                    let info = self.streams.get_mut(&stream.clone()).expect("it was found before");
                    info.partitions[at].log_start = below;
                    Outcome::Stream(StreamReply::Purged(below))
                }
                other => panic!("{other:?} was not expected"),
            };
            self.answer(outcome).expect("the session goes on");
        }
    }

    /// Takes the next response as bytes, without its length prefix.
    pub(super) fn frame(&mut self) -> Option<Vec<u8>> {
        match codec::split(&self.port.out, codec::FRAME_BYTES_MAX).expect("we write good frames") {
            Split::Incomplete { .. } => {
                assert!(self.port.out.is_empty(), "responses are whole");
                None
            }
            Split::Whole { frame, consumed } => {
                let frame = frame.to_vec();
                self.port.out.drain(..consumed);
                Some(frame)
            }
        }
    }

    /// Takes the next response, which must answer a `B` of this correlation id, and hands it over.
    pub(super) fn expect<B, R>(&mut self, version: i16, id: i32, look: impl FnOnce(B::Response) -> R) -> R
    where
        B: RequestBody<'static>,
    {
        // The response borrows from its frame; a leaked frame spares every test a lifetime.
        let frame: &'static [u8] = self.frame().expect("a response").leak();
        let (correlation, response) = codec::decode_response::<B>(version, frame).expect("it decodes");
        assert_eq!(correlation, id);
        look(response)
    }
}

fn info_reply(info: StreamInfo, created: bool) -> Outcome {
    Outcome::Stream(StreamReply::Info { info: Box::new(info), created })
}

pub(super) fn now() -> Now {
    Now { monotonic_ns: 1_000_000_000, wall_ns: 1_700_000_000_000_000_000 }
}

/// One batch with one record.
pub(super) fn batch(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut builder = stele_model::batch::BatchBuilder::new(&mut out, 0);
    builder.push(1_700_000_000_000, Some(b"k"), Some(value), []).expect("it fits");
    builder.finish().expect("it has a record");
    out
}
