//! A stream: its partitions, cursors and message ids.

use super::dedup::Dedup;
use super::partition::Partition;
use crate::journal::{JournalFrame, Lsn};
use crate::store::context::Context;
use crate::store::cursor::Cursors;
use crate::store::frames::{PARTITION_BITS, RecordsRemoved, StreamPut};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stele_model::{
    CleanupPolicy, Error, Filter, Now, Offset, PartitionIndex, Storage, StreamInfo, StreamSpec, Wire,
};

/// A stream.
pub(crate) struct Stream {
    /// Its number within the shard.
    pub number: u64,
    /// Kafka's topic id.
    pub id: [u8; 16],
    /// When it was made (ns).
    pub created_ns: u64,
    /// What it is.
    pub spec: Arc<StreamSpec>,
    /// The end of the last frame that changed it: what answers about it depend on.
    pub lsn: Lsn,
    /// Its logs.
    pub partitions: Vec<Partition>,
    /// Remembered message ids.
    pub dedup: Dedup,
    /// The id of the newest message; empty without one.
    pub last_message_id: Vec<u8>,
    /// Its cursors.
    pub cursors: Cursors,
    /// Records that were removed by acknowledgement and are not written down yet.
    pub unwritten: BTreeMap<PartitionIndex, BTreeSet<Offset>>,
    /// The deadline in the shard's timers, for ages and expiries.
    pub timer: Option<u64>,
}

impl Stream {
    /// The stream and partition of a log's number.
    pub(crate) fn of_log(log: u64) -> Option<(u64, PartitionIndex)> {
        let partition = (log & ((1 << PARTITION_BITS) - 1)).checked_sub(1)?;
        Some((log >> PARTITION_BITS, u32::try_from(partition).ok()?))
    }

    /// From its first frame.
    pub(crate) fn new(put: &StreamPut) -> Self {
        let mut stream = Self {
            number: put.stream,
            id: put.id,
            created_ns: put.created_ns,
            spec: Arc::new(put.spec.clone()),
            lsn: Lsn(0),
            partitions: Vec::new(),
            dedup: Dedup::default(),
            last_message_id: Vec::new(),
            cursors: Cursors::default(),
            unwritten: BTreeMap::new(),
            timer: None,
        };
        stream.grow();
        stream
    }

    /// Takes a changed spec: new partitions, subjects, limits.
    pub(crate) fn update(&mut self, spec: &StreamSpec) {
        self.spec = Arc::new(spec.clone());
        self.grow();
        if only_subject(spec).is_none()
            || self.partitions.iter().any(|own| Some(&own.subject) != only_subject(spec).as_ref())
        {
            self.partitions.iter_mut().for_each(Partition::index_subjects);
        }
        for partition in 0..self.partitions.len() {
            self.enforce_every_subject(partition);
            self.enforce(partition);
        }
    }

    /// The limit per subject may be lower than it was.
    fn enforce_every_subject(&mut self, at: usize) {
        let Some(max) = self.spec.limits.records_per_subject_max else { return };
        let Some(subjects) = &self.partitions[at].subjects else { return };
        let all = everything();
        let postings = subjects.matching(&all, None).map(|(_, posting)| posting);
        let excess: Vec<Offset> =
            postings.flat_map(|posting| posting.oldest(posting.len().saturating_sub(max as usize))).collect();
        for offset in excess {
            self.remove(at, offset);
        }
    }

    /// As it is; `view`: as the stream that shows one partition only.
    pub(crate) fn info(&self, view: Option<PartitionIndex>, with_gone: bool) -> StreamInfo {
        let partitions = self.partitions.iter().map(|partition| partition.info(with_gone));
        let partitions = match view {
            None => partitions.collect(),
            Some(view) => partitions.skip(view as usize).take(1).collect(),
        };
        StreamInfo {
            spec: self.spec.clone(),
            id: self.id,
            created_ns: self.created_ns,
            cursors: self.cursors.count(view.unwrap_or(0)),
            partitions,
        }
    }

    /// The frame that says what it is.
    pub(crate) fn put_frame(&self) -> StreamPut {
        StreamPut {
            stream: self.number,
            id: self.id,
            created_ns: self.created_ns,
            spec: (*self.spec).clone(),
        }
    }

    /// A partition that can be used.
    ///
    /// # Errors
    /// `PartitionNotFound`, `Quarantined`.
    pub(crate) fn partition(&self, partition: PartitionIndex) -> Result<&Partition, Error> {
        let missing = || Error::PartitionNotFound(self.spec.name.clone(), partition);
        let partition = self.partitions.get(partition as usize).ok_or_else(missing)?;
        if partition.is_offline() { Err(Error::Quarantined) } else { Ok(partition) }
    }

    /// Is it the one that is meant?
    pub(crate) fn is_named(&self, id: Option<[u8; 16]>) -> bool {
        id.is_none_or(|id| id == self.id)
    }

    /// In memory only?
    pub(crate) fn is_volatile(&self) -> bool {
        self.spec.storage == Storage::Memory
    }

    /// Does one of its filters match?
    pub(crate) fn captures(&self, subject: &[u8]) -> bool {
        self.spec.subjects.iter().any(|filter| filter.matches(subject))
    }

    /// Writes delivery state and removals that wait for a commit, in front of `frames`, and then these. Every frame of
    /// a stream goes this way, so that at each frame the state is what a replay up to it gives.
    pub(crate) fn write(&mut self, context: &mut Context, frames: Vec<JournalFrame>) -> Result<(), Error> {
        let mut all = self.lazy_frames(context);
        all.extend(frames);
        if all.is_empty() {
            self.forget_lazy(context);
            return Ok(());
        }
        let stored = context.append(&all)?;
        self.forget_lazy(context);
        self.lsn = stored.lsn;
        Ok(())
    }

    /// Frames for what waits.
    pub(crate) fn lazy_frames(&self, context: &Context) -> Vec<JournalFrame> {
        if self.is_volatile() || (self.unwritten.is_empty() && !self.cursors.is_dirty()) {
            return Vec::new();
        }
        let mut frames = self.cursors.frames(context, self.number);
        for (partition, offsets) in &self.unwritten {
            let offsets: Vec<Offset> = offsets.iter().copied().collect();
            frames.push(context.delta(&RecordsRemoved::new(self.number, *partition, None, &offsets)));
        }
        frames
    }

    /// What waited is written.
    pub(crate) fn forget_lazy(&mut self, context: &mut Context) {
        self.unwritten.clear();
        self.cursors.clean();
        context.lazy.remove(&self.number);
    }

    /// Appends are durable up to there. Which visible ends moved?
    pub(crate) fn settle(&mut self, context: &mut Context, durable: Lsn) -> Vec<PartitionIndex> {
        let mut moved = Vec::new();
        for (number, partition) in self.partitions.iter_mut().enumerate() {
            if partition.settle(durable) {
                moved.push(number as PartitionIndex);
            }
        }
        if !self.partitions.iter().any(Partition::is_unsettled) {
            context.unsettled.remove(&self.number);
        }
        moved
    }

    /// When records reach their age or their own expiry: (wall ns).
    pub(crate) fn expiry_due(&self, context: &Context) -> Option<u64> {
        let due = |partition: &Partition| {
            if partition.is_offline() {
                return None;
            }
            let own = partition.expiries.first().map(|(time, _)| *time);
            let aged = self.spec.limits.age_max_ns.filter(|_| self.ages()).and_then(|age| {
                let entry = partition.oldest()?;
                Some(context.clock.due_ns(self.age_time(entry.time_ns, entry.time_max_ms), age))
            });
            own.into_iter().chain(aged).min()
        };
        self.partitions.iter().filter_map(due).min()
    }

    /// From when a batch's age counts: append time, or wire time for topics made through Kafka (semantics 10).
    pub(crate) fn age_time(&self, append_ns: u64, wire_ms: i64) -> u64 {
        match self.spec.made_by {
            Wire::Kafka => u64::try_from(wire_ms).unwrap_or(0).saturating_mul(1_000_000),
            _ => append_ns,
        }
    }

    /// Do records go by age?
    pub(crate) fn ages(&self) -> bool {
        self.spec.cleanup != CleanupPolicy::Compact
    }

    /// Puts the stream's timer where it belongs.
    pub(crate) fn arm(&mut self, context: &mut Context, now: Now) {
        // Never in the past: what could not be removed is tried again a little later.
        let due = self.expiry_due(context).map(|wall| Context::monotonic(now, wall));
        let due = due.map(|due| due.max(now.monotonic_ns.saturating_add(1)));
        if due != self.timer {
            if let Some(before) = self.timer {
                context.timers.remove(&(before, self.number, 0));
            }
            if let Some(due) = due {
                context.timers.insert((due, self.number, 0));
            }
            self.timer = due;
        }
    }

    fn grow(&mut self) {
        let subject = only_subject(&self.spec);
        let rows = self.spec.made_by != Wire::Kafka;
        while self.partitions.len() < self.spec.partitions as usize {
            let log = self.number << PARTITION_BITS | (self.partitions.len() as u64 + 1);
            let volatile = self.is_volatile();
            self.partitions.push(Partition::new(
                log,
                self.spec.first_offset,
                subject.clone(),
                rows,
                volatile,
            ));
        }
    }
}

/// The subject of every record, where there is only one.
fn only_subject(spec: &StreamSpec) -> Option<Bytes> {
    match &spec.subjects[..] {
        [only] if only.is_literal() => Some(Bytes::copy_from_slice(only.as_bytes())),
        [] => Some(Bytes::copy_from_slice(spec.name.as_str().as_bytes())),
        _ => None,
    }
}

/// A filter for everything.
pub(crate) fn everything() -> Filter {
    Filter::new(b">").expect("it is a filter")
}
