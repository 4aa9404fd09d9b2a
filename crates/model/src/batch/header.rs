//! The batch header: parse, check, patch in place.

use super::{BatchError, Records};

/// Bytes before the records.
pub const BATCH_HEADER_BYTES: usize = 61;
/// Bytes that the length field does not count: base offset and the length itself.
const LENGTH_OFFSET: usize = 12;
const LEADER_EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
pub(super) const CRC_AT: usize = 17;
pub(super) const CRC_FROM: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;
const MAGIC: i8 = 2;

/// Compression of a batch's records; the number is the wire's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Codec {
    /// Plain records.
    None = 0,
    /// RFC 1952.
    Gzip = 1,
    /// Snappy blocks in xerial's framing, or one bare block (which some clients send).
    Snappy = 2,
    /// An LZ4 frame.
    Lz4 = 3,
    /// RFC 8878. Only Produce v7 and Fetch v10 or later may carry it (KIP-110).
    Zstd = 4,
}

impl Codec {
    /// The codec of the wire's number; 5 to 7 are unassigned.
    pub fn from_bits(bits: u8) -> Result<Self, BatchError> {
        Ok(match bits {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            other => return Err(BatchError::Codec(other)),
        })
    }
}

/// Whose clock a batch's timestamps are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's, one per record.
    CreateTime,
    /// The broker's: every record has the batch's maximum timestamp.
    LogAppendTime,
}

/// The attribute bits of a batch. Bits that Kafka has not assigned are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    const TIMESTAMP_TYPE: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// Compression, bits 0 to 2.
    pub fn codec(self) -> Result<Codec, BatchError> {
        Codec::from_bits((self.0 & 0x07) as u8)
    }

    /// Bit 3.
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::TIMESTAMP_TYPE == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Bit 4: the batch belongs to a transaction.
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Bit 5: the batch holds a marker, which no application sees.
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Bit 6: the base timestamp is a delete horizon (KIP-534), the time after which tombstones may go.
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// The same bits with another codec.
    pub fn with_codec(self, codec: Codec) -> Self {
        Self(self.0 & !0x07 | codec as i16)
    }

    /// The same bits with the transactional bit set or cleared.
    pub fn with_transactional(self, on: bool) -> Self {
        self.with(Self::TRANSACTIONAL, on)
    }

    /// The same bits with the control bit set or cleared.
    pub fn with_control(self, on: bool) -> Self {
        self.with(Self::CONTROL, on)
    }

    fn with(self, bit: i16, on: bool) -> Self {
        Self(if on { self.0 | bit } else { self.0 & !bit })
    }
}

/// A parsed batch header. Times are milliseconds since 1970; -1 in producer fields means "none".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record, or of the first that compaction removed.
    pub base_offset: i64,
    /// Bytes after the length field.
    pub length: i32,
    /// Epoch of the leader that appended; outside the CRC.
    pub leader_epoch: i32,
    /// CRC32C (Castagnoli) from the attributes to the end.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: Attributes,
    /// Last offset minus base offset. Compaction keeps it, so it may exceed the last record's delta.
    pub last_offset_delta: i32,
    /// Timestamp to which records' deltas are added.
    pub base_timestamp_ms: i64,
    /// Highest timestamp, or the append time under [`TimestampType::LogAppendTime`].
    pub max_timestamp_ms: i64,
    /// Producer id, or -1.
    pub producer_id: i64,
    /// Producer epoch, or -1.
    pub producer_epoch: i16,
    /// Sequence of the first record, or -1.
    pub base_sequence: i32,
    /// Records in the batch.
    pub record_count: i32,
}

impl BatchHeader {
    /// Offset of the last record. [`Batch::parse`] made sure that it does not overflow.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// Offset after the batch.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// Bytes of the whole batch.
    pub fn total_bytes(&self) -> usize {
        LENGTH_OFFSET + self.length as usize
    }

    fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let Some(head) = bytes.first_chunk::<BATCH_HEADER_BYTES>() else {
            return Err(BatchError::Truncated { needed: BATCH_HEADER_BYTES, available: bytes.len() });
        };
        let magic = head[MAGIC_AT] as i8;
        if magic != MAGIC {
            return Err(BatchError::Magic(magic));
        }
        let header = Self {
            base_offset: i64::from_be_bytes(field(head, 0)),
            length: i32::from_be_bytes(field(head, 8)),
            leader_epoch: i32::from_be_bytes(field(head, LEADER_EPOCH_AT)),
            crc: u32::from_be_bytes(field(head, CRC_AT)),
            attributes: Attributes(i16::from_be_bytes(field(head, CRC_FROM))),
            last_offset_delta: i32::from_be_bytes(field(head, 23)),
            base_timestamp_ms: i64::from_be_bytes(field(head, 27)),
            max_timestamp_ms: i64::from_be_bytes(field(head, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(field(head, 43)),
            producer_epoch: i16::from_be_bytes(field(head, 51)),
            base_sequence: i32::from_be_bytes(field(head, 53)),
            record_count: i32::from_be_bytes(field(head, 57)),
        };
        header.check()?;
        Ok(header)
    }

    fn check(&self) -> Result<(), BatchError> {
        if self.length < (BATCH_HEADER_BYTES - LENGTH_OFFSET) as i32 {
            return Err(BatchError::Length(self.length));
        }
        self.attributes.codec()?;
        if self.base_offset < 0 {
            return Err(BatchError::Header("base offset is negative"));
        }
        if self.last_offset_delta < 0 {
            return Err(BatchError::Header("last offset delta is negative"));
        }
        // One more, so that the offset after the batch exists, too.
        if self.base_offset > i64::MAX - i64::from(self.last_offset_delta) - 1 {
            return Err(BatchError::Header("last offset overflows"));
        }
        if self.record_count < 0 || i64::from(self.record_count) > i64::from(self.last_offset_delta) + 1 {
            return Err(BatchError::Header("record count does not fit the offsets"));
        }
        Ok(())
    }

    pub(super) fn write(&self, head: &mut [u8; BATCH_HEADER_BYTES]) {
        head[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        head[8..12].copy_from_slice(&self.length.to_be_bytes());
        head[12..16].copy_from_slice(&self.leader_epoch.to_be_bytes());
        head[MAGIC_AT] = MAGIC as u8;
        head[17..21].copy_from_slice(&self.crc.to_be_bytes());
        head[21..23].copy_from_slice(&self.attributes.0.to_be_bytes());
        head[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        head[27..35].copy_from_slice(&self.base_timestamp_ms.to_be_bytes());
        head[35..43].copy_from_slice(&self.max_timestamp_ms.to_be_bytes());
        head[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        head[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        head[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        head[57..61].copy_from_slice(&self.record_count.to_be_bytes());
    }
}

/// One batch, borrowed. Its shape is checked; its CRC and its records are checked when asked.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Parses the batch at the front of `bytes`; what follows it is left alone.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let needed = header.total_bytes();
        let bytes = bytes.get(..needed).ok_or(BatchError::Truncated { needed, available: bytes.len() })?;
        Ok(Self { header, bytes })
    }

    /// Checks what a producer sent: exactly one batch, CRC, base offset 0, as many offsets as records, no
    /// control batch, the producer's own clock, complete producer fields. Records are not decoded.
    /// Size limits and the codec's minimal API version are the caller's to check.
    pub fn parse_produced(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let batch = Self::parse(bytes)?;
        let header = &batch.header;
        if batch.bytes.len() != bytes.len() {
            return Err(BatchError::Length(header.length));
        }
        batch.verify_crc()?;
        if header.base_offset != 0 {
            return Err(BatchError::Header("base offset of a produced batch is not 0"));
        }
        if header.record_count == 0 || header.record_count - 1 != header.last_offset_delta {
            return Err(BatchError::Header("record count and last offset delta disagree"));
        }
        if header.attributes.is_control() {
            return Err(BatchError::Header("clients may not write control batches"));
        }
        if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
            return Err(BatchError::Header("clients may not set log append time"));
        }
        let idempotent = header.producer_id >= 0;
        if idempotent && (header.producer_epoch < 0 || header.base_sequence < 0) {
            return Err(BatchError::Header("producer id without epoch or sequence"));
        }
        if !idempotent && header.attributes.is_transactional() {
            return Err(BatchError::Header("transactional batch without producer id"));
        }
        Ok(batch)
    }

    /// Compares the stored CRC with the bytes.
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        let computed = crc32c(&self.bytes[CRC_FROM..]);
        if computed == self.header.crc {
            Ok(())
        } else {
            Err(BatchError::Crc { stored: self.header.crc, computed })
        }
    }

    /// The header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The codec of the records.
    pub fn codec(&self) -> Codec {
        self.header.attributes.codec().expect("parse refused unknown codecs")
    }

    /// The whole batch, header included.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The records as they lie in the batch, compressed when the codec says so.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[BATCH_HEADER_BYTES..]
    }

    /// The records of an uncompressed batch; `None` when they are compressed.
    pub fn plain_records(&self) -> Option<Records<'a>> {
        (self.codec() == Codec::None).then(|| Records::new(&self.header, self.payload()))
    }
}

/// Walks batches that lie one after another, as in a log or a fetch response. Ends after the last whole batch
/// or at the first error; a batch cut short at the end, as fetch responses may have, is an error `Truncated`.
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Batches<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not yet walked.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let batch = Batch::parse(self.rest);
        self.rest = match &batch {
            Ok(batch) => &self.rest[batch.bytes.len()..],
            Err(_) => &[],
        };
        Some(batch)
    }
}

/// Sets base offset and leader epoch of the batch at the front of `batch`: what a broker does to a producer's
/// batch. Both lie outside the CRC. Shorter input than a header is left alone.
pub fn patch(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    if let Some(head) = batch.first_chunk_mut::<BATCH_HEADER_BYTES>() {
        head[0..8].copy_from_slice(&base_offset.to_be_bytes());
        head[LEADER_EPOCH_AT..LEADER_EPOCH_AT + 4].copy_from_slice(&leader_epoch.to_be_bytes());
    }
}

/// Turns one whole batch to [`TimestampType::LogAppendTime`] with `timestamp_ms` and makes its CRC anew.
/// Shorter input than a header is left alone.
pub fn set_log_append_time(batch: &mut [u8], timestamp_ms: i64) {
    let Some(head) = batch.first_chunk_mut::<BATCH_HEADER_BYTES>() else { return };
    head[CRC_FROM + 1] |= Attributes::TIMESTAMP_TYPE as u8;
    head[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&timestamp_ms.to_be_bytes());
    let crc = crc32c(&batch[CRC_FROM..]);
    batch[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
}

pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

fn field<const N: usize>(head: &[u8; BATCH_HEADER_BYTES], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&head[at..at + N]);
    out
}
