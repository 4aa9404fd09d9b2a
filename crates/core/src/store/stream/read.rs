//! Whole batches for readers: found under the shard's lock, loaded and cut outside of it.

use super::machine::Stream;
use super::partition::Partition;
use super::record::Decoded;
use crate::journal::Journal;
use crate::store::context::Context;
use bytes::Bytes;
use stele_model::batch::{Batch, Rewritten, rewrite_without, write_hole};
use stele_model::{Error, Offset, ReadPart, TimeLookup};

/// What a partition offers to a reader.
#[derive(Debug, Default)]
pub(crate) struct PartView {
    /// The ends, as a reader sees them.
    pub visible: Offset,
    /// The log start.
    pub log_start: Offset,
    /// Batches in order.
    pub batches: Vec<Located>,
    /// Offsets to skip where there is nothing but a hole up to the end: first and last.
    pub hole: Option<(Offset, Offset)>,
    /// The bytes of all that.
    pub bytes: u64,
    /// Where the partition lives: its shard and its log's number there.
    pub log: (u16, u64),
}

/// A batch to load.
#[derive(Debug)]
pub(crate) struct Located {
    held: Option<Bytes>,
    position: u64,
    frame: u32,
    length: u32,
    /// Offsets of gone records, where some are.
    gone: Vec<Offset>,
}

/// About the bytes of a batch that only skips.
const HOLE_BYTES: u64 = 80;

/// Batches up to this size are copied behind one another: a piece of its own would cost more than the copy.
const SMALL_BYTES_MAX: usize = 4096;
/// About the bytes of a piece of small batches.
const PIECE_BYTES: usize = 1 << 16;

/// Loads batches without their gone records, in pieces of one or several whole ones. With the first batch that
/// could not be loaded: where its frame starts, and why.
pub(crate) fn load_all(
    batches: Vec<Located>,
    journal: &dyn Journal,
    plain_bytes_max: usize,
) -> (Vec<Bytes>, Option<(u64, Error)>) {
    let wanted = batches.iter().filter(|located| located.held.is_none());
    let wanted: Vec<(u64, u32)> = wanted.map(|located| (located.position, located.frame)).collect();
    let mut payloads = journal.read_all(&wanted).into_iter();
    let (mut pieces, mut small) = (Vec::new(), Vec::new());
    let mut failed = None;
    for mut located in batches {
        let payload = located.held.take().map_or_else(|| payloads.next().unwrap_or(Err(Error::Storage)), Ok);
        let position = located.position;
        let batch = match payload.and_then(|payload| located.batch(payload, plain_bytes_max)) {
            Ok(batch) => batch,
            Err(error) => {
                failed = Some((position, error));
                break;
            }
        };
        let copied = batch.len() <= SMALL_BYTES_MAX;
        if !small.is_empty() && (!copied || small.len() + batch.len() > PIECE_BYTES) {
            pieces.push(Bytes::from(std::mem::take(&mut small)));
        }
        if copied {
            small.extend_from_slice(&batch);
        } else {
            pieces.push(batch);
        }
    }
    if !small.is_empty() {
        pieces.push(small.into());
    }
    (pieces, failed)
}

impl Located {
    /// The batch out of its frame's payload, without gone records (semantics 11).
    fn batch(self, payload: Bytes, plain_bytes_max: usize) -> Result<Bytes, Error> {
        let length = self.length as usize;
        if payload.len() < length {
            return Err(Error::Storage);
        }
        let bytes = payload.slice(..length);
        if self.gone.is_empty() {
            return Ok(bytes);
        }
        let batch = Batch::parse(&bytes).map_err(|_| Error::Storage)?;
        let mut out = Vec::with_capacity(length);
        let is_gone = |offset: i64| self.gone.binary_search(&(offset as u64)).is_ok();
        match rewrite_without(&batch, plain_bytes_max, |record| is_gone(record.offset), &mut out) {
            Ok(Rewritten::Smaller(_)) => Ok(out.into()),
            Ok(Rewritten::Whole) => Ok(bytes),
            Ok(Rewritten::Nothing) => {
                let header = batch.header();
                write_hole(
                    &mut out,
                    header.base_offset,
                    header.last_offset(),
                    header.max_timestamp_ms,
                    header.leader_epoch,
                );
                Ok(out.into())
            }
            Err(_) => Err(Error::Storage),
        }
    }
}

/// A batch that only moves a reader on.
pub(crate) fn hole(hole: (Offset, Offset), leader_epoch: i32) -> Bytes {
    let mut out = Vec::with_capacity(HOLE_BYTES as usize);
    write_hole(&mut out, hole.0 as i64, hole.1 as i64, 0, leader_epoch);
    out.into()
}

impl Stream {
    /// Finds batches from an offset on: about `bytes_max`, the first one whole where `first` says so.
    ///
    /// # Errors
    /// `PartitionNotFound`, `OffsetOutOfRange`.
    pub(crate) fn view(
        &self,
        context: &Context,
        part: &ReadPart,
        bytes_max: u64,
        first: bool,
    ) -> Result<PartView, Error> {
        let partition = self.partition(part.partition)?;
        let (start, visible) = (partition.table.start(), partition.visible());
        if part.from < start || part.from > partition.table.end() {
            return Err(Error::OffsetOutOfRange);
        }
        let log = (context.shard, partition.log);
        let mut view = PartView { visible, log_start: start, log, ..PartView::default() };
        let bytes_max = bytes_max.min(part.bytes_max);
        let mut entries = partition.batches.from(part.from).peekable();
        let base = entries.peek().map_or(part.from, |entry| entry.base);
        let mut held = partition.held_from(context, base).peekable();
        for entry in entries {
            if entry.base >= visible {
                break;
            }
            let length = u64::from(entry.length);
            if view.bytes + length > bytes_max && !(first && view.batches.is_empty()) {
                break;
            }
            let gone = match entry.live == entry.count {
                true => Vec::new(),
                false => {
                    (entry.base..entry.end()).filter(|offset| !partition.table.is_live(*offset)).collect()
                }
            };
            view.bytes += length;
            while held.next_if(|(base, _)| *base < entry.base).is_some() {}
            let held = held.next_if(|(base, _)| *base == entry.base).map(|(_, batch)| batch.clone());
            let (position, frame) = (entry.position, entry.frame);
            view.batches.push(Located { held, position, frame, length: entry.length, gone });
        }
        let rest = partition.table.next_live(part.from).filter(|offset| *offset < visible);
        if part.from < visible && rest.is_none() {
            view.hole = Some((part.from, visible - 1));
            view.batches.clear();
            view.bytes = HOLE_BYTES;
        }
        Ok(view)
    }

    /// The first record at or after a wire time, or an end: offset and timestamp.
    ///
    /// # Errors
    /// `PartitionNotFound`, the journal's.
    pub(crate) fn lookup(
        &self,
        context: &Context,
        lookup: &TimeLookup,
    ) -> Result<Option<(Offset, i64)>, Error> {
        let partition = self.partition(lookup.partition)?;
        let visible = partition.visible();
        match lookup.timestamp_ms {
            -1 => return Ok(Some((visible, -1))),
            -2 => return Ok(Some((partition.table.start(), -1))),
            -3 => {
                let Some(entry) = partition.batches.latest_wire() else { return Ok(None) };
                let time = entry.time_max_ms;
                return partition.find_time(context, entry.base, time, visible);
            }
            _ => {}
        }
        for entry in partition.batches.since_wire(lookup.timestamp_ms) {
            let found = partition.find_time(context, entry.base, lookup.timestamp_ms, visible)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

impl Partition {
    /// The first record of a batch at or after a wire time.
    fn find_time(
        &self,
        context: &Context,
        base: Offset,
        time_ms: i64,
        visible: Offset,
    ) -> Result<Option<(Offset, i64)>, Error> {
        let entry = *self.batches.at(base).ok_or(Error::Internal("a batch went while it was read"))?;
        let decoded = Decoded::new(&self.batch(context, &entry)?, context.settings.plain_bytes_max)?;
        let found = decoded.records().find(|record| {
            record.wire_time_ms >= time_ms && record.offset < visible && self.table.is_live(record.offset)
        });
        Ok(found.map(|record| (record.offset, record.wire_time_ms)))
    }
}
