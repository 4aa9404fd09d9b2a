//! Borrowed records of one batch.

use super::{BatchError, BatchHeader, TimestampType, varint};

/// One record, borrowed from the batch's (decompressed) bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970: the record's own, or the batch's append time.
    pub timestamp_ms: i64,
    /// The key; null and empty differ.
    pub key: Option<&'a [u8]>,
    /// The value; null is a tombstone, empty is not.
    pub value: Option<&'a [u8]>,
    /// Headers in order, duplicates included.
    pub headers: Headers<'a>,
    /// The record as encoded, its length prefix included.
    pub encoded: &'a [u8],
}

/// One header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderView<'a> {
    /// Name; Kafka wants UTF-8, which nobody checks.
    pub name: &'a [u8],
    /// Value; null and empty differ.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record: an iterator over bytes that were checked when the record was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headers<'a> {
    rest: &'a [u8],
    count: usize,
}

impl<'a> Headers<'a> {
    /// Takes the whole rest of a record, whose headers must fill it exactly.
    fn parse(mut rest: &'a [u8]) -> Result<Self, BatchError> {
        let count = varint::take_i32(&mut rest)?;
        // Each header takes two bytes or more, which bounds the walk below by the input.
        let count = usize::try_from(count).map_err(|_| BatchError::Record("header count is negative"))?;
        let headers = Self { rest, count };
        let mut left = rest;
        for _ in 0..count {
            take_header(&mut left)?;
        }
        if left.is_empty() { Ok(headers) } else { Err(BatchError::Record("bytes after the headers")) }
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = HeaderView<'a>;

    fn next(&mut self) -> Option<HeaderView<'a>> {
        if self.count == 0 {
            return None;
        }
        self.count -= 1;
        take_header(&mut self.rest).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// Walks the records of a batch. After an error it ends.
///
/// It checks that each record fills its length, that offsets rise and stay below the batch's last offset, and
/// that there are as many records as the header says and nothing after them.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    frame: RecordFrame,
}

impl<'a> Records<'a> {
    /// The records in `plain`, which are those of the batch with `header`, decompressed.
    pub fn new(header: &BatchHeader, plain: &'a [u8]) -> Self {
        Self { rest: plain, frame: RecordFrame::new(header) }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.frame.left == 0 {
            if self.rest.is_empty() {
                return None;
            }
            self.rest = &[];
            return Some(Err(BatchError::Record("bytes after the last record")));
        }
        let record = split_record(self.rest).and_then(|(encoded, rest)| {
            self.rest = rest;
            self.frame.parse(encoded)
        });
        if record.is_err() {
            self.rest = &[];
            self.frame.left = 0;
        }
        Some(record)
    }
}

/// What a record's deltas refer to, and how many records are still to come.
#[derive(Debug, Clone)]
pub(super) struct RecordFrame {
    base_offset: i64,
    base_timestamp_ms: i64,
    append_timestamp_ms: Option<i64>,
    delta_min: i32,
    delta_max: i32,
    pub(super) left: usize,
}

impl RecordFrame {
    pub(super) fn new(header: &BatchHeader) -> Self {
        let by_broker = header.attributes.timestamp_type() == TimestampType::LogAppendTime;
        Self {
            base_offset: header.base_offset,
            base_timestamp_ms: header.base_timestamp_ms,
            append_timestamp_ms: by_broker.then_some(header.max_timestamp_ms),
            delta_min: 0,
            delta_max: header.last_offset_delta,
            left: usize::try_from(header.record_count).unwrap_or(0),
        }
    }

    /// Parses one record with its length prefix.
    pub(super) fn parse<'a>(&mut self, encoded: &'a [u8]) -> Result<RecordView<'a>, BatchError> {
        let mut rest = encoded;
        varint::take(&mut rest)?;
        // The record's own attributes are unused in magic 2.
        let (_, after) = rest.split_first().ok_or(BatchError::Record("record is empty"))?;
        rest = after;
        let timestamp_delta = varint::take(&mut rest)?;
        let offset_delta = varint::take_i32(&mut rest)?;
        if offset_delta < self.delta_min || offset_delta > self.delta_max {
            return Err(BatchError::Record("offset delta out of order or range"));
        }
        let key = take_nullable(&mut rest)?;
        let value = take_nullable(&mut rest)?;
        let headers = Headers::parse(rest)?;
        // The last delta may be i32::MAX; then no further one fits, and the range check refuses it.
        self.delta_min = offset_delta.saturating_add(1);
        self.left -= 1;
        Ok(RecordView {
            offset: self.base_offset.saturating_add(i64::from(offset_delta)),
            timestamp_ms: self
                .append_timestamp_ms
                .unwrap_or_else(|| self.base_timestamp_ms.saturating_add(timestamp_delta)),
            key,
            value,
            headers,
            encoded,
        })
    }
}

/// Splits one length-prefixed record off.
fn split_record(input: &[u8]) -> Result<(&[u8], &[u8]), BatchError> {
    let mut rest = input;
    let length = varint::take_i32(&mut rest)?;
    let length = usize::try_from(length).map_err(|_| BatchError::Record("record length is negative"))?;
    if length > rest.len() {
        return Err(BatchError::Record("record is cut short"));
    }
    Ok(input.split_at(input.len() - rest.len() + length))
}

fn take_header<'a>(input: &mut &'a [u8]) -> Result<HeaderView<'a>, BatchError> {
    let name = take_nullable(input)?.ok_or(BatchError::Record("header name is null"))?;
    Ok(HeaderView { name, value: take_nullable(input)? })
}

fn take_nullable<'a>(input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, BatchError> {
    let length = varint::take_i32(input)?;
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| BatchError::Record("length is negative"))?;
    let (bytes, rest) =
        input.split_at_checked(length).ok_or(BatchError::Record("field is longer than its record"))?;
    *input = rest;
    Ok(Some(bytes))
}
