//! The broker as the binary puts it together, without threads: every step of the storage driver is a call.

use crate::Mutation;
use crate::network::Wire;
use crate::opening::{self, Opened, Refused};
use crate::plan::Shape;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use stele_core::store::{Checkpoints, Draft, Settings, Store};
use stele_core::{Core, RelaySession, Router, Scratch};
use stele_io::{Random, SimDisk};
use stele_kafka::{KafkaService, KafkaSession, KafkaSettings};
use stele_log::{Departure, FileLane, FileLaneSettings, Flight, Lane, LaneEvent, LaneId, Step};
use stele_model::{Close, Now, Session};
use stele_mqtt::{MqttSession, MqttSettings, WillSession};
use stele_nats::jetstream::PushSession;
use stele_nats::{NatsSession, NatsSettings};

/// Which protocol a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Nats,
    Kafka,
    Mqtt,
}

/// A running broker.
pub(crate) struct Broker {
    pub(crate) core: Arc<Core>,
    store: Arc<Store>,
    lane: Arc<FileLane>,
    /// Commits that are under way, and whether a call to the disk is left for them.
    flights: Vec<(Flight, bool)>,
    /// Something was committed since the last settle.
    committed: Arc<AtomicBool>,
    /// When the lane wants to write an empty commit.
    lane_wakes: Option<Instant>,
    /// Sessions of the broker's own.
    pub(crate) internal: Vec<Wire>,
    kafka: Arc<KafkaService>,
    mqtt: Arc<MqttSettings>,
    nats: Arc<NatsSettings>,
    start: Instant,
    checkpoints: Checkpoints,
    /// They are taken in this run.
    keeps_checkpoints: bool,
    /// A checkpoint that was begun.
    draft: Option<Draft>,
    /// The log did not begin with its first frame any more.
    pub(crate) is_shortened: bool,
    /// What the opening found, for a person who replays the seed.
    pub(crate) found: String,
    mutation: Mutation,
}

impl Broker {
    /// Opens the log and replays it. Only what the schedule injected may be in the way.
    pub(crate) fn open(
        disk: &SimDisk,
        shape: &Shape,
        mutation: Mutation,
        now: Now,
        start: Instant,
        random: &mut Random,
    ) -> Result<Self, Refused> {
        let lane_settings = FileLaneSettings {
            file_bytes_min: shape.file_bytes,
            file_bytes_max: 4 * shape.file_bytes,
            queue_bytes_max: 256 << 10,
            reserve_bytes: 8 << 10,
            salt: 7,
            overlap_from: Duration::ZERO,
            ..FileLaneSettings::default()
        };
        let disk = mutation.disk(Arc::new(disk.clone()));
        let lane = Arc::new(FileLane::new(LaneId(0), disk.clone(), lane_settings));
        let router = Arc::new(Router::default());
        let settings = Settings { seed: random.bits(), tail_bytes: shape.tail_bytes, ..Settings::default() };
        let opened = opening::open(disk, &lane, mutation, router.clone(), settings, now)?;
        let Opened { store, journal, checkpoints, is_shortened, found } = opened;
        let numbers = Mutex::new(Random::new(random.bits()));
        let draw = move || numbers.lock().expect("no panic holds the lock").bits();
        let core = Arc::new(Core::new(router, store.clone(), journal, Box::new(draw)));
        let committed = Arc::new(AtomicBool::new(false));
        subscribe(&lane, &core, &committed);
        let internal: [Box<dyn Session>; 3] = [
            Box::new(PushSession::default()),
            Box::new(WillSession::default()),
            Box::new(RelaySession::default()),
        ];
        Ok(Self {
            internal: internal.into_iter().map(|session| Wire::new(&core, session, None)).collect(),
            core,
            store,
            lane,
            flights: Vec::new(),
            committed,
            lane_wakes: None,
            kafka: Arc::new(KafkaService::new(KafkaSettings::default())),
            mqtt: Arc::default(),
            nats: Arc::default(),
            start,
            checkpoints,
            draft: None,
            is_shortened,
            found,
            keeps_checkpoints: shape.checkpoint_weight > 0,
            mutation,
        })
    }

    /// A client connects.
    pub(crate) fn accept(&self, protocol: Protocol, client: usize) -> Wire {
        let peer = [127, 0, 0, 1].into();
        let local = ([127, 0, 0, 1], 9092).into();
        let session: Box<dyn Session> = match protocol {
            Protocol::Nats => Box::new(NatsSession::new(self.nats.clone(), peer)),
            Protocol::Kafka => Box::new(KafkaSession::new(self.kafka.clone(), peer, local)),
            Protocol::Mqtt => Box::new(MqttSession::new(self.mqtt.clone())),
        };
        Wire::new(&self.core, session, Some(client))
    }

    /// Would a step of the lane do something?
    pub(crate) fn has_commit(&self, now: Now) -> bool {
        let due = self.lane_wakes.is_some_and(|wakes| wakes <= self.instant(now));
        let stopped = self.mutation == Mutation::CommitsStop && now.monotonic_ns > 200_000_000;
        (self.lane.bytes_queued() > 0 || due) && !stopped
    }

    /// A group leaves for the disk, if one should.
    pub(crate) fn commit(&mut self, now: Now) {
        match self.lane.depart(self.instant(now)) {
            Departure::Flight(flight) => {
                self.flights.push((flight, true));
                self.lane_wakes = None;
            }
            Departure::Nothing(step) => self.note(step, now),
        }
    }

    /// Commits under way.
    pub(crate) fn flights(&self) -> usize {
        self.flights.len()
    }

    /// The next piece of one of them: its write, its sync, or that the lane hears of it.
    pub(crate) fn fly_on(&mut self, index: usize, now: Now) {
        let (flight, goes_on) = &mut self.flights[index];
        if *goes_on {
            *goes_on = flight.advance();
            return;
        }
        let (flight, _) = self.flights.remove(index);
        let step = self.lane.land(flight, self.instant(now));
        self.note(step, now);
    }

    /// All of them end.
    pub(crate) fn end_flights(&mut self, now: Now) {
        while !self.flights.is_empty() {
            self.fly_on(0, now);
        }
    }

    fn note(&mut self, step: Step, now: Now) {
        self.lane_wakes = match step {
            Step::Durable(_) => Some(self.instant(now)),
            Step::Waiting { wake_at } => Some(wake_at),
            Step::Idle { wake_at } => wake_at,
            Step::Stopped(_) => None,
        };
    }

    pub(crate) fn has_chores(&self) -> bool {
        self.lane.has_chores()
    }

    /// One piece of the lane's maintenance. What goes wrong there is tried again.
    pub(crate) fn maintain(&self) {
        let _ = self.lane.maintain();
    }

    /// Would a step of a checkpoint do something? A draft waits for the commit that it needs.
    pub(crate) fn has_checkpoint(&self) -> bool {
        match &self.draft {
            None => self.checkpoints.has_news(&self.store),
            Some(draft) => self.lane.durable().0 >= draft.lsn().0,
        }
    }

    /// Begins a checkpoint, or stores the one that was begun. One that cannot be stored is dropped: the log is kept.
    pub(crate) fn checkpoint(&mut self) {
        match self.draft.take() {
            None => self.draft = self.checkpoints.begin(&self.store).ok(),
            Some(draft) => {
                let _ = self.checkpoints.finish(&draft);
                self.mutation.checkpoint(&self.lane);
            }
        }
    }

    pub(crate) fn has_news(&self) -> bool {
        self.committed.load(Ordering::Acquire)
    }

    /// Shows to readers what became durable.
    pub(crate) fn settle(&self, now: Now) {
        self.committed.store(false, Ordering::Release);
        self.store.settle(now);
    }

    pub(crate) fn is_due(&self, now: Now) -> bool {
        self.store.deadline().is_some_and(|due| due <= now.monotonic_ns)
    }

    /// Does what is due in the store.
    pub(crate) fn wake(&self, now: Now) {
        self.store.wake(now);
    }

    /// When something of the broker's own is due (monotonic ns).
    pub(crate) fn deadline(&self) -> Option<u64> {
        let lane = self.lane_wakes.map(|at| at.saturating_duration_since(self.start).as_nanos() as u64);
        let internal = self.internal.iter().filter_map(Wire::deadline);
        internal.chain(lane).chain(self.store.deadline()).min()
    }

    /// The log failed: the process has to be restarted.
    pub(crate) fn has_failed(&self) -> bool {
        self.core.has_failed()
    }

    /// A clean stop, all connections closed before.
    pub(crate) fn stop(mut self, now: Now, scratch: &mut Scratch) {
        for wire in &mut self.internal {
            wire.close(now, &Close::Shutdown, scratch);
        }
        self.store.flush();
        // The commit threads end what they began before the lane is closed.
        self.end_flights(now);
        if self.keeps_checkpoints && self.checkpoints.has_news(&self.store) {
            self.draft = None;
            self.checkpoint();
            let needs = self.draft.as_ref().map_or(0, |draft| draft.lsn().0);
            while self.lane.durable().0 < needs && !self.has_failed() {
                self.lane.step(self.instant(now));
            }
            if self.has_checkpoint() {
                self.checkpoint();
            }
        }
        self.lane.close(self.instant(now));
    }

    fn instant(&self, now: Now) -> Instant {
        self.start + Duration::from_nanos(now.monotonic_ns)
    }
}

fn subscribe(lane: &FileLane, core: &Arc<Core>, committed: &Arc<AtomicBool>) {
    let (core, committed) = (Arc::downgrade(core), committed.clone());
    lane.subscribe(Arc::new(move |event| {
        let Some(core) = core.upgrade() else { return };
        match event {
            LaneEvent::Durable(_) => {
                core.committed();
                committed.store(true, Ordering::Release);
            }
            LaneEvent::Stopped(stele_log::StopReason::Closed) => {}
            LaneEvent::Stopped(_) => core.log_failed(),
        }
    }));
}
