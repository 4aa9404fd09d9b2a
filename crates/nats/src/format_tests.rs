use super::*;
use stele_model::{ConnectionId, Headers, Quality};

fn message<'a>(headers: Headers<'a>, payload: Option<&'a [u8]>) -> Message<'a> {
    Message {
        subject: b"a.b",
        reply: b"",
        headers,
        payload,
        quality: Quality::AtMostOnce,
        retain: false,
        from: ConnectionId(1),
    }
}

fn check(headers: bool, message: Message<'_>, expected: &[u8]) {
    let mut out = Vec::new();
    NatsFormat::new(b"12", headers).encode(&[message], &mut out);
    assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

/// One header of Kafka: x = ff.
const KAFKA: Headers<'static> =
    Headers { wire: Wire::Kafka, raw: &[2, 2, b'x', 2, 0xff], visit: stele_model::visit_record_headers };

#[test]
fn writes_each_kind_of_message() {
    let block = headers::headers(b"NATS/1.0\r\nA:1\r\n\r\n");
    check(true, message(Headers::none(), Some(b"hi")), b"MSG a.b 12 2\r\nhi\r\n");
    let asked = Message { reply: b"r", ..message(Headers::none(), Some(b"")) };
    check(true, asked, b"MSG a.b 12 r 0\r\n\r\n");
    check(true, message(block, Some(b"hi")), b"HMSG a.b 12 17 19\r\nNATS/1.0\r\nA:1\r\n\r\nhi\r\n");
    check(
        true,
        Message { reply: b"r", ..message(block, Some(b"")) },
        b"HMSG a.b 12 r 17 17\r\nNATS/1.0\r\nA:1\r\n\r\n\r\n",
    );
    check(false, message(block, Some(b"hi")), b"MSG a.b 12 2\r\nhi\r\n");
    check(
        true,
        message(KAFKA, Some(b"hi")),
        b"HMSG a.b 12 30 32\r\nNATS/1.0\r\nStele-Raw: eA._w\r\n\r\nhi\r\n",
    );
    check(false, message(KAFKA, Some(b"hi")), b"MSG a.b 12 2\r\nhi\r\n");
}

#[test]
fn writes_null_payloads() {
    check(
        true,
        message(Headers::none(), None),
        b"HMSG a.b 12 27 27\r\nNATS/1.0\r\nStele-Null: 1\r\n\r\n\r\n",
    );
    check(false, message(Headers::none(), None), b"MSG a.b 12 0\r\n\r\n");
    let bucket = Message { subject: b"$KV.b.k", ..message(Headers::none(), None) };
    check(true, bucket, b"HMSG $KV.b.k 12 31 31\r\nNATS/1.0\r\nKV-Operation: DEL\r\n\r\n\r\n");
    let purge = headers::headers(b"NATS/1.0\r\nKV-Operation: PURGE\r\n\r\n");
    let bucket = Message { headers: purge, ..bucket };
    check(true, bucket, b"HMSG $KV.b.k 12 33 33\r\nNATS/1.0\r\nKV-Operation: PURGE\r\n\r\n\r\n");
}

#[test]
fn equal_classes_write_equal_bytes() {
    let class = |sid: &[u8], headers| NatsFormat::new(sid, headers).class().to_vec();
    assert_eq!(class(b"1", true), class(b"1", true));
    assert_ne!(class(b"1", true), class(b"1", false));
    assert_ne!(class(b"1", true), class(b"2", true));
}

#[test]
fn overlong_subjects_stay_away() {
    let subject = vec![b'a'; 4001];
    let long = Message { subject: &subject, ..message(Headers::none(), Some(b"")) };
    assert!(!NatsFormat::new(b"1", true).accepts(&long));
}
