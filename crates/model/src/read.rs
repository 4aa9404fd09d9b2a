//! Reading batches by offset, perhaps waiting for more; finding offsets by time.

use crate::{Error, Offset, PartitionIndex, StreamName};
use bytes::Bytes;

/// Read whole batches from one or more partitions.
///
/// Completes when `bytes_min` bytes are there, when a part fails, or at the deadline; at once with `bytes_min` 0.
#[derive(Clone, Debug)]
pub struct Read {
    /// What to read; answered in this order.
    pub parts: Vec<ReadPart>,
    /// Wait for at least this many bytes in all parts together.
    pub bytes_min: u64,
    /// At most about this many bytes in all; the first batch of the first non-empty part always comes whole.
    pub bytes_max: u64,
    /// Until when to wait, on the monotonic clock.
    pub deadline_ns: u64,
    /// Which records may be seen.
    pub isolation: Isolation,
}

/// One partition of a read.
#[derive(Clone, Debug)]
pub struct ReadPart {
    /// The stream.
    pub stream: StreamName,
    /// Only where the stream has this id.
    pub id: Option<[u8; 16]>,
    /// Its partition.
    pub partition: PartitionIndex,
    /// The first wanted offset; the batch that holds it comes whole.
    pub from: Offset,
    /// At most about this many bytes of it.
    pub bytes_max: u64,
}

/// Which records a reader may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Everything durable.
    #[default]
    Uncommitted,
    /// Nothing at or beyond the first open transaction.
    Committed,
}

/// The answer to a [`Read`].
#[derive(Clone, Debug, Default)]
pub struct ReadReply {
    /// One per part, in order.
    pub parts: Vec<ReadPartReply>,
}

/// What one partition gave.
#[derive(Clone, Debug, Default)]
pub struct ReadPartReply {
    /// Why it could not be read: `OffsetOutOfRange`, `StreamNotFound`, `PartitionNotFound`, storage.
    pub error: Option<Error>,
    /// Whole batches in order, as stored; one or several in each piece.
    pub batches: Vec<Bytes>,
    /// The offset after the last durable record.
    pub high_watermark: Offset,
    /// The offset before which every transaction is decided.
    pub last_stable: Offset,
    /// The first offset that the partition still has.
    pub log_start: Offset,
}

/// Find the first record at or after a time, or an end of the partition.
#[derive(Clone, Debug)]
pub struct TimeLookup {
    /// The stream.
    pub stream: StreamName,
    /// Its partition.
    pub partition: PartitionIndex,
    /// Wire time in ms; −1 the end (the last stable offset for `Committed`), −2 the start, −3 the record with the
    /// highest timestamp.
    pub timestamp_ms: i64,
    /// Which end counts for −1.
    pub isolation: Isolation,
}
