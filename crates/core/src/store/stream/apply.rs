//! Frames change the state: the same way when they are decided and when they are replayed.

use super::batches::Entry;
use super::dedup;
use super::machine::Stream;
use super::partition::Partition;
use super::record::{Decoded, RawRecord, stored_size};
use super::subjects::Subjects;
use super::table::Row;
use crate::journal::StoredFrame;
use crate::store::context::Context;
use crate::store::frames::{Mark, Origin, RecordsRemoved, Trailer};
use bytes::Bytes;
use stele_model::batch::{Batch, BatchHeader};
use stele_model::{Discard, Error, Offset, PartitionIndex, Wire};

/// A record's subject and size, in the order of the batch. Empty where a partition keeps neither.
pub(crate) type Rows<'r> = [(&'r [u8], u32)];

/// A batch on its way into the state.
pub(crate) struct Appended<'a> {
    /// The batch alone.
    pub batch: Bytes,
    /// Its header.
    pub header: BatchHeader,
    /// What stood behind it.
    pub trailer: &'a Trailer,
    /// Where the frame stands; nothing for memory streams.
    pub stored: Option<StoredFrame>,
    /// Bytes of the frame's payload.
    pub frame: u32,
    /// Bytes of all its records, as JetStream counts them.
    pub size: u64,
}

impl Stream {
    /// A batch stands in the journal.
    pub(crate) fn apply_batch(
        &mut self,
        context: &mut Context,
        at: usize,
        appended: Appended<'_>,
        rows: &Rows<'_>,
    ) {
        let Appended { batch, header, trailer, stored, frame, size } = appended;
        let count = header.last_offset_delta as u32 + 1;
        let base = header.base_offset as u64;
        let entry = Entry {
            base,
            count,
            live: count,
            length: batch.len() as u32,
            frame,
            position: stored.map_or(0, |stored| stored.position),
            time_ns: trailer.time_ns,
            time_max_ms: header.max_timestamp_ms,
            size,
            produced: trailer.origin == Origin::Produced,
        };
        if entry.produced && self.is_relayed() {
            context.unrelayed.entry((self.number, at as PartitionIndex)).or_insert(base);
        }
        let partition = &mut self.partitions[at];
        if let Some(stored) = stored {
            context.cache.keep(partition.log, base, batch.clone(), stored.lsn, context.journal.durable());
        }
        partition.producers.note(&header, context.settings.producers_max);
        partition.begin(entry, batch);
        let mut marks = trailer.marks.iter().peekable();
        if !partition.table.has_rows() {
            partition.table.extend(u64::from(count));
            marks.for_each(|(delta, mark)| {
                self.apply_mark(context, at, base + u64::from(*delta), mark, trailer.time_ns)
            });
            self.enforce(at);
        } else {
            let captured = trailer.origin == Origin::Captured;
            for delta in 0..count {
                let (subject, size) = rows.get(delta as usize).copied().unwrap_or_default();
                self.partitions[at].push(subject, size);
                if captured && !self.last_message_id.is_empty() {
                    self.last_message_id.clear();
                }
                while let Some((_, mark)) = marks.next_if(|(of, _)| *of == delta) {
                    self.apply_mark(context, at, base + u64::from(delta), mark, trailer.time_ns);
                }
                self.enforce(at);
            }
        }
        let partition = &mut self.partitions[at];
        match stored {
            Some(stored) => {
                partition.wait_for(stored.lsn, partition.table.end());
                self.lsn = stored.lsn;
                context.unsettled.insert(self.number);
            }
            None => partition.show_all(),
        }
    }

    /// A batch frame is replayed.
    pub(crate) fn replay_batch(
        &mut self,
        context: &mut Context,
        at: PartitionIndex,
        stored: StoredFrame,
        payload: &Bytes,
    ) -> Result<(), &'static str> {
        let batch = Batch::parse(payload).map_err(|_| "a stored batch cannot be read")?;
        let header = *batch.header();
        let trailer = Trailer::read(&payload[header.total_bytes()..])?;
        let bytes = payload.slice(..header.total_bytes());
        let partition = self.partitions.get(at as usize).ok_or("a batch of an unknown partition")?;
        if header.base_offset as u64 != partition.table.end() {
            return Err("a batch does not begin where its partition ends");
        }
        context.clock.replay(trailer.time_ns);
        let owned =
            self.decode_rows(context, at as usize, &bytes, trailer.origin).map_err(|_| "damaged records")?;
        let rows: Vec<(&[u8], u32)> = owned.iter().map(|(subject, size)| (&**subject, *size)).collect();
        let size = if owned.is_empty() { bytes.len() as u64 } else { total(&rows) };
        let frame = payload.len() as u32;
        let appended =
            Appended { batch: bytes, header, trailer: &trailer, stored: Some(stored), frame, size };
        self.apply_batch(context, at as usize, appended, &rows);
        Ok(())
    }

    /// Subjects and sizes of a batch's records; none where the partition keeps neither.
    pub(crate) fn decode_rows(
        &self,
        context: &Context,
        at: usize,
        batch: &Bytes,
        origin: Origin,
    ) -> Result<Vec<(Bytes, u32)>, Error> {
        if !self.partitions[at].table.has_rows() {
            return Ok(Vec::new());
        }
        let decoded = Decoded::new(batch, context.settings.plain_bytes_max)?;
        decoded.records().map(|record| self.row(at, &record, origin)).collect()
    }

    fn row(&self, at: usize, record: &RawRecord, origin: Origin) -> Result<(Bytes, u32), Error> {
        let subject = match origin {
            Origin::Captured => record.key.clone().ok_or(Error::Internal("a captured record has no key"))?,
            Origin::Produced => self.subject_of_produced(at, record.key.as_ref())?,
        };
        let value = record.value.as_ref().map_or(0, Bytes::len);
        let size = stored_size(subject.len(), record.block_length(), value);
        Ok((subject, size))
    }

    /// Records went, by a frame of their own.
    pub(crate) fn apply_removed(&mut self, removed: &RecordsRemoved) {
        let at = removed.partition as usize;
        if at >= self.partitions.len() {
            return;
        }
        for offset in removed.offsets() {
            self.remove(at, offset);
        }
        if let Some(start) = removed.log_start {
            self.start_at(at, start);
        }
    }

    /// The log starts there from now on.
    pub(crate) fn start_at(&mut self, at: usize, start: Offset) {
        let mut from = 0;
        while let Some(offset) = self.partitions[at].table.next_live(from).filter(|offset| *offset < start) {
            self.remove(at, offset);
            from = offset + 1;
        }
        self.partitions[at].table.advance(start);
    }

    /// Takes a record away; its cursors are told. False where there was none.
    pub(crate) fn remove(&mut self, at: usize, offset: Offset) -> bool {
        if !self.partitions[at].table.is_live(offset) {
            return false;
        }
        self.cursors.removed(at as PartitionIndex, &self.partitions[at], offset);
        self.partitions[at].remove(offset)
    }

    /// Removes the oldest while limits are exceeded: a function of the append.
    pub(crate) fn enforce(&mut self, at: usize) {
        let limits = self.spec.limits.clone_bounds();
        if limits == (None, None, None) {
            return;
        }
        let (records_max, bytes_max, per_subject_max) = limits;
        if let Some(max) = per_subject_max {
            self.enforce_subject(at, max);
        }
        if self.spec.limits.discard == Discard::New && !self.is_over(at, records_max, bytes_max) {
            return;
        }
        let by_batch = self.spec.made_by == Wire::Kafka && !self.partitions[at].table.has_rows();
        while self.is_over(at, records_max, bytes_max) {
            let partition = &self.partitions[at];
            let Some(entry) = partition.oldest() else { return };
            let Some(first) = partition.table.next_live(partition.table.start()) else { return };
            if !by_batch {
                self.remove(at, first);
                self.partitions[at].table.advance(first + 1);
                continue;
            }
            // Kafka keeps at least the limit: a whole batch goes only when what is left still reaches it.
            if bytes_max.is_some_and(|max| partition.size.saturating_sub(entry.size) < max)
                || entry.end() == partition.table.end()
            {
                return;
            }
            self.start_at(at, entry.end());
        }
    }

    fn is_over(&self, at: usize, records_max: Option<u64>, bytes_max: Option<u64>) -> bool {
        let partition = &self.partitions[at];
        records_max.is_some_and(|max| partition.table.live() > max)
            || bytes_max.is_some_and(|max| partition.size > max && partition.table.live() > 0)
    }

    /// The newest record's subject may have one too many.
    fn enforce_subject(&mut self, at: usize, max: u64) {
        let partition = &self.partitions[at];
        let Some(newest) =
            partition.table.end().checked_sub(1).filter(|newest| partition.table.is_live(*newest))
        else {
            return;
        };
        let mut excess = Vec::new();
        match &partition.subjects {
            None => {
                let mut from = partition.table.start();
                let over = partition.table.live().saturating_sub(max);
                for _ in 0..over {
                    let Some(offset) = partition.table.next_live(from) else { break };
                    excess.push(offset);
                    from = offset + 1;
                }
            }
            Some(subjects) => {
                let posting = subjects.get(partition.subject_of(newest));
                if let Some(posting) = posting.filter(|posting| posting.len() as u64 > max) {
                    let over = posting.len() - max as usize;
                    excess = posting.oldest(over);
                }
            }
        }
        excess.into_iter().for_each(|offset| {
            self.remove(at, offset);
        });
    }

    fn apply_mark(&mut self, context: &Context, at: usize, offset: Offset, mark: &Mark, time_ns: u64) {
        match mark {
            Mark::Id(id) => {
                let span_ns = self.spec.dedup_window_ns;
                let window = dedup::Window { clock: &context.clock, span_ns, now_ns: time_ns };
                self.dedup.note(dedup::hash(id), (at as PartitionIndex, offset), &window);
                self.last_message_id.clone_from(id);
            }
            Mark::Gone => {
                self.remove(at, offset);
            }
            Mark::Expires(time) => {
                self.partitions[at].expiries.insert((*time, offset));
            }
            Mark::Never => {
                self.partitions[at].never.insert(offset);
            }
            Mark::ReplacesSubject => {
                let partition = &self.partitions[at];
                let earlier = match &partition.subjects {
                    Some(subjects) => {
                        subjects.get(partition.subject_of(offset)).map(|own| own.offsets(0, offset))
                    }
                    None => return self.start_at(at, offset),
                };
                earlier.into_iter().flatten().for_each(|earlier| {
                    self.remove(at, earlier);
                });
            }
            Mark::ReplacesAll => self.start_at(at, offset),
        }
    }
}

impl Partition {
    /// The oldest batch with records.
    pub(crate) fn oldest(&self) -> Option<&Entry> {
        self.batches.first()
    }

    /// Records may have several subjects from now on; those that are there have the one.
    pub(crate) fn index_subjects(&mut self) {
        if self.subjects.is_some() {
            return;
        }
        let mut subjects = Subjects::default();
        let mut number = 0;
        let mut from = self.table.start();
        while let Some(offset) = self.table.next_live(from) {
            number = subjects.add(&self.subject, offset);
            from = offset + 1;
        }
        let batches = &self.batches;
        self.table.keep_rows(|offset| {
            let size = batches.at(offset).map_or(0, |entry| entry.size / u64::from(entry.live.max(1)));
            Row { subject: number, size: u32::try_from(size).unwrap_or(u32::MAX) }
        });
        self.subjects = Some(subjects);
    }
}

/// Bytes of all rows.
pub(crate) fn total(rows: &Rows<'_>) -> u64 {
    rows.iter().map(|(_, size)| u64::from(*size)).sum()
}

trait Bounds {
    fn clone_bounds(&self) -> (Option<u64>, Option<u64>, Option<u64>);
}

impl Bounds for stele_model::Limits {
    fn clone_bounds(&self) -> (Option<u64>, Option<u64>, Option<u64>) {
        (self.records_max, self.bytes_max, self.records_per_subject_max)
    }
}
