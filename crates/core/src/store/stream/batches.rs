//! Where the batches of a partition stand, by offset.
//!
//! Invariant: bases rise, batches do not overlap; a batch without any record may be missing.

mod image;

use std::collections::VecDeque;
use stele_model::Offset;

/// A batch in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its first offset.
    pub base: Offset,
    /// Offsets that it covers.
    pub count: u32,
    /// Records that are there.
    pub live: u32,
    /// Bytes of the batch itself.
    pub length: u32,
    /// Bytes of its frame's payload.
    pub frame: u32,
    /// Where the frame's payload starts.
    pub position: u64,
    /// When it was appended (ns).
    pub time_ns: u64,
    /// The highest wire time (ms).
    pub time_max_ms: i64,
    /// Bytes of the records that are there, as JetStream counts them.
    pub size: u64,
    /// A producer wrote it: its records were not published yet when they were stored.
    pub produced: bool,
}

impl Entry {
    /// The offset after the batch.
    pub(crate) fn end(&self) -> Offset {
        self.base + u64::from(self.count)
    }
}

/// The batches of a partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batches {
    entries: VecDeque<Entry>,
    /// For each, the highest wire time up to it; a search by time needs it rising.
    highest_ms: VecDeque<i64>,
    dead: usize,
}

impl Batches {
    /// The newest.
    pub(crate) fn push(&mut self, entry: Entry) {
        let before = self.highest_ms.back().copied().unwrap_or(i64::MIN);
        self.highest_ms.push_back(before.max(entry.time_max_ms));
        self.entries.push_back(entry);
    }

    /// The batch with this offset.
    pub(crate) fn at(&self, offset: Offset) -> Option<&Entry> {
        let entry = self.entries.get(self.entries.partition_point(|entry| entry.end() <= offset))?;
        (entry.base <= offset).then_some(entry)
    }

    /// Batches with records that end after `offset`, in order.
    pub(crate) fn from(&self, offset: Offset) -> impl Iterator<Item = &Entry> {
        let at = self.entries.partition_point(|entry| entry.end() <= offset);
        self.entries.range(at..).filter(|entry| entry.live > 0)
    }

    /// A record went: how many bytes it had, `size` where that is known. The batch's base, where it was the last.
    pub(crate) fn remove(&mut self, offset: Offset, size: Option<u32>) -> (u64, Option<Offset>) {
        let at = self.entries.partition_point(|entry| entry.end() <= offset);
        let Some(entry) = self.entries.get_mut(at) else { return (0, None) };
        let share = entry.size / u64::from(entry.live.max(1));
        let mut size = size.map_or(share, u64::from).min(entry.size);
        entry.live = entry.live.saturating_sub(1);
        if entry.live == 0 {
            size = entry.size;
        }
        entry.size -= size;
        if entry.live > 0 {
            return (size, None);
        }
        let base = entry.base;
        self.dead += 1;
        self.drop_dead();
        (size, Some(base))
    }

    /// When the batch of this offset was appended (ns).
    pub(crate) fn time_of(&self, offset: Offset) -> u64 {
        self.at(offset).map_or(0, |entry| entry.time_ns)
    }

    /// The first offset of the first batch appended at or after a time (ns).
    pub(crate) fn since(&self, time_ns: u64) -> Option<Offset> {
        self.entries
            .get(self.entries.partition_point(|entry| entry.time_ns < time_ns))
            .map(|entry| entry.base)
    }

    /// Batches with records that may hold a wire time (ms) at or after this one, the first such first.
    pub(crate) fn since_wire(&self, time_ms: i64) -> impl Iterator<Item = &Entry> {
        let at = self.highest_ms.partition_point(|highest| *highest < time_ms);
        self.entries.range(at..).filter(move |entry| entry.live > 0 && entry.time_max_ms >= time_ms)
    }

    /// The batch with the highest wire time.
    pub(crate) fn latest_wire(&self) -> Option<&Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.live > 0)
            .max_by_key(|entry| (entry.time_max_ms, !entry.base))
    }

    /// The first batch with records.
    pub(crate) fn first(&self) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.live > 0)
    }

    fn drop_dead(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.live == 0) {
            self.entries.pop_front();
            self.highest_ms.pop_front();
            self.dead -= 1;
        }
        if self.dead > 64 && self.dead * 2 > self.entries.len() {
            let entries = std::mem::take(&mut self.entries);
            self.highest_ms.clear();
            self.dead = 0;
            entries.into_iter().filter(|entry| entry.live > 0).for_each(|entry| self.push(entry));
        }
    }
}

impl PartialEq for Batches {
    fn eq(&self, other: &Self) -> bool {
        self.from(0).eq(other.from(0))
    }
}
