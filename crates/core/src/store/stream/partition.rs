//! One ordered log of a stream: its offsets, batches and subjects, and what of it is durable.
//!
//! Everything but `visible`, `unsettled` and the bytes of memory streams is a function of the frames.

mod image;

use super::batches::{Batches, Entry};
use super::producers::Producers;
use super::record::Decoded;
use super::subjects::Subjects;
use super::table::{Row, Table};
use crate::journal::Lsn;
use crate::store::context::Context;
use bytes::Bytes;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use stele_model::{Error, Filter, Offset, PartitionInfo, StoredRecord};

/// A partition.
pub(crate) struct Partition {
    /// The log's number in the journal.
    pub log: u64,
    /// Its offsets.
    pub table: Table,
    /// Its batches.
    pub batches: Batches,
    /// Its subjects; nothing while all records have the one subject `subject`.
    pub subjects: Option<Subjects>,
    /// The one subject.
    pub subject: Bytes,
    /// Bytes of the records that are there, as JetStream counts them.
    pub size: u64,
    /// When the newest batch was appended (ns).
    pub last_time_ns: u64,
    /// Records that go at a time of their own.
    pub expiries: BTreeSet<(u64, Offset)>,
    /// Records that never go by age.
    pub never: BTreeSet<Offset>,
    /// Idempotent producers.
    pub producers: Producers,
    /// The batches of a memory stream.
    memory: Option<BTreeMap<Offset, Bytes>>,
    /// Damaged: nothing is read, written or taken away any more. Set by readers, too.
    offline: Cell<bool>,
    visible: Offset,
    unsettled: VecDeque<(Lsn, Offset)>,
}

impl Partition {
    /// An empty one. `subject` is set where all records have this one.
    pub(crate) fn new(log: u64, first: Offset, subject: Option<Bytes>, rows: bool, memory: bool) -> Self {
        Self {
            log,
            table: Table::new(first, rows || subject.is_none()),
            batches: Batches::default(),
            subjects: subject.is_none().then(Subjects::default),
            subject: subject.unwrap_or_default(),
            size: 0,
            last_time_ns: 0,
            expiries: BTreeSet::new(),
            never: BTreeSet::new(),
            producers: Producers::default(),
            memory: memory.then(BTreeMap::new),
            offline: Cell::new(false),
            visible: first,
            unsettled: VecDeque::new(),
        }
    }

    /// The offset after the newest durable record.
    pub(crate) fn visible(&self) -> Offset {
        self.visible
    }

    /// It is damaged: it takes part in nothing until somebody acts.
    pub(crate) fn take_offline(&self) {
        self.offline.set(true);
    }

    /// Is it damaged?
    pub(crate) fn is_offline(&self) -> bool {
        self.offline.get()
    }

    /// Appends up to `end` are durable at `lsn`.
    pub(crate) fn wait_for(&mut self, lsn: Lsn, end: Offset) {
        self.unsettled.push_back((lsn, end));
    }

    /// Everything is durable.
    pub(crate) fn show_all(&mut self) {
        self.unsettled.clear();
        self.visible = self.table.end();
    }

    /// The journal is durable up to here. Did the visible end move?
    pub(crate) fn settle(&mut self, durable: Lsn) -> bool {
        let before = self.visible;
        while let Some((lsn, end)) = self.unsettled.front() {
            if *lsn > durable {
                break;
            }
            self.visible = *end;
            self.unsettled.pop_front();
        }
        self.visible != before
    }

    /// Does something wait for the disk?
    pub(crate) fn is_unsettled(&self) -> bool {
        !self.unsettled.is_empty()
    }

    /// Notes a batch; its records follow with `push`, or all at once with `extend`.
    pub(crate) fn begin(&mut self, entry: Entry, batch: Bytes) {
        self.last_time_ns = self.last_time_ns.max(entry.time_ns);
        if let Some(memory) = &mut self.memory {
            memory.insert(entry.base, batch);
        }
        self.batches.push(entry);
        self.size += entry.size;
    }

    /// The next record of the newest batch.
    pub(crate) fn push(&mut self, subject: &[u8], size: u32) {
        let offset = self.table.end();
        let number = self.subjects.as_mut().map_or(0, |subjects| subjects.add(subject, offset));
        self.table.push(Row { subject: number, size });
    }

    /// Takes a record away. False where there was none.
    pub(crate) fn remove(&mut self, offset: Offset) -> bool {
        let with_rows = self.table.has_rows();
        let Some(row) = self.table.remove(offset) else { return false };
        let (size, empty) = self.batches.remove(offset, with_rows.then_some(row.size));
        self.size = self.size.saturating_sub(size);
        if let (Some(memory), Some(base)) = (&mut self.memory, empty) {
            memory.remove(&base);
        }
        if let Some(subjects) = &mut self.subjects {
            subjects.remove(row.subject, offset);
        }
        if !self.never.is_empty() {
            self.never.remove(&offset);
        }
        true
    }

    /// The subject of a record that is there.
    pub(crate) fn subject_of(&self, offset: Offset) -> &[u8] {
        match &self.subjects {
            Some(subjects) => subjects.name(self.table.row(offset).subject),
            None => &self.subject,
        }
    }

    /// The first record at or after `from` and below `to` that one of the filters matches; no filters: any.
    pub(crate) fn next(&self, filters: &[Filter], from: Offset, to: Offset) -> Option<Offset> {
        let below = |offset: Offset| (offset < to).then_some(offset);
        let Some(subjects) = &self.subjects else {
            let wanted = filters.is_empty() || filters.iter().any(|filter| filter.matches(&self.subject));
            return if wanted { self.table.next_live(from).and_then(below) } else { None };
        };
        if filters.is_empty() || filters.iter().any(|filter| filter.as_bytes() == b">") {
            return self.table.next_live(from).and_then(below);
        }
        if filters.iter().all(Filter::is_literal) {
            let next = |filter: &Filter| subjects.get(filter.as_bytes())?.next(from);
            return filters.iter().filter_map(next).min().and_then(below);
        }
        self.next_by_scan(subjects, filters, from, to)
    }

    /// Looks at some records, then at the subjects.
    fn next_by_scan(
        &self,
        subjects: &Subjects,
        filters: &[Filter],
        from: Offset,
        to: Offset,
    ) -> Option<Offset> {
        let mut at = from;
        for _ in 0..SCAN_MAX {
            at = self.table.next_live(at).filter(|offset| *offset < to)?;
            let name = subjects.name(self.table.row(at).subject);
            if filters.iter().any(|filter| filter.matches(name)) {
                return Some(at);
            }
            at += 1;
        }
        let matching = filters.iter().flat_map(|filter| subjects.matching(filter, None));
        matching.filter_map(|(_, posting)| posting.next(at)).min().filter(|offset| *offset < to)
    }

    /// How many records in `from..to` match one of the filters (which do not overlap); no filters: all.
    pub(crate) fn count(&self, filters: &[Filter], from: Offset, to: Offset) -> u64 {
        let Some(subjects) = &self.subjects else {
            let wanted = filters.is_empty() || filters.iter().any(|filter| filter.matches(&self.subject));
            return if wanted { self.table.live_between(from, to) } else { 0 };
        };
        if filters.is_empty() || filters.iter().any(|filter| filter.as_bytes() == b">") {
            return self.table.live_between(from, to);
        }
        let literal = filters.iter().all(Filter::is_literal);
        let span = self.table.live_between(from, to);
        if !literal && span < subjects.len() as u64 {
            let mut count = 0;
            let mut at = from;
            while let Some(offset) = self.table.next_live(at).filter(|offset| *offset < to) {
                let name = subjects.name(self.table.row(offset).subject);
                count += u64::from(filters.iter().any(|filter| filter.matches(name)));
                at = offset + 1;
            }
            return count;
        }
        filters
            .iter()
            .flat_map(|filter| subjects.matching(filter, None))
            .map(|(_, posting)| posting.count(from, to))
            .sum()
    }

    /// The newest record below `before` of each matching subject, rising.
    pub(crate) fn last_per_subject(&self, filters: &[Filter], before: Offset) -> Vec<Offset> {
        let all = [Filter::new(b">").expect("it is a filter")];
        let filters = if filters.is_empty() { &all } else { filters };
        let mut offsets: Vec<Offset> = match &self.subjects {
            None => {
                let wanted = filters.iter().any(|filter| filter.matches(&self.subject));
                self.table.last_live(before).filter(|_| wanted).into_iter().collect()
            }
            Some(subjects) => filters
                .iter()
                .flat_map(|filter| subjects.matching(filter, None))
                .filter_map(|(_, posting)| posting.last_below(before))
                .collect(),
        };
        offsets.sort_unstable();
        offsets.dedup();
        offsets
    }

    /// The newest record that the filter matches.
    pub(crate) fn last(&self, filter: &Filter) -> Option<Offset> {
        match &self.subjects {
            Some(subjects) if filter.is_literal() => {
                subjects.get(filter.as_bytes()).and_then(|posting| posting.last_below(u64::MAX))
            }
            Some(subjects) if filter.as_bytes() != b">" => {
                subjects.matching(filter, None).filter_map(|(_, posting)| posting.last_below(u64::MAX)).max()
            }
            None if !filter.matches(&self.subject) => None,
            _ => self.table.last_live(u64::MAX),
        }
    }

    /// The batches that are in memory, from one on, in order.
    pub(crate) fn held_from<'a>(
        &'a self,
        context: &'a Context,
        base: Offset,
    ) -> impl Iterator<Item = (Offset, &'a Bytes)> {
        let own = self.memory.iter().flat_map(move |memory| memory.range(base..));
        own.map(|(base, batch)| (*base, batch)).chain(context.cache.from(self.log, base))
    }

    /// The bytes of a batch.
    pub(crate) fn batch(&self, context: &Context, entry: &Entry) -> Result<Bytes, Error> {
        if let Some(memory) = &self.memory {
            return memory.get(&entry.base).cloned().ok_or(Error::Internal("a batch in memory is missing"));
        }
        if let Some(batch) = context.cache.get(self.log, entry.base) {
            return Ok(batch);
        }
        let payload = match context.journal.read(entry.position, entry.frame) {
            Err(Error::Storage) if context.journal.is_damaged(entry.position) => {
                self.take_offline();
                context.damaged.borrow_mut().push(self.log);
                return Err(Error::Quarantined);
            }
            read => read?,
        };
        if payload.len() < entry.length as usize {
            Err(Error::Storage)
        } else {
            Ok(payload.slice(..entry.length as usize))
        }
    }

    /// A record that is there.
    pub(crate) fn record(&self, context: &mut Context, offset: Offset) -> Result<StoredRecord, Error> {
        if self.is_offline() {
            return Err(Error::Quarantined);
        }
        if !self.table.is_live(offset) {
            return Err(Error::RecordNotFound);
        }
        let entry = *self.batches.at(offset).ok_or(Error::Internal("a record has no batch"))?;
        let decoded = match context.cache.decoded(self.log, entry.base) {
            Some(decoded) => decoded,
            None => {
                let batch = self.batch(context, &entry)?;
                let decoded = Arc::new(Decoded::new(&batch, context.settings.plain_bytes_max)?);
                context.cache.keep_decoded(self.log, entry.base, decoded.clone());
                decoded
            }
        };
        let raw = decoded.get(offset).ok_or(Error::Storage)?;
        let subject = match &self.subjects {
            None => self.subject.clone(),
            Some(_) => match &raw.key {
                Some(key) if key == self.subject_of(offset) => key.clone(),
                _ => Bytes::copy_from_slice(self.subject_of(offset)),
            },
        };
        Ok(raw.into_stored(subject, entry.time_ns))
    }

    /// As it is.
    pub(crate) fn info(&self, with_gone: bool) -> PartitionInfo {
        let first = self.table.next_live(self.table.start());
        let (start, end) = (first.unwrap_or(self.table.end()), self.table.end());
        let gone = self.table.gone_between(start, end);
        let gone_offsets =
            || self.table.gone_offsets().into_iter().filter(|offset| *offset >= start).collect();
        PartitionInfo {
            first: start,
            log_start: self.table.start(),
            end,
            records: self.table.live(),
            bytes: self.size,
            first_time_ns: first.map_or(0, |first| self.batches.time_of(first)),
            last_time_ns: self.last_time_ns,
            gone,
            gone_offsets: if with_gone && gone <= GONE_MAX { gone_offsets() } else { Vec::new() },
            subjects: self
                .subjects
                .as_ref()
                .map_or(u64::from(first.is_some()), |subjects| subjects.len() as u64),
        }
    }
}

/// Records looked at before the subjects are asked.
const SCAN_MAX: usize = 4096;
/// Gone offsets that are told at most.
const GONE_MAX: u64 = 100_000;
