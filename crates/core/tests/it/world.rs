//! A store with its checkpoints on small lane files of a simulated disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stele_core::store::{Answer, Caller, Capture, Captures, Checkpoints, Opening, Settings, Store, Stored};
use stele_core::{LaneJournal, Link, Nowhere};
use stele_io::{Random, SimDisk};
use stele_log::{
    Departure, FileLane, FileLaneSettings, Flight, Lane, LaneId, Maintenance, OpenLane, Recovery,
    SnapshotStore,
};
use stele_model::*;

/// Bytes of a lane file.
pub(crate) const FILE_BYTES: u64 = 16 << 10;

pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) lane: Arc<FileLane>,
    pub(crate) store: Store,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) recovery: Recovery,
    pub(crate) now: Now,
    pub(crate) instant: Instant,
    /// Commits under way, and whether a call to the disk is left for them.
    flights: Vec<(Flight, bool)>,
}

struct NoCaptures;

impl Captures for NoCaptures {
    fn set(&self, _: &StreamName, _: &[Filter], _: bool) {}
    fn set_sessions(&self, _: &[Filter]) {}
}

impl World {
    /// As a broker starts. `None` where the disk's power goes meanwhile.
    pub(crate) fn open(disk: &SimDisk) -> Option<Self> {
        let settings = FileLaneSettings {
            file_bytes_min: FILE_BYTES,
            file_bytes_max: FILE_BYTES,
            salt: 7,
            overlap_from: Duration::ZERO,
            ..FileLaneSettings::default()
        };
        let lane = Arc::new(FileLane::new(LaneId(0), Arc::new(disk.clone()), settings));
        let shared: Arc<dyn Lane> = lane.clone();
        let journal = Arc::new(LaneJournal::new(shared.clone()));
        let (snapshots, _) = SnapshotStore::open(Arc::new(disk.clone()), "snap-0000").ok()?;
        let mut checkpoints = Checkpoints::new(snapshots, shared);
        let settings = Settings { shards: 2, tail_bytes: 0, ..Settings::default() };
        let mut opening = Opening::new(journal, Arc::new(NoCaptures), settings);
        let from = checkpoints.restore(&mut opening).ok()?;
        let open = OpenLane { from: stele_log::Lsn(from.0), ..OpenLane::default() };
        let recovery = lane.open(open, &mut opening).ok()?;
        opening.log_starts_at(stele_core::Lsn(recovery.log_start.0));
        let now = Now { monotonic_ns: 1, wall_ns: 1_600_000_000_000_000_000 };
        let store = opening.finish(now, 0);
        let disk = disk.clone();
        Some(Self {
            disk,
            lane,
            store,
            checkpoints,
            recovery,
            now,
            instant: Instant::now(),
            flights: Vec::new(),
        })
    }

    pub(crate) fn create(&self, spec: StreamSpec) {
        let caller = caller();
        let command = StreamCommand::Create(Box::new(spec));
        let answer = self.store.request(self.now, &caller, Request::Stream(command));
        assert!(matches!(answer, Answer::Ready { outcome: Outcome::Stream(_), .. }), "{answer:?}");
    }

    /// Publishes without a commit.
    pub(crate) fn publish(&mut self, stream: &str, subject: &str, payload: &[u8]) -> Result<Stored, Error> {
        self.publish_if(stream, subject, payload, None)
    }

    /// Publishes under conditions, without a commit.
    pub(crate) fn publish_if(
        &mut self,
        stream: &str,
        subject: &str,
        payload: &[u8],
        conditions: Option<&Conditions<'_>>,
    ) -> Result<Stored, Error> {
        self.now.wall_ns += 1_000_000;
        self.now.monotonic_ns += 1_000_000;
        let message = Message {
            subject: subject.as_bytes(),
            reply: &[],
            headers: Headers::none(),
            payload: Some(payload),
            quality: Quality::AtLeastOnce,
            retain: false,
            from: ConnectionId(1),
        };
        let mut results = Vec::new();
        let capture = Capture { message, conditions };
        self.store.capture(self.now, &StreamName::new(stream), &[capture], &mut results);
        results.pop().unwrap()
    }

    /// One piece of the work of commits that overlap: a group departs, or one in the air is written, synced or lands.
    pub(crate) fn commit_some(&mut self, script: &mut Random) {
        let index = script.below(4) as usize;
        match self.flights.get_mut(index) {
            None => {
                if let Departure::Flight(flight) = self.lane.depart(self.instant) {
                    self.flights.push((flight, true));
                }
            }
            Some((flight, goes_on)) if *goes_on => *goes_on = flight.advance(),
            Some(_) => self.land(index),
        }
        self.store.settle(self.now);
    }

    fn land(&mut self, index: usize) {
        let (mut flight, _) = self.flights.remove(index);
        while flight.advance() {}
        self.lane.land(flight, self.instant);
    }

    /// Commits what waits. False when the lane stopped.
    pub(crate) fn commit(&mut self) -> bool {
        self.instant += Duration::from_millis(1);
        while !self.flights.is_empty() {
            self.land(0);
        }
        let stopped = matches!(self.lane.step(self.instant), stele_log::Step::Stopped(_));
        self.store.settle(self.now);
        !stopped
    }

    /// One checkpoint, if the disk allows it.
    pub(crate) fn checkpoint(&mut self) -> bool {
        let Ok(draft) = self.checkpoints.begin(&self.store) else { return false };
        while self.lane.durable().0 < draft.lsn().0 {
            if !self.commit() {
                return false;
            }
        }
        self.checkpoints.finish(&draft).is_ok()
    }

    /// Does the chores, once the trim is durable.
    pub(crate) fn clean(&mut self) {
        self.commit();
        while matches!(self.lane.maintain(), Ok(Maintenance::Worked)) {}
    }

    pub(crate) fn command(&self, command: StreamCommand) -> Result<StreamReply, Error> {
        match self.store.request(self.now, &caller(), Request::Stream(command)) {
            Answer::Ready { outcome: Outcome::Stream(reply), .. } => Ok(reply),
            Answer::Ready { outcome: Outcome::Failed(error), .. } => Err(error),
            other => panic!("no answer: {other:?}"),
        }
    }

    pub(crate) fn get(&self, stream: &str, selector: RecordSelector) -> Result<StoredRecord, Error> {
        let stream = StreamName::new(stream);
        match self.command(StreamCommand::Get { stream, partition: 0, selector })? {
            StreamReply::Record(record) => Ok(*record),
            other => panic!("no record: {other:?}"),
        }
    }

    /// Reads all of a partition as Kafka does.
    pub(crate) fn read(&self, stream: &str) -> ReadPartReply {
        let part = ReadPart {
            stream: StreamName::new(stream),
            id: None,
            partition: 0,
            from: self.info(stream).first,
            bytes_max: 1 << 20,
        };
        let read = Read {
            parts: vec![part],
            bytes_min: 0,
            bytes_max: 1 << 20,
            deadline_ns: 0,
            isolation: Isolation::default(),
        };
        match self.store.request(self.now, &caller(), Request::Read(read)) {
            Answer::Ready { outcome: Outcome::Read(mut reply), .. } => reply.parts.remove(0),
            other => panic!("no batches: {other:?}"),
        }
    }

    pub(crate) fn info(&self, stream: &str) -> PartitionInfo {
        let info = self.command(StreamCommand::Info(StreamName::new(stream))).unwrap().into_info().unwrap();
        info.partitions.into_iter().next().unwrap()
    }

    /// All records of some streams, as a reader sees them.
    pub(crate) fn contents(&self, streams: &[&str]) -> Vec<(u64, Vec<u8>, Option<Vec<u8>>)> {
        let mut all = Vec::new();
        for stream in streams {
            let info = self.info(stream);
            for offset in info.first..info.end {
                match self.get(stream, RecordSelector::At(offset)) {
                    Ok(record) => {
                        let value = record.value.map(|value| value.to_vec());
                        all.push((offset, record.subject.to_vec(), value));
                    }
                    Err(Error::RecordNotFound) => {}
                    Err(error) => panic!("{stream} {offset}: {error}"),
                }
            }
        }
        all
    }

    /// Bytes of all files.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.disk.contents().iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }
}

pub(crate) fn spec(name: &str, subject: &str) -> StreamSpec {
    let filter = Filter::new(subject.as_bytes()).unwrap();
    StreamSpec::new(StreamName::new(name), Wire::Nats, vec![filter])
}

/// A stream that keeps the newest records, so many.
pub(crate) fn limited(name: &str, subject: &str, records_max: u64) -> StreamSpec {
    let mut spec = spec(name, subject);
    spec.limits.records_max = Some(records_max);
    spec
}

/// A stream that keeps the newest record of each subject.
pub(crate) fn bucket(name: &str, subject: &str) -> StreamSpec {
    let mut spec = spec(name, subject);
    spec.limits.records_per_subject_max = Some(1);
    spec
}

pub(crate) fn caller() -> Caller {
    Caller { link: Arc::new(Link::new(ConnectionId(1), Arc::new(Nowhere))), ticket: Ticket(1) }
}
