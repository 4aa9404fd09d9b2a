//! Appending batches as producers send them.

use crate::{Offset, PartitionIndex, StreamName};
use bytes::Bytes;

/// Append one record batch (magic 2), validated by the wire: length, CRC, counts.
#[derive(Debug)]
pub struct Append {
    /// One entry per partition; each succeeds or fails alone.
    pub batches: Vec<AppendedBatch>,
}

/// One batch for one partition.
#[derive(Debug)]
pub struct AppendedBatch {
    /// The topic.
    pub stream: StreamName,
    /// Only where the stream has this id, so that another one of its name gets nothing meant for it.
    pub id: Option<[u8; 16]>,
    /// Which of its partitions.
    pub partition: PartitionIndex,
    /// The batch as received; base offset and leader epoch are patched, nothing else.
    pub batch: Bytes,
}

/// Where a message or batch was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppendReply {
    /// The stream that acknowledges; `None` where only others stored it (or nobody did).
    pub stream: Option<StreamName>,
    /// Offset of the (first) record in it.
    pub first: Offset,
    /// A duplicate: `first` is where the original stands.
    pub duplicate: bool,
    /// For an [`Append`]: one result per batch, in order. Empty for a publish.
    pub batches: Vec<Result<BatchReply, crate::Error>>,
}

/// Where a produced batch was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchReply {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// The append time in ms when the stream stamps records itself; −1 otherwise.
    pub append_time_ms: i64,
    /// The first offset that the partition still has.
    pub log_start: Offset,
}
