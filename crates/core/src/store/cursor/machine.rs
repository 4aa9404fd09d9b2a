//! One cursor.

use super::pending::{Held, Pending};
use super::pulls::WaitingPull;
use crate::store::context::Context;
use crate::store::frames::{CursorMoved, CursorPut, PendingEntry};
use crate::store::stream::Partition;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use stele_model::{AckPolicy, CursorInfo, CursorSpec, Now, Offset, PartitionIndex, StartAt, StreamName};

/// A cursor.
pub(crate) struct Cursor {
    /// Its number within the stream.
    pub number: u64,
    /// What it reads.
    pub partition: PartitionIndex,
    /// What it is.
    pub spec: Arc<CursorSpec>,
    /// When it was made (ns).
    pub created_ns: u64,
    /// The next offset to look at.
    pub next: Offset,
    /// The newest records per subject that come first, rising; all below `next`.
    pub listed: VecDeque<Offset>,
    /// Number of the last delivery, highest sequence delivered, when (wall ns).
    pub delivered: (u64, u64, u64),
    /// When something was last acknowledged (wall ns).
    pub acknowledged_ns: u64,
    /// Delivered, not acknowledged.
    pub pending: Pending,
    /// Records whose state is not written yet.
    pub touched: BTreeSet<Offset>,
    /// Who waits.
    pub pulls: VecDeque<WaitingPull>,
    /// When somebody last used it (monotonic ns).
    pub used_ns: u64,
    /// The deadline in the shard's timers.
    pub timer: Option<u64>,
    /// With the pace of the appends: append time of the last record, and when it was delivered (monotonic ns).
    pub pace: Option<(u64, u64)>,
    /// Nothing is delivered before (monotonic ns): pace, credit, a failed read.
    pub held_until_ns: u64,
    /// Nothing between `next` and here matches.
    pub scanned: Offset,
    /// Matching records from `next` to an offset: (that offset, how many).
    pub counted: Option<(Offset, u64)>,
    volatile: bool,
}

impl Cursor {
    /// From its first frame, at the stream's state of that frame.
    pub(crate) fn new(put: &CursorPut, partition: &Partition, volatile: bool) -> Self {
        let listed = match put.spec.start {
            StartAt::LastPerSubject => partition.last_per_subject(&put.spec.filters, put.next).into(),
            _ => VecDeque::new(),
        };
        Self {
            number: put.cursor,
            partition: put.partition,
            spec: Arc::new(put.spec.clone()),
            created_ns: put.created_ns,
            next: put.next,
            listed,
            delivered: (0, 0, 0),
            acknowledged_ns: 0,
            pending: Pending::default(),
            touched: BTreeSet::new(),
            pulls: VecDeque::new(),
            used_ns: 0,
            timer: None,
            pace: None,
            held_until_ns: 0,
            scanned: 0,
            counted: None,
            volatile: volatile || put.spec.memory,
        }
    }

    /// Does its state go to the journal?
    pub(crate) fn is_written(&self) -> bool {
        !self.volatile
    }

    /// Takes a changed specification.
    pub(crate) fn update(&mut self, spec: &CursorSpec) {
        self.spec = Arc::new(spec.clone());
        self.counted = None;
        self.scanned = 0;
    }

    /// Does it want this subject?
    pub(crate) fn matches(&self, subject: &[u8]) -> bool {
        self.spec.filters.is_empty() || self.spec.filters.iter().any(|filter| filter.matches(subject))
    }

    /// Is a matching record still to be delivered or acknowledged?
    pub(crate) fn needs(&self, offset: Offset) -> bool {
        offset >= self.next
            || self.pending.get(offset).is_some()
            || self.listed.binary_search(&offset).is_ok()
    }

    /// How long a delivery of this count waits for its acknowledgement (ns).
    pub(crate) fn wait_ns(&self, count: u64) -> u64 {
        let backoff = &self.spec.backoff_ns;
        let at = usize::try_from(count.max(1) - 1).unwrap_or(usize::MAX).min(backoff.len().saturating_sub(1));
        backoff.get(at).copied().unwrap_or(self.spec.ack_wait_ns)
    }

    /// Number and sequence below which all is acknowledged.
    pub(crate) fn floor(&self) -> (u64, u64) {
        match self.pending.first() {
            Some((offset, held)) if self.spec.ack_policy != AckPolicy::None => {
                (held.delivery.saturating_sub(1), offset)
            }
            _ => (self.delivered.0, self.delivered.1),
        }
    }

    /// A record goes.
    pub(crate) fn removed(&mut self, partition: &Partition, offset: Offset) {
        self.pending.remove(offset);
        if let Ok(at) = self.listed.binary_search(&offset) {
            self.listed.remove(at);
        }
        let Some((to, count)) = self.counted else { return };
        if offset >= self.next && offset < to && self.matches(partition.subject_of(offset)) {
            self.counted = Some((to, count.saturating_sub(1)));
        }
    }

    /// What changed since the last frame.
    pub(crate) fn moved(&self, stream: u64) -> CursorMoved {
        let mut moved = CursorMoved {
            stream,
            cursor: self.number,
            next: self.next,
            delivered: self.delivered,
            acknowledged_ns: self.acknowledged_ns,
            pending: Vec::new(),
            settled: Vec::new(),
        };
        for offset in &self.touched {
            match self.pending.get(*offset) {
                Some(held) => moved.pending.push(PendingEntry {
                    offset: *offset,
                    delivery: held.delivery,
                    count: held.count,
                    time_ns: held.time_ns,
                }),
                None => moved.settled.push(*offset),
            }
        }
        moved
    }

    /// A frame says so. Deadlines come with [`Cursor::opened`].
    pub(crate) fn apply_moved(&mut self, moved: &CursorMoved) {
        self.next = moved.next;
        self.delivered = moved.delivered;
        self.acknowledged_ns = moved.acknowledged_ns;
        while self.listed.front().is_some_and(|offset| *offset < self.delivered.1) {
            self.listed.pop_front();
        }
        for offset in &moved.settled {
            self.pending.remove(*offset);
        }
        for entry in &moved.pending {
            let PendingEntry { offset, delivery, count, time_ns } = *entry;
            self.pending.set(offset, Held { delivery, count, time_ns, due: Some(0) });
        }
    }

    /// The journal was replayed: deadlines begin, on this process's clock.
    pub(crate) fn opened(&mut self, now: Now, partition: &Partition) {
        self.used_ns = now.monotonic_ns;
        if self.volatile {
            // The records that it knew are gone with the memory they stood in.
            self.next = self.next.min(partition.table.end());
            self.pending = Pending::default();
        }
        let held: Vec<(Offset, Held)> = self.pending.iter().map(|(offset, held)| (offset, *held)).collect();
        for (offset, held) in held {
            let wait_ns = self.wait_ns(held.count);
            let due = Context::monotonic(now, held.time_ns.saturating_add(wait_ns));
            // A clock that stands years before the delivery's (a box boots in 1970) makes nobody wait for years.
            let due = due.min(now.monotonic_ns.saturating_add(wait_ns));
            self.pending.set(offset, Held { due: Some(due), ..held });
        }
    }

    /// As it is.
    pub(crate) fn info(&mut self, stream: &StreamName, partition: &Partition) -> CursorInfo {
        let floor = self.floor();
        CursorInfo {
            stream: stream.clone(),
            spec: (*self.spec).clone(),
            created_ns: self.created_ns,
            delivered: self.delivered,
            floor: (floor.0, floor.1, self.acknowledged_ns),
            ack_pending: self.pending.len() as u64,
            redelivered: self.pending.iter().filter(|(_, held)| held.count > 1).count() as u64,
            waiting: self.pulls.len() as u64,
            pending: self.count_pending(partition),
            pulls: self.pulls.iter().map(|pull| pull.caller.ticket).collect(),
        }
    }
}
