//! What the store writes into the journal: batches with a trailer, and deltas of machines.
//!
//! A delta's payload is one byte for its kind and then its body (postcard). A kind is never reused; a body that
//! changes gets a new kind, and the old one stays readable. Deltas hold absolute values.
//!
//! | kinds | whose |
//! |---|---|
//! | 1–31 | streams |
//! | 32–63 | cursors |
//! | 64–95 | groups |
//! | 96–127 | stored sessions |
//! | 128–159 | the shard itself |

mod clock_jumped;
mod cursor_deleted;
mod cursor_moved;
mod cursor_put;
mod group_deleted;
mod offsets_committed;
mod offsets_forgotten;
mod producer_ids_reserved;
mod records_removed;
mod stream_deleted;
mod stream_put;
mod trailer;

pub(crate) use clock_jumped::ClockJumped;
pub(crate) use cursor_deleted::CursorDeleted;
pub(crate) use cursor_moved::{CursorMoved, PendingEntry};
pub(crate) use cursor_put::CursorPut;
pub(crate) use group_deleted::GroupDeleted;
pub(crate) use offsets_committed::{OffsetEntry, OffsetsCommitted};
pub(crate) use offsets_forgotten::OffsetsForgotten;
pub(crate) use producer_ids_reserved::ProducerIdsReserved;
pub(crate) use records_removed::RecordsRemoved;
pub(crate) use stream_deleted::StreamDeleted;
pub(crate) use stream_put::StreamPut;
pub(crate) use trailer::{Mark, Origin, Trailer};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Kinds from here on belong to groups.
pub(crate) const GROUPS_FROM: u8 = 64;
/// Kinds from here on belong to stored sessions.
pub(crate) const SESSIONS_FROM: u8 = 96;
/// Kinds from here on belong to the shard.
pub(crate) const SHARD_FROM: u8 = 128;

/// The log number of a shard's own deltas.
pub(crate) const SHARD_LOG: u64 = 0;
/// The log number of deltas of groups.
pub(crate) const GROUPS_LOG: u64 = 1;
/// The log number of deltas of stored sessions.
pub(crate) const SESSIONS_LOG: u64 = 2;
/// Bits of a log's number that name the partition, from 1 on; the others name the stream, from 1 on.
pub(crate) const PARTITION_BITS: u32 = 24;

/// The log number of a stream's deltas: the partition bits are 0.
pub(crate) const fn stream_log(stream: u64) -> u64 {
    stream << PARTITION_BITS
}

/// A persisted delta.
pub(crate) trait Delta: Serialize + DeserializeOwned {
    /// Its number on disk.
    const KIND: u8;

    /// Whose it is: the number that a report of damage names. Replay goes by the kind alone.
    fn log(&self) -> u64 {
        match Self::KIND {
            GROUPS_FROM..SESSIONS_FROM => GROUPS_LOG,
            SESSIONS_FROM..SHARD_FROM => SESSIONS_LOG,
            _ => SHARD_LOG,
        }
    }

    /// The frame's payload.
    fn encode(&self) -> Bytes {
        let start = vec![Self::KIND];
        postcard::to_extend(self, start).expect("writing to memory does not fail").into()
    }

    /// Reads a body, the kind already taken.
    fn decode(body: &[u8]) -> Result<Self, &'static str> {
        match postcard::take_from_bytes(body) {
            Ok((delta, [])) => Ok(delta),
            Ok(_) => Err("bytes after a delta"),
            Err(_) => Err("a delta cannot be read"),
        }
    }
}

#[cfg(test)]
pub(crate) fn check_golden<D: Delta + PartialEq + std::fmt::Debug>(delta: &D, golden: &str) {
    let bytes = delta.encode();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, golden, "the bytes on disk changed: make a new kind");
    assert_eq!(D::decode(&bytes[1..]).as_ref(), Ok(delta));
    for end in 1..bytes.len() {
        assert!(D::decode(&bytes[1..end]).is_err(), "{end}");
    }
}
