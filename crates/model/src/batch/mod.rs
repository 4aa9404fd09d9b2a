//! Record batches of Kafka's magic 2: the one encoding of records on disk, whoever wrote them.
//!
//! A [`Batch`] borrows the bytes and checks their shape; [`Records`] walks records without copying;
//! [`BatchBuilder`] writes a batch in one pass, its CRC at the end. A producer's batch is never re-encoded:
//! [`patch`] changes base offset and leader epoch, which lie outside the CRC. [`RecordStream`] reads compressed
//! records under a bound of bytes; [`rewrite_without`] leaves records out as Kafka's cleaner does.
//!
//! ```text
//! base_offset i64 | length i32 | leader_epoch i32 | magic i8 | crc u32 |            outside the CRC
//! attributes i16 | last_offset_delta i32 | base_timestamp i64 | max_timestamp i64 |
//! producer_id i64 | producer_epoch i16 | base_sequence i32 | record_count i32 | records (maybe compressed)
//! ```
//!
//! Invariants: nothing here panics on foreign bytes, and nothing allocates more than a bound that the caller
//! gives. Layout: Kafka documentation, "Record Batch" and "Record".

mod builder;
mod compress;
mod error;
mod header;
mod records;
mod rewrite;
mod stream;
#[cfg(test)]
mod tests;
mod varint;

pub use builder::{BatchBuilder, Producer};
pub use compress::{Decompressor, compress};
pub use error::BatchError;
pub use header::{
    Attributes, BATCH_HEADER_BYTES, Batch, BatchHeader, Batches, Codec, TimestampType, patch,
    set_log_append_time,
};
pub use records::{HeaderView, Headers, RecordView, Records};
pub use rewrite::{Rewritten, rewrite_without, write_hole};
pub use stream::RecordStream;
