//! What a publisher asks of the stream through `Nats-` headers.

use super::time::parse_go_duration;
use crate::codec::headers;
use bumpalo::Bump;
use stele_model::{Conditions, Error, Rollup};

/// A publish that no stream would take, whatever its settings: its headers contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishFault(pub Error);

/// The shortest time to live.
const SECOND_NS: i64 = 1_000_000_000;

/// Reads the conditions of a header block. `None` for most messages, after one scan for `Nats-`.
///
/// A value that cannot be read becomes a condition that never holds, or [`Conditions::refused`], because only a
/// stream that captures the message may complain about it.
///
/// # Errors
/// None at present; the type leaves room for headers that no publish may carry.
pub fn conditions<'a>(block: &'a [u8], arena: &'a Bump) -> Result<Option<&'a Conditions<'a>>, PublishFault> {
    if !mentions_nats(block) {
        return Ok(None);
    }
    let mut found = Conditions::default();
    let mut any = false;
    let mut refused: Option<Error> = None;
    for (name, value) in headers::lines(block) {
        // Names are compared exactly, as nats-server does.
        if let Some(rest) = name.strip_prefix(b"Nats-") {
            any |= read(rest, value, &mut found, &mut refused);
        }
    }
    if found.expected_subject.is_some() && found.expected_last_subject_sequence.is_none() {
        refused = Some(Error::InvalidHeader("Nats-Expected-Last-Subject-Sequence"));
    }
    found.refused = refused.map(|error| &*arena.alloc(error));
    Ok((any || found.refused.is_some()).then(|| &*arena.alloc(found)))
}

/// Takes one `Nats-` header; says whether it is one of ours.
fn read<'a>(name: &[u8], value: &'a [u8], found: &mut Conditions<'a>, refused: &mut Option<Error>) -> bool {
    // An unreadable number equals no sequence, so the stream answers with the actual one, as nats-server does.
    let number = || std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
    match name {
        b"Msg-Id" => found.message_id = Some(value).filter(|id| !id.is_empty()),
        b"Expected-Stream" => found.expected_stream = Some(value).filter(|name| !name.is_empty()),
        b"Expected-Last-Sequence" => found.expected_last_sequence = Some(number()),
        b"Expected-Last-Msg-Id" => found.expected_last_message_id = Some(value).filter(|id| !id.is_empty()),
        b"Expected-Last-Subject-Sequence" => found.expected_last_subject_sequence = Some(number()),
        b"Expected-Last-Subject-Sequence-Subject" => found.expected_subject = Some(value),
        b"Rollup" if value.eq_ignore_ascii_case(b"sub") => found.rollup = Some(Rollup::Subject),
        b"Rollup" if value.eq_ignore_ascii_case(b"all") => found.rollup = Some(Rollup::All),
        b"Rollup" => *refused = Some(Error::InvalidHeader("Nats-Rollup")),
        b"TTL" => match parse_ttl(value) {
            Some(ttl) => found.ttl_ns = ttl,
            None => *refused = Some(Error::InvalidHeader("Nats-TTL")),
        },
        b"Incr" => *refused = Some(Error::FeatureNotAllowed("Nats-Incr")),
        b"Batch-Id" => *refused = Some(Error::FeatureNotAllowed("Nats-Batch-Id")),
        b"Schedule" => *refused = Some(Error::FeatureNotAllowed("Nats-Schedule")),
        _ => return false,
    }
    true
}

/// Seconds, a Go duration of at least one second, or `never` (ADR-43). Outer `None`: not readable; inner: absent.
fn parse_ttl(value: &[u8]) -> Option<Option<u64>> {
    let text = std::str::from_utf8(value).ok()?;
    if text.is_empty() {
        return Some(None);
    }
    if text.eq_ignore_ascii_case("never") {
        return Some(Some(0));
    }
    let ns = match text.parse::<i64>() {
        Ok(seconds) => seconds.checked_mul(SECOND_NS)?,
        Err(_) => parse_go_duration(text)?,
    };
    (ns >= SECOND_NS).then(|| Some(ns.unsigned_abs()))
}

/// Is there a line that starts with `Nats-`? The first line is `NATS/1.0`, which has no dash there.
fn mentions_nats(block: &[u8]) -> bool {
    memchr::memmem::find(
        block, b"
Nats-",
    )
    .is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(headers: &str) -> String {
        let arena = Bump::new();
        let block = format!("NATS/1.0\r\n{headers}\r\n");
        let found = conditions(block.as_bytes(), &arena).expect("no fault");
        found.map_or_else(|| "none".to_owned(), |found| format!("{found:?}"))
    }

    #[test]
    fn plain_messages_have_none() {
        for headers in ["", "A: b\r\n", "X-Nats-Msg-Id: 1\r\n", "Nats-Trace-Dest: x\r\n"] {
            assert_eq!(read_all(headers), "none", "{headers}");
        }
    }

    #[test]
    fn each_header_is_a_condition() {
        for (headers, part) in [
            ("Nats-Msg-Id: a\r\n", "message_id: Some([97])"),
            ("Nats-Expected-Last-Sequence: 7\r\n", "expected_last_sequence: Some(7)"),
            ("Nats-Expected-Last-Subject-Sequence: 0\r\n", "expected_last_subject_sequence: Some(0)"),
            ("Nats-Expected-Last-Sequence: x\r\n", "expected_last_sequence: Some(18446744073709551615)"),
            ("Nats-Rollup: ALL\r\n", "rollup: Some(All)"),
            ("Nats-Rollup: x\r\n", "refused: Some(InvalidHeader(\"Nats-Rollup\"))"),
            ("Nats-TTL: 5\r\n", "ttl_ns: Some(5000000000)"),
            ("Nats-TTL: 1h\r\n", "ttl_ns: Some(3600000000000)"),
            ("Nats-TTL: never\r\n", "ttl_ns: Some(0)"),
            ("Nats-TTL: 500ms\r\n", "InvalidHeader(\"Nats-TTL\")"),
            ("Nats-TTL: 0\r\n", "InvalidHeader(\"Nats-TTL\")"),
            ("Nats-Incr: 1\r\n", "FeatureNotAllowed(\"Nats-Incr\")"),
            (
                "Nats-Expected-Last-Subject-Sequence-Subject: s.>\r\n",
                "InvalidHeader(\"Nats-Expected-Last-Sub",
            ),
        ] {
            assert!(read_all(headers).contains(part), "{headers} {}", read_all(headers));
        }
    }
}
