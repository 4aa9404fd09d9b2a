//! The store as a whole, on a journal in memory.
#![allow(clippy::unwrap_used, reason = "an unexpected error fails the test, as it should")]

mod cursors;
mod images;
mod once;
mod pulls;
mod replay;
mod streams;
mod topics;

use super::frames::{GROUPS_LOG, SESSIONS_LOG, SHARD_LOG};
use super::machine::Machine;
use super::*;
use crate::MemoryJournal;
use crate::link::{Link, Outlet};
use stele_model::*;

/// A specification with defaults as JetStream has them.
pub(crate) fn spec(name: &str, subjects: &[&str]) -> StreamSpec {
    let subjects = subjects.iter().map(|subject| Filter::new(subject.as_bytes()).unwrap()).collect();
    StreamSpec {
        allow_rollup: true,
        allow_message_ttl: true,
        ..StreamSpec::new(StreamName::new(name), Wire::Nats, subjects)
    }
}

pub(crate) const SECOND: u64 = 1_000_000_000;
/// Some day in 2020.
const START: u64 = 1_600_000_000 * SECOND;

/// A store with one connection and a clock.
pub(crate) struct World {
    pub store: Store,
    pub journal: Arc<MemoryJournal>,
    pub now: Now,
    pub link: Arc<Link>,
    tickets: u64,
}

struct NoCaptures;

impl Captures for NoCaptures {
    fn set(&self, _: &StreamName, _: &[Filter], _: bool) {}
    fn set_sessions(&self, _: &[Filter]) {}
}

struct NoOutlet;

impl Outlet for NoOutlet {
    fn send(&self, _: &[u8]) -> usize {
        0
    }
    fn send_pieces(&self, _: &[std::io::IoSlice<'_>]) -> usize {
        0
    }
    fn wake(&self) {}
    fn queued(&self) -> usize {
        0
    }
    fn await_room(&self, _: &std::task::Waker) -> bool {
        false
    }
}

pub(crate) fn settings() -> Settings {
    Settings { shards: 2, ..Settings::default() }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let journal = Arc::new(MemoryJournal::default());
        let now = Now { monotonic_ns: 1, wall_ns: START };
        let store = Store::open(journal.clone(), Arc::new(NoCaptures), settings, now, []).unwrap();
        let link = Arc::new(Link::new(ConnectionId(1), Arc::new(NoOutlet)));
        Self { store, journal, now, link, tickets: 0 }
    }

    /// Images of all machines, with what each covers, and where the next frame goes.
    pub(crate) fn images(&self) -> Images {
        let mut images = Vec::new();
        for number in 0..self.store.shards() {
            self.store.enter(number, |shard| {
                let numbers: Vec<u64> = shard.streams.keys().copied().collect();
                for number in numbers {
                    let Some(stream) = shard.streams.get_mut(&number) else { continue };
                    stream.write(&mut shard.context, Vec::new()).unwrap();
                    let machine = Machine::stream(shard.context.shard, number);
                    images.push((
                        machine,
                        shard.context.lsn,
                        stream.write_image(&shard.context.clock, self.now.wall_ns),
                    ));
                }
                let machine = |log| Machine { shard: shard.context.shard, log };
                images.push((machine(SESSIONS_LOG), shard.context.lsn, shard.sessions.write_image()));
                images.push((machine(GROUPS_LOG), shard.context.lsn, shard.groups.write_image()));
                images.push((machine(SHARD_LOG), shard.context.lsn, shard.write_image()));
            });
        }
        (images, self.journal.end())
    }

    /// A store made anew from images and what is durable behind them.
    pub(crate) fn reopened_from(&self, (images, from): &Images) -> Store {
        let mut opening = Opening::new(self.journal.clone(), Arc::new(NoCaptures), settings());
        for (machine, lsn, image) in images {
            opening.restore(*machine, *lsn, image).unwrap();
        }
        for (stored, frame) in self.journal.replay() {
            if stored.position >= from.0 {
                opening.frame(stored, &frame);
            }
        }
        assert_eq!(opening.first_fault(), None);
        opening.finish(self.now, 0)
    }

    /// Does a start from these images give what a full replay gives, to the byte?
    pub(crate) fn check_images(&self, images: &Images) {
        let whole = bytes_of(&self.reopened(), self.now);
        let partly = bytes_of(&self.reopened_from(images), self.now);
        assert_eq!(partly.len(), whole.len());
        for ((machine, found), (_, expected)) in partly.iter().zip(&whole) {
            assert_eq!(found, expected, "{machine:?}");
        }
    }

    /// A store made anew from what is durable.
    pub(crate) fn reopened(&self) -> Store {
        Store::open(self.journal.clone(), Arc::new(NoCaptures), settings(), self.now, self.journal.replay())
            .unwrap()
    }

    pub(crate) fn sync(&mut self) {
        self.journal.sync();
        self.store.settle(self.now);
    }

    pub(crate) fn pass(&mut self, ns: u64) {
        self.now.monotonic_ns += ns;
        self.now.wall_ns += ns;
        self.store.wake(self.now);
    }

    pub(crate) fn caller(&mut self) -> Caller {
        self.tickets += 1;
        Caller { link: self.link.clone(), ticket: Ticket(self.tickets) }
    }

    pub(crate) fn ask(&mut self, request: Request) -> Answer {
        let caller = self.caller();
        self.store.request(self.now, &caller, request)
    }

    /// Asks, and everything becomes durable.
    pub(crate) fn now(&mut self, request: Request) -> Result<Outcome, Error> {
        match self.ask(request) {
            Answer::Ready { outcome: Outcome::Failed(error), .. } => Err(error),
            Answer::Ready { outcome, lsn } => {
                assert!(lsn <= self.journal.end());
                self.sync();
                Ok(outcome)
            }
            other => panic!("no answer: {other:?}"),
        }
    }

    pub(crate) fn stream(&mut self, command: StreamCommand) -> Result<StreamReply, Error> {
        match self.now(Request::Stream(command))? {
            Outcome::Stream(reply) => Ok(reply),
            other => panic!("not about streams: {other:?}"),
        }
    }

    pub(crate) fn create(&mut self, spec: StreamSpec) -> StreamInfo {
        self.stream(StreamCommand::Create(Box::new(spec))).unwrap().into_info().unwrap()
    }

    pub(crate) fn info(&mut self, name: &str) -> PartitionInfo {
        let info = self.stream(StreamCommand::Info(StreamName::new(name))).unwrap().into_info().unwrap();
        info.partitions.into_iter().next().unwrap()
    }

    /// Publishes and syncs.
    pub(crate) fn publish(&mut self, stream: &str, subject: &str, payload: &str) -> Result<Stored, Error> {
        self.publish_with(stream, subject, payload, Conditions::default())
    }

    pub(crate) fn publish_with(
        &mut self,
        stream: &str,
        subject: &str,
        payload: &str,
        conditions: Conditions<'_>,
    ) -> Result<Stored, Error> {
        let message = message(subject, payload);
        let mut results = Vec::new();
        let capture = Capture { message, conditions: Some(&conditions) };
        self.store.capture(self.now, &StreamName::new(stream), &[capture], &mut results);
        self.sync();
        results.pop().unwrap()
    }

    pub(crate) fn get(&mut self, stream: &str, selector: RecordSelector) -> Result<StoredRecord, Error> {
        let stream = StreamName::new(stream);
        match self.stream(StreamCommand::Get { stream, partition: 0, selector })? {
            StreamReply::Record(record) => Ok(*record),
            other => panic!("no record: {other:?}"),
        }
    }

    /// What came through the link.
    pub(crate) fn outcomes(&self) -> Vec<(Ticket, Outcome)> {
        self.link.take_inbox().outcomes
    }
}

/// Images of machines with what they cover, and where the journal goes on.
pub(crate) type Images = (Vec<(Machine, Lsn, Vec<u8>)>, Lsn);

/// All machines but the shards' clocks, as bytes.
pub(crate) fn bytes_of(store: &Store, now: Now) -> Vec<(Machine, Vec<u8>)> {
    let mut all = Vec::new();
    for number in 0..store.shards() {
        store.enter(number, |shard| {
            for stream in shard.streams.values() {
                all.push((
                    Machine::stream(number, stream.number),
                    stream.write_image(&shard.context.clock, now.wall_ns),
                ));
            }
            all.push((Machine { shard: number, log: SESSIONS_LOG }, shard.sessions.write_image()));
            all.push((Machine { shard: number, log: GROUPS_LOG }, shard.groups.write_image()));
        });
    }
    all
}

/// Two streams with records, cursors, gone records, ids and producers.
pub(crate) fn publish_some(world: &mut World) {
    world.create(StreamSpec { dedup_window_ns: SECOND, ..spec("S", &["a.*"]) });
    world.create(StreamSpec { made_by: Wire::Kafka, partitions: 2, ..spec("T", &["t"]) });
    world.put(cursors::cursor("C"), PutMode::Create).unwrap();
    for number in 0..20 {
        let (subject, id) = (format!("a.{}", number % 3), format!("{number}"));
        let conditions = Conditions {
            message_id: Some(id.as_bytes()),
            ttl_ns: (number % 7 == 0).then_some(50 * SECOND),
            ..Conditions::default()
        };
        world.publish_with("S", &subject, "v", conditions).unwrap();
        world.publish("T", "t", "v").unwrap();
    }
    world.pull("C", 5, |_| ());
    world.sync();
    let stream = StreamName::new("S");
    world.stream(StreamCommand::DeleteRecord { stream, partition: 0, offset: 4 }).unwrap();
    world.outcomes();
}

pub(crate) fn message<'m>(subject: &'m str, payload: &'m str) -> Message<'m> {
    Message {
        subject: subject.as_bytes(),
        reply: &[],
        headers: Headers::none(),
        payload: Some(payload.as_bytes()),
        quality: Quality::AtLeastOnce,
        retain: false,
        from: ConnectionId(1),
    }
}

pub(crate) fn filter(text: &str) -> Filter {
    Filter::new(text.as_bytes()).unwrap()
}
