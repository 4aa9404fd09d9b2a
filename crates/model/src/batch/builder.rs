//! Writes a batch in one pass.

use super::header::{CRC_AT, CRC_FROM, crc32c};
use super::{Attributes, BATCH_HEADER_BYTES, BatchError, BatchHeader, Codec, compress, varint};

/// The largest batch that the builder makes, in bytes: the length field is an `i32`.
const BATCH_BYTES_MAX: usize = i32::MAX as usize;

/// Who writes an idempotent or transactional batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// Producer id, 0 or above.
    pub id: i64,
    /// Epoch, 0 or above.
    pub epoch: i16,
    /// Sequence of the batch's first record, 0 or above.
    pub base_sequence: i32,
}

/// Appends one batch to a buffer, record by record.
///
/// Bytes before the batch stay as they are, so many batches can share a buffer. Dropping the builder leaves
/// an unfinished batch behind; [`BatchBuilder::abandon`] takes it away.
#[derive(Debug)]
pub struct BatchBuilder<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    header: BatchHeader,
    next_delta: i64,
}

impl<'o> BatchBuilder<'o> {
    /// Starts a batch at the end of `out`.
    pub fn new(out: &'o mut Vec<u8>, base_offset: i64) -> Self {
        let start = out.len();
        out.resize(start + BATCH_HEADER_BYTES, 0);
        let header = BatchHeader {
            base_offset,
            length: 0,
            leader_epoch: 0,
            crc: 0,
            attributes: Attributes::default(),
            last_offset_delta: 0,
            base_timestamp_ms: 0,
            max_timestamp_ms: i64::MIN,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: 0,
        };
        Self { out, start, header, next_delta: 0 }
    }

    /// Sets the leader epoch; 0 when not called.
    pub fn leader_epoch(mut self, epoch: i32) -> Self {
        self.header.leader_epoch = epoch;
        self
    }

    /// Sets the producer; none when not called.
    pub fn producer(mut self, producer: Producer) -> Self {
        self.header.producer_id = producer.id;
        self.header.producer_epoch = producer.epoch;
        self.header.base_sequence = producer.base_sequence;
        self
    }

    /// Sets transactional and control bits.
    pub fn attributes(mut self, attributes: Attributes) -> Self {
        self.header.attributes = attributes;
        self
    }

    /// Bytes of the batch so far, header included.
    pub fn len(&self) -> usize {
        self.out.len() - self.start
    }

    /// Whether no record was pushed yet.
    pub fn is_empty(&self) -> bool {
        self.header.record_count == 0
    }

    /// Appends a record at the next offset. The first record's timestamp becomes the base timestamp.
    ///
    /// Fails, and changes nothing, when the batch would pass 2 GiB. `headers` is walked twice: for the size
    /// that stands in front of a record, and for the bytes.
    pub fn push<'h, H>(
        &mut self,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
    ) -> Result<(), BatchError>
    where
        H: IntoIterator<Item = (&'h [u8], Option<&'h [u8]>)>,
        H::IntoIter: Clone,
    {
        if self.is_empty() {
            self.header.base_timestamp_ms = timestamp_ms;
        }
        let headers = headers.into_iter();
        let timestamp_delta = timestamp_ms.wrapping_sub(self.header.base_timestamp_ms);
        let (count, header_bytes) = headers.clone().fold((0i64, 0usize), |(count, bytes), (name, value)| {
            (count + 1, bytes + nullable_size(Some(name)) + nullable_size(value))
        });
        let body = 1
            + varint::size(timestamp_delta)
            + varint::size(self.next_delta)
            + nullable_size(key)
            + nullable_size(value)
            + varint::size(count)
            + header_bytes;
        let total = varint::size(body as i64) + body;
        if total > BATCH_BYTES_MAX - self.len().min(BATCH_BYTES_MAX) || self.next_delta > i64::from(i32::MAX)
        {
            return Err(BatchError::TooLarge { bound: BATCH_BYTES_MAX });
        }
        self.out.reserve(total);
        varint::put(self.out, body as i64);
        self.out.push(0);
        varint::put(self.out, timestamp_delta);
        varint::put(self.out, self.next_delta);
        put_nullable(self.out, key);
        put_nullable(self.out, value);
        varint::put(self.out, count);
        for (name, value) in headers {
            put_nullable(self.out, Some(name));
            put_nullable(self.out, value);
        }
        self.header.max_timestamp_ms = self.header.max_timestamp_ms.max(timestamp_ms);
        self.header.record_count += 1;
        self.next_delta += 1;
        Ok(())
    }

    /// Leaves `count` offsets without a record before the next one.
    pub fn skip(&mut self, count: u32) {
        self.next_delta += i64::from(count);
    }

    /// As [`Self::finish`], with the records compressed by `codec`.
    pub fn finish_compressed(mut self, codec: Codec) -> Option<BatchHeader> {
        self.header.attributes = self.header.attributes.with_codec(codec);
        if codec != Codec::None && !self.is_empty() {
            compress_tail(codec, self.out, self.start + BATCH_HEADER_BYTES);
        }
        self.finish()
    }

    /// Writes the header with length and CRC; returns it. A batch without records is taken away again: then
    /// the answer is `None`.
    pub fn finish(mut self) -> Option<BatchHeader> {
        if self.is_empty() {
            self.abandon();
            return None;
        }
        self.header.last_offset_delta = (self.next_delta - 1) as i32;
        Some(seal(self.header, &mut self.out[self.start..]))
    }

    /// Takes the unfinished batch away.
    pub fn abandon(self) {
        self.out.truncate(self.start);
    }
}

/// Replaces `out` from `from` on by its compressed form.
pub(super) fn compress_tail(codec: Codec, out: &mut Vec<u8>, from: usize) {
    let plain = out.split_off(from);
    compress(codec, &plain, out);
}

/// Writes `header` over the front of `batch` with length and CRC made from the bytes.
pub(super) fn seal(mut header: BatchHeader, batch: &mut [u8]) -> BatchHeader {
    header.length = i32::try_from(batch.len() - 12).expect("builders keep batches below 2 GiB");
    let head = batch.first_chunk_mut().expect("builders reserve the header");
    header.write(head);
    header.crc = crc32c(&batch[CRC_FROM..]);
    batch[CRC_AT..CRC_FROM].copy_from_slice(&header.crc.to_be_bytes());
    header
}

fn nullable_size(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::size(bytes.len() as i64) + bytes.len())
}

fn put_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => varint::put(out, -1),
        Some(bytes) => {
            varint::put(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
    }
}
