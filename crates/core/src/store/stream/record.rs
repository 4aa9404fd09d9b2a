//! Messages into records and back.
//!
//! The headers of a message become record headers, in their order. Of a NATS header block that they would not give
//! back byte for byte (odd spaces, a status line, folded lines) the wire shows the block itself first, in [`RAW_BLOCK`].

use bytes::Bytes;
use stele_model::batch::{Batch, Codec, Decompressor, TimestampType};
use stele_model::{Error, Header, Message, StoredRecord, Wire, visit_record_headers};

/// The header in which the NATS wire keeps a header block that is not in the usual form; it stands before the pairs.
pub(crate) const RAW_BLOCK: &[u8] = b"Stele-Nats-Block";
/// The first line of a NATS header block.
const BLOCK_START: &[u8] = b"NATS/1.0\r\n";
/// What a record costs beyond its subject, headers and payload, as nats-server's file store counts.
const RECORD_BYTES: u64 = 30;

/// Bytes of a record as JetStream counts them.
pub(crate) fn stored_size(subject: usize, block: usize, value: usize) -> u32 {
    let block = if block == 0 { 0 } else { block as u64 + 4 };
    u32::try_from(RECORD_BYTES + subject as u64 + block + value as u64).unwrap_or(u32::MAX)
}

/// Collects the headers of a message as record headers; returns the length of its NATS header block.
pub(crate) fn collect_headers<'m>(message: &Message<'m>, out: &mut Vec<Header<'m>>) -> usize {
    out.clear();
    if message.headers.is_empty() {
        return 0;
    }
    message.headers.each(&mut |header| out.push(header));
    match message.headers.wire {
        Wire::Nats => message.headers.raw.len(),
        _ => block_length(out.iter().copied()),
    }
}

/// The length of the NATS header block that a record's headers make.
pub(crate) fn block_length<'h>(headers: impl Iterator<Item = Header<'h>>) -> usize {
    let mut length = 0;
    for (name, value) in headers {
        let value = value.unwrap_or_default();
        if name == RAW_BLOCK {
            return value.len();
        }
        length += name.len() + value.len() + 4;
    }
    if length == 0 { 0 } else { length + BLOCK_START.len() + 2 }
}

/// A batch whose records can be found by offset; they share its memory.
#[derive(Debug)]
pub(crate) struct Decoded {
    plain: Bytes,
    base: u64,
    base_time_ms: i64,
    append_time_ms: Option<i64>,
    /// Offset delta, where the record begins behind its length, where it ends.
    spans: Vec<(u32, u32, u32)>,
}

/// A record before it has a subject.
#[derive(Clone, Debug)]
pub(crate) struct RawRecord {
    pub offset: u64,
    pub wire_time_ms: i64,
    pub key: Option<Bytes>,
    pub headers_raw: Bytes,
    pub value: Option<Bytes>,
}

impl RawRecord {
    /// Gives it the subject and the append time of its partition.
    pub(crate) fn into_stored(self, subject: Bytes, append_time_ns: u64) -> StoredRecord {
        StoredRecord {
            offset: self.offset,
            append_time_ns,
            wire_time_ms: self.wire_time_ms,
            subject,
            key: self.key,
            headers_raw: self.headers_raw,
            value: self.value,
        }
    }

    /// The length of the NATS header block that its headers make.
    pub(crate) fn block_length(&self) -> usize {
        let mut headers = Vec::new();
        visit_record_headers(&self.headers_raw, &mut |header| headers.push(header));
        block_length(headers.into_iter())
    }

    /// The value of its first header with this name.
    pub(crate) fn header(&self, name: &[u8]) -> Option<Vec<u8>> {
        let mut found = None;
        visit_record_headers(&self.headers_raw, &mut |(key, value)| {
            if found.is_none() && key == name {
                found = value.map(<[u8]>::to_vec);
            }
        });
        found
    }
}

impl Decoded {
    /// Finds the records of the batch at the front of `bytes`.
    ///
    /// # Errors
    /// `CorruptBatch` where they cannot be read or exceed `bound` plain bytes.
    pub(crate) fn new(bytes: &Bytes, bound: usize) -> Result<Self, Error> {
        let batch = Batch::parse(bytes).map_err(|_| Error::CorruptBatch("its header cannot be read"))?;
        let header = *batch.header();
        let plain = match batch.codec() {
            Codec::None => bytes.slice_ref(batch.payload()),
            codec => {
                let mut plain = Vec::new();
                Decompressor::new(codec, batch.payload(), bound)
                    .and_then(|mut source| source.read_to_end(&mut plain))
                    .map_err(|_| Error::CorruptBatch("its records cannot be decompressed"))?;
                plain.into()
            }
        };
        let by_broker = header.attributes.timestamp_type() == TimestampType::LogAppendTime;
        let mut decoded = Self {
            plain,
            base: header.base_offset as u64,
            base_time_ms: header.base_timestamp_ms,
            append_time_ms: by_broker.then_some(header.max_timestamp_ms),
            spans: Vec::new(),
        };
        decoded.spans =
            decoded.find(header.record_count).ok_or(Error::CorruptBatch("its records are damaged"))?;
        Ok(decoded)
    }

    /// The record at this offset.
    pub(crate) fn get(&self, offset: u64) -> Option<RawRecord> {
        let delta = u32::try_from(offset.checked_sub(self.base)?).ok()?;
        let at = self.spans.binary_search_by_key(&delta, |span| span.0).ok()?;
        self.record(at)
    }

    /// The records in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = RawRecord> {
        (0..self.spans.len()).filter_map(|at| self.record(at))
    }

    /// Bytes that a cache counts.
    pub(crate) fn cost(&self) -> usize {
        self.plain.len() + self.spans.len() * 12 + 64
    }

    fn find(&self, count: i32) -> Option<Vec<(u32, u32, u32)>> {
        let mut rest = &self.plain[..];
        // A record has 7 bytes or more.
        let mut spans: Vec<(u32, u32, u32)> =
            Vec::with_capacity((count.max(0) as usize).min(rest.len() / 7 + 1));
        for _ in 0..count {
            let length = usize::try_from(varint(&mut rest)?).ok()?;
            let start = self.plain.len() - rest.len();
            let (mut record, after) = rest.split_at_checked(length)?;
            record = record.get(1..)?;
            varint(&mut record)?;
            let delta = u32::try_from(varint(&mut record)?).ok()?;
            if spans.last().is_some_and(|(last, ..)| *last >= delta) {
                return None;
            }
            spans.push((delta, u32::try_from(start).ok()?, u32::try_from(start + length).ok()?));
            rest = after;
        }
        rest.is_empty().then_some(spans)
    }

    fn record(&self, at: usize) -> Option<RawRecord> {
        let (delta, start, end) = *self.spans.get(at)?;
        let mut rest = &self.plain[start as usize + 1..end as usize];
        let time_delta = varint(&mut rest)?;
        varint(&mut rest)?;
        let key = self.nullable(&mut rest)?;
        let value = self.nullable(&mut rest)?;
        Some(RawRecord {
            offset: self.base + u64::from(delta),
            wire_time_ms: self.append_time_ms.unwrap_or_else(|| self.base_time_ms.saturating_add(time_delta)),
            key,
            headers_raw: self.plain.slice_ref(rest),
            value,
        })
    }

    fn nullable(&self, rest: &mut &[u8]) -> Option<Option<Bytes>> {
        let length = varint(rest)?;
        if length < 0 {
            return Some(None);
        }
        let (head, tail) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        *rest = tail;
        Some(Some(self.plain.slice_ref(head)))
    }
}

/// A zigzag varint of at most ten bytes.
fn varint(rest: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use stele_model::batch::BatchBuilder;

    #[test]
    fn finds_records_by_offset() {
        let mut out = Vec::new();
        build(&mut out, 5);
        let decoded = Decoded::new(&out.into(), 1 << 20).expect("it is whole");
        let first = decoded.get(5).expect("it is there");
        assert_eq!((first.key.as_deref(), first.value.as_deref()), (Some(&b"k"[..]), Some(&b"v"[..])));
        assert_eq!((first.wire_time_ms, first.header(b"a")), (10, Some(b"1".to_vec())));
        let second = decoded.get(6).expect("it is there");
        assert_eq!((second.key, second.value, second.wire_time_ms), (None, None, 12));
        assert!(decoded.get(7).is_none() && decoded.get(4).is_none());
    }

    fn build(out: &mut Vec<u8>, base: i64) {
        out.clear();
        let mut builder = BatchBuilder::new(out, base);
        builder.push(10, Some(b"k"), Some(b"v"), [(&b"a"[..], Some(&b"1"[..]))]).expect("it fits");
        builder.push(12, None, None, []).expect("it fits");
        builder.finish_compressed(Codec::Lz4);
    }

    #[test]
    fn knows_the_length_of_a_block() {
        let headers: [Header<'_>; 2] = [(b"A", Some(b"1")), (b"B", Some(b""))];
        let kept: [Header<'_>; 2] = [(RAW_BLOCK, Some(b"NATS/1.0\r\nA:1\r\n\r\n")), (b"A", Some(b"1"))];
        assert_eq!(block_length(kept.into_iter()), b"NATS/1.0\r\nA:1\r\n\r\n".len());
        assert_eq!(block_length(headers.into_iter()), b"NATS/1.0\r\nA: 1\r\nB: \r\n\r\n".len());
    }
}
