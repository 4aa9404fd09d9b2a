//! The world: a broker that comes and goes, its clients, the network between them, and the faults.

mod faults;

use crate::broker::Broker;
use crate::clients::{Client, Turn};
use crate::ledger::{Check, Ledger, Violation};
use crate::network::Wire;
use crate::plan::{Plan, Shape};
use crate::schedule::{Action, Choices};
use crate::trace::Trace;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;
use stele_core::Scratch;
use stele_io::{Random, SimDisk, SimFaults};
use stele_model::Now;

/// Without faults, everything must come to its end within so many steps.
const DRAIN_STEPS_MAX: u64 = 100_000;

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// A digest of every step and every byte: equal plans give equal digests.
    pub digest: u64,
    /// The first broken promise.
    pub violation: Option<Violation>,
    /// Steps taken.
    pub steps: u64,
    /// Power losses, kills and failed logs.
    pub crashes: u64,
    /// Messages that the broker acknowledged.
    pub acked: u64,
    /// Starts on a log whose beginning had been given back.
    pub shortened: u64,
    /// Messages that work queues and MQTT sessions gave out.
    pub delivered: u64,
    /// The last faults and starts, each with the virtual time in ms.
    pub events: Vec<String>,
}

/// So many events are kept.
const EVENTS_MAX: usize = 40;

/// Runs a plan to its end, or to the first broken promise.
#[must_use]
pub fn run(plan: &Plan) -> Report {
    let mut world = World::new(plan);
    world.live();
    world.report()
}

struct World {
    plan: Plan,
    shape: Shape,
    random: Random,
    trace: Trace,
    now: Now,
    start: Instant,
    disk: SimDisk,
    faults: SimFaults,
    broker: Option<Broker>,
    wires: BTreeMap<u64, Wire>,
    wire_next: u64,
    clients: Vec<Box<dyn Client>>,
    /// Each client's wire, and when it may connect next.
    seats: Vec<Seat>,
    ledger: Ledger,
    scratch: Scratch,
    choices: Choices,
    draining: bool,
    steps: u64,
    crashes: u64,
    shortened: u64,
    events: VecDeque<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seat {
    wire: Option<u64>,
    connects_at: u64,
}

impl World {
    fn new(plan: &Plan) -> Self {
        let mut random = Random::new(plan.seed ^ 0x57e1_e5ee_d000_0000);
        let shape = Shape::draw(&mut random);
        let mut ledger = Ledger::default();
        let clients = crate::clients::all(&shape, &mut random, &mut ledger);
        let seats = vec![Seat::default(); clients.len()];
        #[expect(clippy::disallowed_methods, reason = "an origin: only differences to it are used")]
        let start = Instant::now();
        Self {
            plan: *plan,
            random,
            trace: Trace::new(),
            now: Now { monotonic_ns: 1, wall_ns: faults::EPOCH_NS },
            start,
            disk: SimDisk::new(plan.seed),
            faults: SimFaults::default(),
            broker: None,
            wires: BTreeMap::new(),
            wire_next: 1,
            clients,
            seats,
            ledger,
            scratch: Scratch::new(plan.seed),
            choices: Choices::default(),
            draining: false,
            steps: 0,
            crashes: 0,
            shortened: 0,
            events: VecDeque::new(),
            shape,
        }
    }

    fn live(&mut self) {
        for _ in 0..self.shape.steps {
            self.steps += 1;
            self.fault();
            if !self.step() {
                return;
            }
        }
        // Without faults everything comes to its end; and what was promised holds after one more power loss.
        self.calm();
        if !self.drain() {
            return;
        }
        self.lose_power();
        self.clients.iter_mut().for_each(|client| client.look_again());
        if self.drain() {
            self.ledger.judge();
        }
    }

    fn drain(&mut self) -> bool {
        for _ in 0..DRAIN_STEPS_MAX {
            self.steps += 1;
            if !self.step() {
                return false;
            }
            if self.clients.iter().all(|client| client.is_done(&self.ledger)) {
                return true;
            }
        }
        let waiting = self.clients.iter().filter(|client| !client.is_done(&self.ledger));
        let states = waiting.map(|client| format!("{} ({})", client.name(), client.state(&self.ledger)));
        let names: Vec<String> = states.collect();
        let text = format!("without faults, still not done: {}", names.join(", "));
        self.ledger.broken(Check::Progress, text);
        false
    }

    /// One step; false when a promise is broken.
    fn step(&mut self) -> bool {
        let moment = 1_000 + self.random.below(100_000);
        self.advance(moment);
        let action = self.choose();
        let (kind, what) = action.code();
        self.trace.step(kind, what);
        self.perform(action);
        if !self.disk.has_power() {
            self.lose_power();
        }
        self.wires.retain(|_, wire| !(wire.is_closed() && wire.client.is_none()));
        self.ledger.violation().is_none()
    }

    fn choose(&mut self) -> Action {
        self.choices.clear();
        let choices = &mut self.choices;
        choices.add(2, Action::Rest);
        for (index, seat) in self.seats.iter().enumerate() {
            let connects = self.broker.is_some() && seat.connects_at <= self.now.monotonic_ns;
            if seat.wire.is_some() || connects {
                choices.add(6, Action::Client(index));
            }
        }
        let Some(broker) = &self.broker else {
            return choices.pick(&mut self.random).unwrap_or(Action::Rest);
        };
        for (number, wire) in &self.wires {
            if wire.to_broker() > 0 {
                choices.add(12, Action::ToBroker(*number));
            }
            if wire.client.is_some() && (wire.to_client() > 0 || wire.is_closed()) {
                choices.add(12, Action::ToClient(*number));
            }
            if wire.wants_attention(self.now) {
                choices.add(16, Action::Attend(*number));
            }
        }
        for (index, wire) in broker.internal.iter().enumerate() {
            if wire.wants_attention(self.now) {
                choices.add(16, Action::Internal(index));
            }
        }
        // A disk that does not answer for seconds is a fault.
        let commits = if self.draining { self.shape.commit_weight.max(12) } else { self.shape.commit_weight };
        if broker.has_commit(self.now) {
            choices.add(commits, Action::Commit);
        }
        for flight in 0..broker.flights() {
            choices.add(commits, Action::FlyOn(flight));
        }
        if broker.has_news() {
            choices.add(12, Action::Settle);
        }
        if broker.is_due(self.now) {
            choices.add(12, Action::Wake);
        }
        if broker.has_chores() {
            choices.add(2, Action::Maintain);
        }
        if self.shape.checkpoint_weight > 0 && broker.has_checkpoint() {
            choices.add(self.shape.checkpoint_weight, Action::Checkpoint);
        }
        choices.pick(&mut self.random).unwrap_or(Action::Rest)
    }

    fn perform(&mut self, action: Action) {
        let now = self.now;
        if let Action::Rest = action {
            return self.rest();
        }
        if let Action::Client(client) = action {
            return self.client_turn(client);
        }
        let Some(broker) = &mut self.broker else { return };
        match action {
            Action::ToBroker(number) => {
                let Some(wire) = self.wires.get_mut(&number) else { return };
                let count = piece(wire.to_broker(), &mut self.random);
                let bytes = wire.deliver(now, count, &mut self.scratch);
                self.trace.bytes(&bytes);
            }
            Action::ToClient(number) => self.client_reads(number),
            Action::Attend(number) => {
                if let Some(wire) = self.wires.get_mut(&number) {
                    wire.attend(now, &mut self.scratch);
                }
            }
            Action::Internal(index) => broker.internal[index].attend(now, &mut self.scratch),
            Action::Commit => broker.commit(now),
            Action::FlyOn(flight) => broker.fly_on(flight, now),
            Action::Settle => broker.settle(now),
            Action::Wake => broker.wake(now),
            Action::Maintain => broker.maintain(),
            Action::Checkpoint => broker.checkpoint(),
            Action::Client(_) | Action::Rest => {}
        }
    }

    /// Time passes, now and then as far as the next thing that is due.
    fn rest(&mut self) {
        let due = self.broker.as_ref().and_then(Broker::deadline);
        let due = self.wires.values().filter_map(Wire::deadline).chain(due).min();
        let until = due.map_or(0, |due| due.saturating_sub(self.now.monotonic_ns)).min(200_000_000);
        let until = if self.random.chance(500) { until } else { 0 };
        let least = self.random.below(5_000_000);
        self.advance(until.max(least));
    }

    fn advance(&mut self, by_ns: u64) {
        self.now.monotonic_ns += by_ns;
        self.now.wall_ns += by_ns;
    }

    /// The client connects, or is asked whether it has something to say.
    fn client_turn(&mut self, index: usize) {
        let Some(broker) = &self.broker else {
            return self.with_client(index, |client, turn| client.tick(turn));
        };
        if self.seats[index].wire.is_some() {
            return self.with_client(index, |client, turn| client.tick(turn));
        }
        let wire = broker.accept(self.clients[index].protocol(), index);
        self.wires.insert(self.wire_next, wire);
        self.seats[index].wire = Some(self.wire_next);
        self.wire_next += 1;
        self.with_client(index, |client, turn| client.connected(turn));
    }

    /// The client reads what came, or that the broker has ended the connection.
    fn client_reads(&mut self, number: u64) {
        let Some(wire) = self.wires.get(&number) else { return };
        let Some(index) = wire.client else { return };
        if wire.is_over() {
            self.wires.remove(&number);
            return self.seat_lost(index, true);
        }
        let bytes = wire.take(piece(wire.to_client(), &mut self.random));
        self.trace.bytes(&bytes);
        self.with_client(index, |client, turn| client.receive(&bytes, turn));
    }

    /// Calls a client and sends what it says.
    fn with_client(&mut self, index: usize, call: impl FnOnce(&mut dyn Client, &mut Turn<'_>)) {
        let mut out = Vec::new();
        let mut turn = Turn {
            now: self.now,
            random: &mut self.random,
            ledger: &mut self.ledger,
            out: &mut out,
            hangs_up: false,
            draining: self.draining,
            mutation: self.plan.mutation,
        };
        call(self.clients[index].as_mut(), &mut turn);
        let hangs_up = turn.hangs_up;
        if let Some(wire) = self.seats[index].wire.and_then(|number| self.wires.get_mut(&number)) {
            wire.send(&out);
        }
        if hangs_up {
            self.cut(index);
        }
    }

    /// The client is without a connection from now on. What it had sent may have been refused without its knowing.
    fn seat_lost(&mut self, index: usize, refused: bool) {
        let refused = refused || self.ledger.disk_was_full;
        self.seats[index].wire = None;
        self.seats[index].connects_at = self.now.monotonic_ns + self.random.below(20_000_000);
        self.with_client(index, |client, turn| client.disconnected(refused, turn));
    }

    /// Something that a person who replays the seed wants to know.
    fn note(&mut self, event: impl std::fmt::Display) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(format!("{} ms: {event}", self.now.monotonic_ns / 1_000_000));
    }

    fn report(&mut self) -> Report {
        self.trace.step(0, self.disk.call_digest());
        Report {
            digest: self.trace.digest(),
            violation: self.ledger.violation().cloned(),
            steps: self.steps,
            crashes: self.crashes,
            shortened: self.shortened,
            acked: self.ledger.acked,
            delivered: self.ledger.delivered,
            events: self.events.iter().cloned().collect(),
        }
    }
}

/// How many of the bytes arrive in one piece: often all of them.
fn piece(bytes: usize, random: &mut Random) -> usize {
    let all = bytes.min(1 << 16);
    if random.chance(700) { all } else { 1 + random.below(all as u64) as usize }.min(all)
}
