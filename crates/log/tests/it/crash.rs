//! Power losses and failed syncs by seed.
//!
//! A script of submissions, commits, chores, reads and trims runs against a simulated disk that fails at an
//! arbitrary call, restarts, and runs on. Commits overlap: several flights are in the air, and the script picks
//! whose write, sync or landing comes next. The model knows what was acked; after every opening:
//! what was acked is there, what is there is a prefix of what was submitted and ends at a group's end, what
//! was cut never returns, epochs rise, and nothing is called damaged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use stele_io::{DiskErrorKind, Random, SimDisk, SimFaults};
use stele_log::{
    Class, Damage, Departure, Epoch, FileLane, FileLaneSettings, Flight, Frame, Lane, LaneId, Lsn, OpenError,
    OpenLane, Replay, Step, StoredFrame, SubmitError,
};

const INJECTED: [DiskErrorKind; 2] = [DiskErrorKind::Other, DiskErrorKind::PowerLost];
const SEEDS: u64 = 1000;

#[test]
fn acked_frames_survive_every_crash() {
    let mut overtakings = 0;
    for seed in seeds() {
        match std::panic::catch_unwind(|| run(seed)) {
            Ok((.., overtaken)) => overtakings += overtaken,
            Err(panic) => {
                println!(
                    "replay with: STELE_SEED={seed} cargo test -p stele-log --test it acked_frames_survive"
                );
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(seeds().len() == 1 || overtakings > 1000, "{overtakings}");
}

#[test]
fn equal_seeds_make_equal_calls_and_bytes() {
    for seed in (0..SEEDS).step_by(50) {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

fn seeds() -> Vec<u64> {
    match std::env::var("STELE_SEED") {
        Ok(seed) => vec![seed.parse().expect("STELE_SEED is a number")],
        Err(_) => (0..SEEDS).collect(),
    }
}

/// What must be equal between two runs of one seed.
type Trace = (u64, u64, u64, u64, u64);

fn run(seed: u64) -> Trace {
    let mut world = World::new(seed);
    let cycles = 3 + world.script.below(4);
    for _ in 0..cycles {
        world.power_cycle();
    }
    world.disk.set_faults(SimFaults::default());
    world.restart();
    assert!(world.open(), "an undisturbed opening succeeds");
    let contents = format!("{:?}", world.disk.contents());
    (
        world.disk.calls(),
        world.disk.call_digest(),
        crc_fast::crc64_nvme(contents.as_bytes()),
        world.acked as u64,
        world.overtakings,
    )
}

struct World {
    script: Random,
    disk: SimDisk,
    lane: FileLane,
    /// In the air, and whether a call to the disk is left for it.
    flights: Vec<(Flight, bool)>,
    /// How many landed before one that had departed earlier.
    overtakings: u64,
    now: Instant,
    epoch: Epoch,
    /// Everything submitted and not cut, in order.
    records: Vec<Record>,
    /// How many of them were acked or seen after an opening.
    acked: usize,
    cut: BTreeSet<u64>,
    next_id: u64,
    trimmed: Lsn,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    id: u64,
    partition: u64,
    lsn: Lsn,
    end: Lsn,
    bytes: usize,
    last_of_group: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        Self {
            script: Random::new(seed ^ 0x5eed),
            lane: lane(&disk),
            disk,
            flights: Vec::new(),
            overtakings: 0,
            now: Instant::now(),
            epoch: Epoch(0),
            records: Vec::new(),
            acked: 0,
            cut: BTreeSet::new(),
            next_id: 1,
            trimmed: Lsn(0),
        }
    }

    /// From one power loss to the next.
    fn power_cycle(&mut self) {
        self.restart();
        let fails = if self.script.chance(300) { 40 } else { 0 };
        let calls = 3 + self.script.below(150);
        self.disk.set_faults(SimFaults {
            sync_fails_per_mille: fails,
            write_fails_per_mille: fails / 2,
            power_lost_at_call: Some(self.disk.calls() + calls),
            bytes_max: None,
            ..SimFaults::default()
        });
        while self.disk.has_power() {
            if self.open() {
                self.work();
            }
        }
    }

    fn restart(&mut self) {
        self.flights.clear();
        self.disk = self.disk.crash();
        self.lane = lane(&self.disk);
    }

    fn open(&mut self) -> bool {
        // Those of a poisoned lane: an opening waits until they are gone.
        self.flights.clear();
        let from = if self.script.chance(500) { self.trimmed } else { Lsn(0) };
        let mut seen = Seen::default();
        let recovery = match self.lane.open(OpenLane { from, epoch_min: Epoch(0) }, &mut seen) {
            Ok(recovery) => recovery,
            // Only what the script injected may keep a lane from opening.
            Err(OpenError::Disk(error)) if INJECTED.contains(&error.kind) => return false,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(recovery.damage, [], "no byte was damaged");
        assert_eq!(seen.damage, []);
        assert!(recovery.epoch > self.epoch, "epochs rise");
        self.epoch = recovery.epoch;
        self.compare(&seen.frames);
        true
    }

    fn compare(&mut self, seen: &[(Lsn, u64, Bytes)]) {
        let from = self.records.partition_point(|record| record.lsn < self.trimmed);
        let seen: Vec<_> = seen.iter().filter(|(lsn, ..)| *lsn >= self.trimmed).collect();
        let expected = &self.records[from..];
        assert!(seen.len() >= self.acked.saturating_sub(from), "acked frames are lost");
        assert!(seen.len() <= expected.len(), "frames from nowhere");
        for ((lsn, partition, payload), record) in seen.iter().zip(expected) {
            let id = u64::from_le_bytes(payload[..8].try_into().unwrap());
            assert!(!self.cut.contains(&id), "record {id} was cut and returned");
            assert_eq!((*lsn, *partition, id), (record.lsn, record.partition, record.id), "order");
            assert_eq!(*payload, payload_of(record.id, record.bytes), "content of {id}");
        }
        let kept = from + seen.len();
        assert!(kept == 0 || self.records[kept - 1].last_of_group, "a group is whole or gone");
        self.cut.extend(self.records.drain(kept..).map(|record| record.id));
        self.acked = kept;
    }

    fn work(&mut self) {
        loop {
            match self.script.below(100) {
                0..50 => self.submit(),
                50..85 => {
                    if self.commit_some() {
                        return;
                    }
                    self.note_acks();
                }
                85..90 => drop(self.lane.maintain()),
                90..93 => self.now += Duration::from_millis(self.script.below(60)),
                93..96 => self.read(),
                96..98 => self.trim(),
                98 if self.script.chance(200) => {
                    // A closing waits for what is in the air.
                    while !self.flights.is_empty() {
                        self.fly_on();
                    }
                    self.lane.close(self.now);
                    self.note_acks();
                    return;
                }
                _ => {}
            }
        }
    }

    /// One piece of the work of commits. True when the lane stopped.
    fn commit_some(&mut self) -> bool {
        let step = match self.script.below(10) {
            0 => self.lane.step(self.now),
            1..5 => match self.lane.depart(self.now) {
                Departure::Flight(flight) => {
                    self.flights.push((flight, true));
                    return false;
                }
                Departure::Nothing(step) => step,
            },
            _ if self.flights.is_empty() => return false,
            _ => self.fly_on(),
        };
        matches!(step, Step::Stopped(_))
    }

    /// The next call to the disk of any flight, or its landing.
    fn fly_on(&mut self) -> Step {
        let index = self.script.below(self.flights.len() as u64) as usize;
        let (flight, goes_on) = &mut self.flights[index];
        if *goes_on {
            *goes_on = flight.advance();
            return Step::Idle { wake_at: None };
        }
        self.overtakings += u64::from(index > 0);
        let (flight, _) = self.flights.remove(index);
        self.lane.land(flight, self.now)
    }

    fn submit(&mut self) {
        let count = 1 + self.script.below(3);
        let mut frames = Vec::new();
        for at in 0..count {
            let bytes = if self.script.chance(50) { 5000 } else { 8 + self.script.below(900) as usize };
            let record = Record {
                id: self.next_id + at,
                partition: self.script.below(4),
                lsn: Lsn(0),
                end: Lsn(0),
                bytes,
                last_of_group: at + 1 == count,
            };
            let payload = payload_of(record.id, bytes);
            let (partition, id) = (record.partition, record.id);
            frames.push((record, Frame { kind: 1, shard: 0, partition, base_offset: id, count: 1, payload }));
        }
        let group: Vec<Frame> = frames.iter().map(|(_, frame)| frame.clone()).collect();
        match self.lane.submit(&group, Class::Publish) {
            Ok(placed) => {
                self.next_id += count;
                let mut at = placed.first;
                for (mut record, frame) in frames {
                    record.lsn = at;
                    at = Lsn(at.0 + frame.stored_bytes());
                    record.end = at;
                    self.records.push(record);
                }
                assert_eq!(at, placed.end);
            }
            Err(SubmitError::Busy) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn note_acks(&mut self) {
        let durable = self.lane.durable();
        let acked = self.records.partition_point(|record| record.end <= durable);
        self.acked = self.acked.max(acked);
    }

    fn read(&mut self) {
        let first = self.records.partition_point(|record| record.lsn < self.trimmed);
        if self.acked > first {
            let record = &self.records[first + self.script.below((self.acked - first) as u64) as usize];
            if let Ok(payload) = self.lane.read(record.lsn, record.bytes as u32) {
                assert_eq!(payload, payload_of(record.id, record.bytes));
            } else {
                assert!(!self.disk.has_power(), "acked frames are readable");
            }
        }
    }

    fn trim(&mut self) {
        if self.acked > 0 {
            let record = &self.records[self.script.below(self.acked as u64) as usize];
            self.trimmed = self.trimmed.max(record.lsn);
            self.lane.trim(self.trimmed);
        }
    }
}

#[derive(Default)]
struct Seen {
    frames: Vec<(Lsn, u64, Bytes)>,
    damage: Vec<Damage>,
}

impl Replay for Seen {
    fn frame(&mut self, frame: StoredFrame<'_>) {
        self.frames.push((frame.lsn, frame.partition, Bytes::copy_from_slice(frame.payload)));
    }

    fn damage(&mut self, damage: Damage) {
        self.damage.push(damage);
    }
}

fn payload_of(id: u64, bytes: usize) -> Bytes {
    let mut payload = vec![(id % 251) as u8; bytes];
    payload[..8].copy_from_slice(&id.to_le_bytes());
    payload.into()
}

fn lane(disk: &SimDisk) -> FileLane {
    let settings = FileLaneSettings {
        file_bytes_min: 16 << 10,
        file_bytes_max: 32 << 10,
        queue_bytes_max: 32 << 10,
        salt: 7,
        overlap_from: Duration::ZERO,
        ..FileLaneSettings::default()
    };
    FileLane::new(LaneId(0), Arc::new(disk.clone()), settings)
}
