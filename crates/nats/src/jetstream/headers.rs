//! Header blocks of stored records on their way to NATS clients.

use crate::codec::headers;
use stele_model::{Header, StoredRecord};

/// The reserved header in which a stream keeps a NATS block that its pairs do not give back byte by byte.
pub(super) const STORED_BLOCK: &[u8] = b"Stele-Nats";
/// The reserved header for a record's key, where it is not the subject.
pub(super) const KEY: &[u8] = b"Stele-Key";

/// Appends the block of a stored record, then `extra` pairs; nothing when there is neither.
///
/// A null value in a bucket shows as `KV-Operation: DEL` (semantics 34), a Kafka key that is not the subject as
/// `Stele-Key`, what a block cannot hold as `Stele-Raw` (semantics 36).
pub fn write_record_block(record: &StoredRecord, extra: &[Header<'_>], out: &mut Vec<u8>) {
    if let Some(Some(block)) = record.headers().get(STORED_BLOCK) {
        write_kept_block(block, extra, out);
        return;
    }
    let mut added: Vec<Header<'_>> = Vec::new();
    if let Some(key) = record.key.as_ref().filter(|key| *key != &record.subject) {
        added.push((KEY, Some(key)));
    }
    if record.value.is_none()
        && record.subject.starts_with(b"$KV.")
        && record.headers().get(b"KV-Operation").is_none()
    {
        added.push((b"KV-Operation", Some(b"DEL")));
    }
    added.extend_from_slice(extra);
    headers::write(&record.headers(), &added, out);
}

fn write_kept_block(block: &[u8], extra: &[Header<'_>], out: &mut Vec<u8>) {
    match block.strip_suffix(b"\r\n").filter(|open| open.ends_with(b"\r\n")) {
        Some(open) if !extra.is_empty() => {
            out.extend_from_slice(open);
            let start = out.len();
            headers::write(&stele_model::Headers::none(), extra, out);
            // Only the lines of the second block: its version line is the first's already.
            out.drain(start..start + headers::VERSION.len() + 2);
        }
        _ => out.extend_from_slice(block),
    }
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
    }

    #[test]
    fn returns_a_nats_block_as_it_was() {
        let nats = b"NATS/1.0\r\nA:  b\r\n\r\n";
        let mut raw = vec![2, STORED_BLOCK.len() as u8 * 2];
        raw.extend_from_slice(STORED_BLOCK);
        raw.push(nats.len() as u8 * 2);
        raw.extend_from_slice(nats);
        assert_eq!(block(&record(&raw, None), &[]).as_bytes(), nats);
        assert_eq!(block(&record(&raw, None), &[(b"B", Some(b"c"))]), "NATS/1.0\r\nA:  b\r\nB: c\r\n\r\n");
    }
}
