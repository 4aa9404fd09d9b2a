use super::*;
use crate::codec::encode;
use crate::codec::parse::{Step, Verb, parse};
use proptest::prelude::*;

const LIMITS: ParseLimits = ParseLimits { control_line_bytes_max: 32 << 10, payload_bytes_max: 1 << 20 };

#[test]
fn hears_what_a_server_says() {
    let mut bytes = Vec::new();
    encode::info(b"{}", &mut bytes);
    bytes.extend_from_slice(encode::OK);
    encode::error("Stale Connection", &mut bytes);
    bytes.extend_from_slice(encode::PING);
    bytes.extend_from_slice(encode::PONG);
    let mut heard = Vec::new();
    let mut rest = &bytes[..];
    while let Ok(Listen::Heard(one, used)) = listen(rest, &LIMITS) {
        heard.push(one);
        rest = &rest[used..];
    }
    assert_eq!(rest, b"");
    let error = Heard::Error(b"Stale Connection");
    assert_eq!(heard, [Heard::Info(b"{}"), Heard::Ok, error, Heard::Ping, Heard::Pong]);
}

#[test]
fn says_what_a_server_reads() {
    let mut bytes = Vec::new();
    subscribe(b"a.*", Some(b"g"), 7, &mut bytes);
    unsubscribe(7, Some(2), &mut bytes);
    connect(b"{}", &mut bytes);
    let mut rest = &bytes[..];
    let mut said = Vec::new();
    while let Ok(Step::Verb(verb, used)) = parse(rest, &LIMITS) {
        said.push(verb);
        rest = &rest[used..];
    }
    let subscribe = Verb::Subscribe { filter: b"a.*", group: Some(b"g"), sid: b"7" };
    let unsubscribe = Verb::Unsubscribe { sid: b"7", deliveries_max: Some(2) };
    assert_eq!(said, [subscribe, unsubscribe, Verb::Connect(b"{}")]);
}

proptest! {
    #[test]
    fn reads_back_what_a_server_writes(
        subject in "[a-z.]{1,20}", reply in "[a-z.]{0,20}", sid in "[0-9]{1,5}",
        headers in proptest::collection::vec(any::<u8>(), 0..40),
        payload in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let (subject, reply, sid) = (subject.as_bytes(), reply.as_bytes(), sid.as_bytes());
        let mut bytes = Vec::new();
        if headers.is_empty() {
            encode::message(subject, sid, reply, &payload, &mut bytes);
        } else {
            encode::message_with_headers(subject, sid, reply, &headers, &payload, &mut bytes);
        }
        let message = Heard::Message { subject, sid, reply, headers: &headers, payload: &payload };
        prop_assert_eq!(listen(&bytes, &LIMITS), Ok(Listen::Heard(message, bytes.len())));
        for cut in 0..bytes.len() {
            prop_assert!(matches!(listen(&bytes[..cut], &LIMITS), Ok(Listen::More(needed)) if needed > cut));
        }
    }
}
