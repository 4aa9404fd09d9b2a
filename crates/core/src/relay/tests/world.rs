//! A broker's core with a relay, without sockets.

use super::super::{RelaySession, TIMESTAMP};
use crate::store::tests::{SECOND, settings, spec};
use crate::store::{Answer, Caller, Store};
use crate::{Attended, Connection, Core, Link, MemoryJournal, Nowhere, Outlet, Router, Scratch};
use bytes::Bytes;
use std::io::IoSlice;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use stele_model::batch::BatchBuilder;
use stele_model::*;

/// One line per message: subject, quality, headers, payload.
struct Lines;

impl Format for Lines {
    fn encode(&self, run: &[Message<'_>], out: &mut Vec<u8>) {
        for message in run {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let mut line = format!("{} {}", text(message.subject), message.quality as u8);
            message.headers.each(&mut |(name, value)| {
                if name != TIMESTAMP {
                    line += &format!(" {}:{}", text(name), value.map_or("null".into(), text));
                }
            });
            line += &format!(" = {}\n", message.payload.map_or("null".into(), text));
            out.extend_from_slice(line.as_bytes());
        }
    }
    fn class(&self) -> &[u8] {
        b"lines"
    }
}

#[derive(Default)]
struct Paper(Mutex<Vec<u8>>);

impl Outlet for Paper {
    fn send(&self, bytes: &[u8]) -> usize {
        self.0.lock().unwrap().extend_from_slice(bytes);
        0
    }
    fn send_pieces(&self, _: &[IoSlice<'_>]) -> usize {
        0
    }
    fn wake(&self) {}
    fn queued(&self) -> usize {
        0
    }
    fn await_room(&self, _: &Waker) -> bool {
        false
    }
}

/// Subscribes, and publishes what it is sent: a subject, `=`, a payload.
struct Client(&'static str);

impl Session for Client {
    fn open(&mut self, _: Now, turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        turn.subscribe(Subscribe {
            id: SubscriptionId(1),
            filter: Filter::new(self.0.as_bytes()).unwrap(),
            group: None,
            delivery: SubscribeDelivery::Encoded(Arc::new(Lines)),
            hides_internal: false,
            no_local: false,
            volatile_only: false,
        });
        Ok(())
    }
    fn receive<'a>(&mut self, _: Now, input: &'a [u8], turn: &mut Turn<'a, '_>) -> Result<usize, Close> {
        let at = input.iter().position(|byte| *byte == b'=').unwrap();
        turn.publish(Publish::new(&input[..at], &input[at + 1..]));
        Ok(input.len())
    }
    fn complete(&mut self, _: Now, _: Ticket, _: Outcome, _: &mut Turn<'_, '_>) -> Result<(), Close> {
        Ok(())
    }
    fn wake(&mut self, _: Now, _: &mut Turn<'_, '_>) -> Result<(), Close> {
        Ok(())
    }
    fn deadline(&self) -> Option<u64> {
        None
    }
    fn close(&mut self, _: Now, _: &Close, _: &mut Turn<'_, '_>) {}
}

pub(super) struct World {
    store: Arc<Store>,
    pub(super) journal: Arc<MemoryJournal>,
    core: Arc<Core>,
    pub(super) relay: Connection,
    pub(super) scratch: Scratch,
    pub(super) now: Now,
    caller: Caller,
}

pub(super) struct Receiver {
    connection: Connection,
    paper: Arc<Paper>,
}

impl Receiver {
    pub(super) fn heard(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.paper.0.lock().unwrap())).unwrap()
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::on(Arc::new(MemoryJournal::default()))
    }

    fn on(journal: Arc<MemoryJournal>) -> Self {
        let now = Now { monotonic_ns: 1, wall_ns: 1_600_000_000 * SECOND };
        let router = Arc::new(Router::default());
        let store = Store::open(journal.clone(), router.clone(), settings(), now, journal.replay()).unwrap();
        let store = Arc::new(store);
        let core = Arc::new(Core::new(router, store.clone(), journal.clone(), Box::new(|| 7)));
        let mut scratch = Scratch::new(1);
        let link = core.link(Arc::new(Nowhere));
        let mut relay = Connection::new(core.clone(), link, Box::new(RelaySession::default()));
        relay.open(now, &mut scratch).unwrap();
        let caller = Caller { link: core.link(Arc::new(Nowhere)), ticket: Ticket(0) };
        Self { store, journal, core, relay, scratch, now, caller }
    }

    /// What was durable, after a crash.
    pub(super) fn reopened(&self) -> Self {
        Self::on(self.journal.clone())
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn ask(&self, request: Request) -> Answer {
        self.store().request(self.now, &self.caller, request)
    }

    pub(super) fn topic(&self, name: &str, subjects: &[&str], partitions: u32) {
        self.create(StreamSpec { partitions, ..topic(name, subjects) });
    }

    pub(super) fn create(&self, spec: StreamSpec) {
        let answer = self.ask(Request::Stream(StreamCommand::Create(Box::new(spec))));
        assert!(matches!(answer, Answer::Ready { outcome: Outcome::Stream(_), .. }), "{answer:?}");
    }

    /// One batch: key, value.
    pub(super) fn produce(&self, topic: &str, partition: u32, records: &[(Option<&str>, Option<&str>)]) {
        let mut out = Vec::new();
        let mut builder = BatchBuilder::new(&mut out, 0);
        for (key, value) in records {
            builder.push(99, key.map(str::as_bytes), value.map(str::as_bytes), []).unwrap();
        }
        builder.finish().unwrap();
        self.append(topic, partition, out.into());
    }

    pub(super) fn append(&self, topic: &str, partition: u32, batch: Bytes) {
        let batch = AppendedBatch { stream: StreamName::new(topic), id: None, partition, batch };
        let answer = self.ask(Request::Append(Append { batches: vec![batch] }));
        let Answer::Ready { outcome: Outcome::Appended(reply), .. } = answer else { panic!("{answer:?}") };
        assert!(reply.batches.iter().all(Result::is_ok), "{reply:?}");
    }

    pub(super) fn receiver(&mut self, filter: &'static str) -> Receiver {
        let paper = Arc::new(Paper::default());
        let link: Arc<Link> = self.core.link(paper.clone());
        let mut connection = Connection::new(self.core.clone(), link, Box::new(Client(filter)));
        connection.open(self.now, &mut self.scratch).unwrap();
        Receiver { connection, paper }
    }

    pub(super) fn publish(&mut self, from: &mut Receiver, text: &str) {
        from.connection.receive(self.now, text.as_bytes(), &mut self.scratch).0.unwrap();
    }

    /// A commit, without the relay.
    fn sync(&self) {
        self.journal.sync();
        self.core.committed();
        self.store().settle(self.now);
    }

    /// Commits until nothing moves any more.
    pub(super) fn settle(&mut self) {
        loop {
            let before = self.journal.end();
            self.sync();
            while self.relay.link().with_inbox(|inbox| !inbox.outcomes.is_empty()) {
                self.scratch.reset();
                assert_eq!(self.relay.attend(self.now, &mut self.scratch), Ok(Attended::Settled));
            }
            assert_eq!(self.relay.attend(self.now, &mut self.scratch), Ok(Attended::Settled));
            let waits = self.relay.link().with_inbox(|inbox| !inbox.outcomes.is_empty());
            if self.journal.end() == before && !waits {
                return;
            }
        }
    }

    /// A stored session that subscribes with quality 1 and goes.
    pub(super) fn session(&self, client: &'static str, filter: &str) {
        let client = Bytes::from_static(client.as_bytes());
        let filter = SessionFilter {
            name: filter.into(),
            filters: vec![Filter::new(filter.as_bytes()).unwrap()],
            group: None,
            quality: Quality::AtLeastOnce,
            options: 1,
            identifier: 0,
            no_local: false,
            hides_internal: true,
        };
        for command in [
            SessionCommand::Open { client: client.clone(), clean: false, expiry_s: u32::MAX, will: None },
            SessionCommand::Subscribe { client: client.clone(), filter: Box::new(filter) },
            SessionCommand::Detach { client, expiry_s: None, drop_will: true },
        ] {
            self.ask(Request::Session(command));
        }
        self.sync();
    }

    /// What a session's queue holds.
    pub(super) fn queue(&self, client: &'static str) -> Vec<String> {
        let client = Bytes::from_static(client.as_bytes());
        let open =
            SessionCommand::Open { client: client.clone(), clean: false, expiry_s: u32::MAX, will: None };
        self.ask(Request::Session(open));
        let fetch =
            SessionCommand::Fetch { client: client.clone(), from: 0, count_max: 10_000, bytes_max: 1 << 30 };
        let answer = self.ask(Request::Session(fetch));
        self.ask(Request::Session(SessionCommand::Detach { client, expiry_s: None, drop_will: true }));
        self.sync();
        let Answer::Ready { outcome: Outcome::Session(SessionReply::Queued(messages)), .. } = answer else {
            return Vec::new();
        };
        messages
            .iter()
            .map(|message| String::from_utf8(message.record.value.clone().unwrap().into()).unwrap())
            .collect()
    }
}

/// A specification as a Kafka client's topic has it.
pub(super) fn topic(name: &str, subjects: &[&str]) -> StreamSpec {
    StreamSpec { made_by: Wire::Kafka, acknowledges: false, ..spec(name, subjects) }
}
