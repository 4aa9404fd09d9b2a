//! Whole connections over the real core: router, shards, journal. Any bytes of any peer end in an answer or a closed
//! connection, and what was written can be replayed.
//!
//! The input is a script: bytes for the present connection, and between them [`MARK`] with two more bytes, what to do and to
//! whom: another connection speaks, one is lost, time passes, the process ends and starts again.

use std::io::IoSlice;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use stele_core::store::{Settings, Store};
use stele_core::{Attended, Connection, Core, MemoryJournal, Outlet, Router, Scratch};
use stele_kafka::{KafkaService, KafkaSession, KafkaSettings};
use stele_model::{Close, Now, Session};
use stele_mqtt::{MqttSession, MqttSettings, WillSession};
use stele_nats::jetstream::PushSession;
use stele_nats::{NatsSession, NatsSettings};

use crate::Target;

/// Between the bytes of connections: what follows says what happens.
pub const MARK: [u8; 2] = [0xf5, 0xc0];

/// All targets with their names.
pub const TARGETS: &[(&str, Target)] = &[
    ("nats", |data| play(Wire::Nats, data)),
    ("kafka", |data| play(Wire::Kafka, data)),
    ("mqtt", |data| play(Wire::Mqtt, data)),
];

/// Connections of one script.
const CONNECTIONS_MAX: usize = 4;

/// Rounds in which everybody looks; a script that needs more goes on with its next bytes.
const ROUNDS_MAX: usize = 6;

/// Bytes said to clients after which a script ends: a short one may ask for much.
const SAID_BYTES_MAX: usize = 32 << 20;

/// Which sessions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    Nats,
    Kafka,
    Mqtt,
}

fn play(wire: Wire, data: &[u8]) {
    let Some((step, script)) = data.split_first() else { return };
    let mut world = World::over(wire, Arc::new(MemoryJournal::default()), start());
    let mut rest = script;
    while !rest.is_empty() && world.said < SAID_BYTES_MAX {
        let mark = rest.windows(2).position(|bytes| bytes == MARK).unwrap_or(rest.len());
        for piece in rest[..mark].chunks(usize::from(*step) * 4 + 1) {
            world.say(piece);
        }
        rest = rest.get(mark + 2..).unwrap_or_default();
        if let [what, whom, behind @ ..] = rest {
            world = world.obey(*what, *whom);
            rest = behind;
        }
    }
    world.again();
}

fn start() -> Now {
    Now { monotonic_ns: 1_000_000_000, wall_ns: 1_700_000_000_000_000_000 }
}

struct World {
    wire: Wire,
    now: Now,
    journal: Arc<MemoryJournal>,
    store: Arc<Store>,
    core: Arc<Core>,
    kafka: Arc<KafkaService>,
    /// The broker's own sessions come first.
    clients: Vec<Client>,
    own: usize,
    /// Who speaks.
    present: usize,
    said: usize,
    scratch: Scratch,
}

struct Client {
    connection: Connection,
    outlet: Arc<Buffer>,
    carried: Vec<u8>,
    open: bool,
}

impl World {
    /// A broker over what the journal holds.
    fn over(wire: Wire, journal: Arc<MemoryJournal>, now: Now) -> Self {
        let router = Arc::new(Router::default());
        let store = Store::open(journal.clone(), router.clone(), Settings::default(), now, journal.replay());
        let store = Arc::new(store.expect("what was written can be replayed"));
        let core = Arc::new(Core::new(router, store.clone(), journal.clone(), Box::new(|| 7)));
        let kafka = KafkaSettings { request_bytes_max: 1 << 20, ..KafkaSettings::default() };
        let mut world = Self {
            wire,
            now,
            journal,
            store,
            core,
            kafka: Arc::new(KafkaService::new(kafka)),
            clients: Vec::new(),
            own: 0,
            present: 0,
            said: 0,
            scratch: Scratch::new(1),
        };
        world.attach(Box::new(PushSession::default()));
        world.attach(Box::new(WillSession::default()));
        world.own = world.clients.len();
        world.present = world.own;
        world.settle();
        world
    }

    fn session(&self) -> Box<dyn Session> {
        let ip = [127, 0, 0, 1];
        match self.wire {
            Wire::Nats => Box::new(NatsSession::new(Arc::new(NatsSettings::default()), ip.into())),
            Wire::Kafka => Box::new(KafkaSession::new(self.kafka.clone(), ip.into(), (ip, 9092).into())),
            Wire::Mqtt => Box::new(MqttSession::new(Arc::new(MqttSettings::default()))),
        }
    }

    fn attach(&mut self, session: Box<dyn Session>) {
        let outlet = Arc::new(Buffer::default());
        let link = self.core.link(outlet.clone());
        let connection = Connection::new(self.core.clone(), link, session);
        self.clients.push(Client { connection, outlet, carried: Vec::new(), open: true });
        let index = self.clients.len() - 1;
        self.scratch.reset();
        let opened = self.clients[index].connection.open(self.now, &mut self.scratch);
        self.flush(index);
        if let Err(close) = opened {
            self.end(index, &close);
        }
    }

    /// Bytes of whoever speaks; one that is gone comes back as somebody new.
    fn say(&mut self, bytes: &[u8]) {
        while self.clients.len() <= self.present {
            let session = self.session();
            self.attach(session);
        }
        if !self.clients[self.present].open {
            let session = self.session();
            self.attach(session);
            let fresh = self.clients.pop().expect("it was pushed");
            self.clients[self.present] = fresh;
        }
        self.clients[self.present].carried.extend_from_slice(bytes);
        self.feed(self.present);
        self.settle();
    }

    /// What the bytes behind a mark say.
    fn obey(mut self, what: u8, whom: u8) -> Self {
        let index = self.own + usize::from(whom) % CONNECTIONS_MAX;
        match what % 4 {
            0 => self.present = index,
            1 if index < self.clients.len() => self.end(index, &Close::Lost),
            1 => {}
            2 => self.pass(u64::from(whom)),
            _ => return self.again(),
        }
        self.settle();
        self
    }

    /// The process ends without a word, and starts again with what was durable.
    fn again(self) -> Self {
        let (present, said) = (self.present, self.said);
        Self { present, said, ..Self::over(self.wire, self.journal.clone(), self.now) }
    }

    fn pass(&mut self, seconds: u64) {
        self.now.monotonic_ns += seconds * 1_000_000_000;
        self.now.wall_ns += seconds * 1_000_000_000;
        self.store.wake(self.now);
    }

    fn feed(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if !client.open || client.carried.is_empty() || !client.connection.is_ready() {
            return;
        }
        let input = std::mem::take(&mut client.carried);
        if input.len() < client.connection.wants() {
            client.carried = input;
            return;
        }
        self.scratch.reset();
        let (used, _) = client.connection.receive(self.now, &input, &mut self.scratch);
        self.flush(index);
        match used {
            Ok(used) => {
                assert!(used <= input.len(), "more was used than there was");
                self.clients[index].carried = input[used..].to_vec();
            }
            Err(close) => self.end(index, &close),
        }
    }

    fn end(&mut self, index: usize, why: &Close) {
        if !std::mem::replace(&mut self.clients[index].open, false) {
            return;
        }
        self.scratch.reset();
        self.clients[index].connection.close(self.now, why, &mut self.scratch);
        self.flush(index);
    }

    /// Commits, and lets everybody look.
    fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let before = (self.said, self.journal.end());
            self.journal.sync();
            self.store.settle(self.now);
            self.core.committed();
            for index in 0..self.clients.len() {
                if !self.clients[index].open {
                    continue;
                }
                self.scratch.reset();
                let attended = self.clients[index].connection.attend(self.now, &mut self.scratch);
                self.flush(index);
                match attended {
                    Ok(Attended::Settled | Attended::More) => self.feed(index),
                    Err(close) => self.end(index, &close),
                }
            }
            if (self.said, self.journal.end()) == before {
                return;
            }
        }
    }

    fn flush(&mut self, index: usize) {
        let own: usize = self.scratch.output.pieces().iter().map(|piece| piece.len()).sum();
        self.scratch.output.clear();
        let outlet = &self.clients[index].outlet;
        let from_others = std::mem::take(&mut *outlet.0.lock().expect("no panic holds the lock"));
        self.said += own + from_others;
    }
}

/// Counts what was said.
#[derive(Default)]
struct Buffer(Mutex<usize>);

impl Outlet for Buffer {
    fn send(&self, bytes: &[u8]) -> usize {
        *self.0.lock().expect("no panic holds the lock") += bytes.len();
        0
    }

    fn send_pieces(&self, pieces: &[IoSlice<'_>]) -> usize {
        pieces.iter().map(|piece| self.send(piece)).sum()
    }

    fn wake(&self) {}

    fn queued(&self) -> usize {
        0
    }

    fn await_room(&self, _: &Waker) -> bool {
        false
    }
}
