//! Header blocks of stored records on their way to NATS clients.

use crate::codec::headers;
use stele_model::{Header, StoredRecord};

/// The reserved header for a record's key, where it is not the subject.
pub(super) const KEY: &[u8] = b"Stele-Key";

/// The reserved header for a producer's timestamp: milliseconds since 1970, in decimal.
const TIMESTAMP: &[u8] = b"Stele-Timestamp";

/// Appends the block of a stored record, then `extra` pairs; nothing when there is neither.
///
/// A null value shows as `Stele-Null`, in a bucket as `KV-Operation: DEL` (semantics 34), a Kafka key that is not the
/// subject as `Stele-Key`, a producer's timestamp that is not the time of the append as `Stele-Timestamp`, what a block
/// cannot hold as `Stele-Raw` (semantics 36).
pub fn write_record_block(record: &StoredRecord, extra: &[Header<'_>], out: &mut Vec<u8>) {
    let mut added: Vec<Header<'_>> = Vec::new();
    if let Some(key) = record.key.as_ref().filter(|key| *key != &record.subject) {
        added.push((KEY, Some(key)));
    }
    let timestamp = record.wire_time_ms.to_string();
    if record.wire_time_ms != i64::try_from(record.append_time_ns / 1_000_000).unwrap_or(i64::MAX) {
        added.push((TIMESTAMP, Some(timestamp.as_bytes())));
    }
    let mark: Header<'_> = match record.subject.starts_with(b"$KV.") {
        true => (b"KV-Operation", Some(b"DEL")),
        false => (headers::NULL, Some(b"1")),
    };
    if record.value.is_none() && !is_marked(record, mark.0) {
        added.push(mark);
    }
    added.extend_from_slice(extra);
    headers::write(&record.headers(), &added, out);
}

/// Do its own headers say that its value is null? A NATS block that says so is kept whole.
fn is_marked(record: &StoredRecord, mark: &[u8]) -> bool {
    let block = record.headers().get(headers::BLOCK).flatten();
    record.headers().get(mark).is_some() || block.is_some_and(|block| headers::get(block, mark).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn record(headers_raw: &[u8], value: Option<&'static [u8]>) -> StoredRecord {
        StoredRecord {
            offset: 4,
            append_time_ns: 1,
            wire_time_ms: 0,
            subject: Bytes::from_static(b"$KV.b.k"),
            key: Some(Bytes::from_static(b"$KV.b.k")),
            headers_raw: Bytes::copy_from_slice(headers_raw),
            value: value.map(Bytes::from_static),
        }
    }

    fn block(record: &StoredRecord, extra: &[Header<'_>]) -> String {
        let mut out = Vec::new();
        write_record_block(record, extra, &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn writes_what_another_wire_stored() {
        let headers = [4, 2, b'a', 2, b'1', 2, b'b', 1];
        let extra: [Header<'_>; 1] = [(b"X", Some(b"1"))];
        assert_eq!(block(&record(&headers, Some(b"v")), &[]), "NATS/1.0\r\na: 1\r\nStele-Raw: Yg.!\r\n\r\n");
        assert_eq!(block(&record(&[0], Some(b"v")), &[]), "");
        assert_eq!(block(&record(&[0], Some(b"v")), &extra), "NATS/1.0\r\nX: 1\r\n\r\n");
        assert_eq!(block(&record(&[0], None), &[]), "NATS/1.0\r\nKV-Operation: DEL\r\n\r\n");
        let mut keyed = record(&[0], Some(b"v"));
        keyed.key = Some(Bytes::from_static(b"k"));
        assert_eq!(block(&keyed, &[]), "NATS/1.0\r\nStele-Key: k\r\n\r\n");
        let mut timed = record(&[0], None);
        (timed.subject, timed.key, timed.wire_time_ms) = (Bytes::from_static(b"t"), None, 77);
        assert_eq!(block(&timed, &[]), "NATS/1.0\r\nStele-Timestamp: 77\r\nStele-Null: 1\r\n\r\n");
    }

    #[test]
    fn returns_a_nats_block_as_it_was() {
        for nats in [
            &b"NATS/1.0\r\nA:  b\r\n\r\n"[..],
            b"NATS/1.0\r\nA:b\r\na: c\r\nA: d \r\n\r\n",
            b"NATS/1.0 503 x\r\n\r\n",
            b"NATS/1.0\r\nStele-Null: 1\r\n\r\n",
            b"NATS/1.0\r\n\r\n",
        ] {
            let raw = record_headers(nats);
            let null = headers::get(nats, headers::NULL).is_some();
            let mut stored = record(&raw, (!null).then_some(b"v"));
            stored.subject = Bytes::from_static(b"a");
            stored.key = None;
            assert_eq!(block(&stored, &[]).as_bytes(), nats);
            let longer = [&nats[..nats.len() - 2], b"B: c\r\n\r\n"].concat();
            assert_eq!(block(&stored, &[(b"B", Some(b"c"))]).as_bytes(), longer);
        }
    }

    /// As a stream stores what the codec shows of a block; lengths are zigzag varints of one byte here.
    fn record_headers(block: &[u8]) -> Vec<u8> {
        let mut pairs = Vec::new();
        let mut count = 0;
        headers::visit(block, &mut |(name, value)| {
            for bytes in [name, value.expect("NATS has no null")] {
                pairs.push(u8::try_from(bytes.len() * 2).expect("short"));
                pairs.extend_from_slice(bytes);
            }
            count += 1;
        });
        assert!(pairs.len() < 200 && count < 60);
        [vec![count * 2], pairs].concat()
    }
}
