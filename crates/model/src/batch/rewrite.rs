//! Batches whose records are partly or wholly gone.

use super::builder::{compress_tail, seal};
use super::{
    Attributes, BATCH_HEADER_BYTES, Batch, BatchBuilder, BatchError, BatchHeader, Codec, RecordStream,
    RecordView, TimestampType,
};

/// A commit marker of version 0 as control record key: version i16, type i16 (1 = commit).
const COMMIT_KEY: [u8; 4] = [0, 0, 0, 1];
/// Its value: version i16, coordinator epoch i32.
const COMMIT_VALUE: [u8; 6] = [0; 6];

/// What [`rewrite_without`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewritten {
    /// No record was gone: nothing was written, the original stands.
    Whole,
    /// The smaller batch was appended; this is its header.
    Smaller(BatchHeader),
    /// Every record was gone: nothing was written. [`write_hole`] makes what a fetch may need.
    Nothing,
}

/// Appends `batch` to `out` without the records of which `gone` is true.
///
/// As Kafka's cleaner does it: base offset, last offset, producer fields, codec, base timestamp and record bytes
/// stay; maximum timestamp (unless it is the append time), count, length and CRC are new. More than
/// `bound` plain bytes are refused; on an error `out` is as before.
pub fn rewrite_without(
    batch: &Batch<'_>,
    bound: usize,
    mut gone: impl FnMut(&RecordView<'_>) -> bool,
    out: &mut Vec<u8>,
) -> Result<Rewritten, BatchError> {
    let start = out.len();
    let kept = copy_kept(batch, bound, &mut gone, out);
    let header = match kept {
        Ok(Kept { count, .. }) if count == batch.header().record_count => Ok(Rewritten::Whole),
        Ok(Kept { count: 0, .. }) => Ok(Rewritten::Nothing),
        Ok(kept) => Ok(Rewritten::Smaller(finish(batch, kept, start, out))),
        Err(error) => Err(error),
    };
    if !matches!(header, Ok(Rewritten::Smaller(_))) {
        out.truncate(start);
    }
    header
}

/// Appends a batch without application records that ends at `last`, for a reader whose next offset lies in a
/// hole from `first` to `last`.
///
/// It is a control batch with one commit marker of no producer: every client skips it and goes on after `last`,
/// where an empty batch makes some of them hang. A hole of more than 2^31 offsets is covered at its end.
pub fn write_hole(
    out: &mut Vec<u8>,
    first: i64,
    last: i64,
    timestamp_ms: i64,
    leader_epoch: i32,
) -> BatchHeader {
    let last = last.max(0);
    let first = first.clamp(last.saturating_sub(i64::from(i32::MAX)).max(0), last);
    let mut builder = BatchBuilder::new(out, first)
        .leader_epoch(leader_epoch)
        .attributes(Attributes::default().with_control(true));
    builder.skip(u32::try_from(last - first).expect("first was clamped to this"));
    builder
        .push(timestamp_ms, Some(&COMMIT_KEY), Some(&COMMIT_VALUE), [])
        .expect("one small record at a clamped offset fits");
    builder.finish().expect("it has a record")
}

struct Kept {
    count: i32,
    max_timestamp_ms: i64,
}

fn copy_kept(
    batch: &Batch<'_>,
    bound: usize,
    gone: &mut dyn FnMut(&RecordView<'_>) -> bool,
    out: &mut Vec<u8>,
) -> Result<Kept, BatchError> {
    out.resize(out.len() + BATCH_HEADER_BYTES, 0);
    let mut kept = Kept { count: 0, max_timestamp_ms: i64::MIN };
    let mut records = RecordStream::new(batch, bound)?;
    while let Some(record) = records.next()? {
        if !gone(&record) {
            out.extend_from_slice(record.encoded);
            kept.count += 1;
            kept.max_timestamp_ms = kept.max_timestamp_ms.max(record.timestamp_ms);
        }
    }
    Ok(kept)
}

fn finish(batch: &Batch<'_>, kept: Kept, start: usize, out: &mut Vec<u8>) -> BatchHeader {
    if batch.codec() != Codec::None {
        compress_tail(batch.codec(), out, start + BATCH_HEADER_BYTES);
    }
    let mut header = *batch.header();
    header.record_count = kept.count;
    if header.attributes.timestamp_type() == TimestampType::CreateTime {
        header.max_timestamp_ms = kept.max_timestamp_ms;
    }
    seal(header, &mut out[start..])
}
