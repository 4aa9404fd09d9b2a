//! A record read back from a stream.

use crate::{Header, Headers, Offset, Wire};
use bytes::Bytes;

/// One stored record, its parts sharing the batch's memory.
#[derive(Clone, Debug)]
pub struct StoredRecord {
    /// Its offset; the JetStream sequence is one more.
    pub offset: Offset,
    /// When it was appended, in ns since 1970; never goes back within a partition.
    pub append_time_ns: u64,
    /// The producer's timestamp in ms.
    pub wire_time_ms: i64,
    /// Fixed at append.
    pub subject: Bytes,
    /// The key, null or not.
    pub key: Option<Bytes>,
    /// The header array in a Kafka record's encoding, count first.
    pub headers_raw: Bytes,
    /// The value; `None` is null.
    pub value: Option<Bytes>,
}

impl StoredRecord {
    /// Its headers in order, with duplicates and nulls.
    pub fn headers(&self) -> Headers<'_> {
        Headers { wire: Wire::Kafka, raw: &self.headers_raw, visit: visit_record_headers }
    }
}

/// Visits a Kafka record's header array (count, then name and value each with a varint length).
/// Stops at the first malformed byte; stored batches were validated when they came.
pub fn visit_record_headers<'b>(raw: &'b [u8], visitor: &mut dyn FnMut(Header<'b>)) {
    let mut rest = raw;
    let Some(count) = varint(&mut rest) else { return };
    for _ in 0..count {
        let Some(name) = varint(&mut rest).and_then(|length| take(&mut rest, length)) else { return };
        let Some(length) = varint(&mut rest) else { return };
        if length < 0 {
            visitor((name, None));
            continue;
        }
        let Some(value) = take(&mut rest, length) else { return };
        visitor((name, Some(value)));
    }
}

fn take<'b>(rest: &mut &'b [u8], length: i64) -> Option<&'b [u8]> {
    let (head, tail) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = tail;
    Some(head)
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

    #[test]
    fn visits_headers_in_order_with_nulls() {
        // Two headers: "a" = "1", "b" = null. Varints are zigzag: 2 → 4, 1 → 2, −1 → 1.
        let raw = [4, 2, b'a', 2, b'1', 2, b'b', 1];
        let mut seen = Vec::new();
        visit_record_headers(&raw, &mut |header| seen.push(header));
        assert_eq!(seen, [(&b"a"[..], Some(&b"1"[..])), (b"b", None)]);
    }

    #[test]
    fn stops_at_malformed_bytes() {
        for raw in [&[0xff; 12][..], &[200, 1, 2], &[2, 200, 1, b'a'], &[]] {
            visit_record_headers(raw, &mut |_| panic!("no header stands here"));
        }
    }
}
