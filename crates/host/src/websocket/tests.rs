//! The handshake's rows, and frames that are cut anywhere.

use super::*;
use proptest::prelude::*;

const REQUEST: &str = "GET /mqtt HTTP/1.1\r\nHost: localhost:80\r\nUpgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: other, MQTT\r\n\r\n";

fn ask(request: &[u8]) -> (String, String) {
    let rules = Rules {
        subprotocols: &["mqtt", "mqttv3.1"],
        origin_allowed: &|origin| origin.is_none_or(|origin| origin == "https://good.example"),
        host_allowed: &|host| host == "localhost:80",
    };
    let mut out = Vec::new();
    let answer = answer(request, &rules, &mut out);
    (format!("{answer:?}"), String::from_utf8(out).expect("HTTP is text"))
}

#[test]
fn a_good_request_is_accepted() {
    let mut request = REQUEST.as_bytes().to_vec();
    let length = request.len();
    request.extend_from_slice(b"\x82\x80");
    let (answer, response) = ask(&request);
    assert_eq!(
        answer,
        format!("Accepted {{ consumed: {length}, target: \"/mqtt\", subprotocol: Some(\"mqtt\") }}")
    );
    // The example of RFC 6455 §1.3.
    assert!(response.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{response}");
    assert!(response.ends_with("\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"), "{response}");
    for cut in 0..length {
        assert_eq!(ask(&request[..cut]), ("Incomplete".into(), String::new()));
    }
}

#[test]
fn bad_requests_are_refused() {
    for (from, to, status) in [
        ("GET", "POST", "400"),
        ("HTTP/1.1", "HTTP/1.0", "400"),
        ("/mqtt", "mqtt", "400"),
        ("Host: localhost:80", "X: y", "400"),
        ("Host: localhost:80", "Host: evil.example", "403"),
        ("Host: localhost:80", "Host: localhost:80\r\nOrigin: https://evil.example", "403"),
        ("Host: localhost:80", "Host: localhost:80\r\nHost: localhost:80", "400"),
        ("Host: localhost:80", "Host: localhost:80\r\nHost : x", "400"),
        ("Host: localhost:80", "Host: localhost:80\r\n folded", "400"),
        ("Host: localhost:80", "Host: localhost:80\r\nX: a\nb", "400"),
        ("Upgrade: websocket", "Upgrade: h2c", "426"),
        ("Upgrade: websocket", "X: y", "426"),
        ("keep-alive, Upgrade", "keep-alive", "400"),
        ("Version: 13", "Version: 8", "426"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", "400"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", "400"),
        ("other, MQTT", "other", "400"),
    ] {
        let (answer, response) = ask(REQUEST.replacen(from, to, 1).as_bytes());
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{to}: {answer} {response}");
    }
    let allowed = REQUEST.replace("Host:", "Origin: https://good.example\r\nHost:");
    assert!(ask(allowed.as_bytes()).0.starts_with("Accepted"));
}

#[test]
fn long_requests_and_other_protocols_are_refused_early() {
    let long = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(REQUEST_BYTES_MAX));
    assert!(ask(long.as_bytes()).1.starts_with("HTTP/1.1 400"));
    assert!(ask(b"\x10\x0c").1.starts_with("HTTP/1.1 400"));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
    assert!(ask(many.as_bytes()).1.starts_with("HTTP/1.1 400"));
}

/// What a server finds in these bytes: data, replies, and the end.
fn serve(input: &[u8]) -> (Vec<u8>, Vec<u8>, Received) {
    let (mut data, mut replies) = (Vec::new(), Vec::new());
    let received =
        FrameDecoder::for_server(TextFrames::Refused).receive(input, None, &mut data, &mut replies);
    (data, replies, received)
}

#[test]
fn broken_frames_end_the_connection() {
    for (why, input, code) in [
        ("unmasked", &b"\x82\x01a"[..], 1002),
        ("RSV1 without an extension", b"\xc2\x80\0\0\0\0", 1002),
        ("opcode 3", b"\x83\x80\0\0\0\0", 1002),
        ("opcode 11", b"\x8b\x80\0\0\0\0", 1002),
        ("text", b"\x81\x80\0\0\0\0", 1003),
        ("continuation of nothing", b"\x80\x80\0\0\0\0", 1002),
        ("a message inside a message", b"\x02\x80\0\0\0\0\x82\x80\0\0\0\0", 1002),
        ("fragmented ping", b"\x09\x80\0\0\0\0", 1002),
        ("long ping", b"\x89\xfe\0\x7e\0\0\0\0", 1002),
        ("125 bytes in the medium form", b"\x82\xfe\0\x7d\0\0\0\0", 1002),
        ("65,535 bytes in the long form", b"\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 1002),
        ("more than 63 bits", b"\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 1002),
        ("over the limit", b"\x82\xff\0\0\0\0\x10\0\0\x01\0\0\0\0", 1009),
        ("over the limit in a fragment", b"\x02\x81\0\0\0\0a\x80\xff\0\0\0\0\x10\0\0\x01\0\0\0\0", 1009),
        ("close of one byte", b"\x88\x81\0\0\0\0a", 1002),
        ("close code 1005", b"\x88\x82\0\0\0\0\x03\xed", 1002),
        ("close code 999", b"\x88\x82\0\0\0\0\x03\xe7", 1002),
        ("close reason", b"\x88\x83\0\0\0\0\x03\xe8\xff", 1007),
    ] {
        let (_, replies, received) = serve(input);
        assert!(
            matches!(received.end, Some(End::Fault { code: found, .. }) if found.0 == code),
            "{why}: {received:?}"
        );
        let code: u16 = code;
        assert!(replies.ends_with(&[&[0x88, 2][..], &code.to_be_bytes()].concat()), "{why}");
    }
}

#[test]
fn control_frames_are_answered_inside_messages() {
    // "a", ping "p" masked with 1, "b", pong, close 1000, and a frame that is not looked at.
    let input = b"\x02\x81\0\0\0\0a\x89\x81\x01\0\0\0q\x80\x81\0\0\0\0b\x8a\x80\0\0\0\0\x88\x82\0\0\0\0\x03\xe8\x82\x01";
    let (data, replies, received) = serve(input);
    assert_eq!(data, b"ab");
    assert_eq!(replies, b"\x8a\x01p\x88\x02\x03\xe8");
    assert_eq!(received, Received { consumed: input.len() - 2, end: Some(End::Peer(CloseCode::NORMAL)) });
    assert_eq!(serve(b"\x88\x80\0\0\0\0").1, b"\x88\0");
}

#[test]
fn text_frames_carry_data_where_they_are_allowed() {
    let mut decoder = FrameDecoder::for_client(TextFrames::Accepted);
    let mut data = Vec::new();
    let received = decoder.receive(b"\x81\x02\xffa", None, &mut data, &mut Vec::new());
    assert_eq!((data.as_slice(), received.consumed, received.end), (&b"\xffa"[..], 4, None));
}

proptest! {
    #[test]
    fn messages_arrive_however_they_are_cut(
        messages in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..200),
                (65_530_usize..65_540).prop_map(|length| vec![7; length]),
            ], 1..4),
        mask in any::<Option<[u8; 4]>>(),
        cut in 1_usize..400,
    ) {
        let mut wire = Vec::new();
        for message in &messages {
            encode_data(message, mask, &mut wire);
        }
        let new = if mask.is_some() { FrameDecoder::for_server } else { FrameDecoder::for_client };
        let mut decoder = new(TextFrames::Refused);
        let (mut kept, mut data, mut replies) = (Vec::new(), Vec::new(), Vec::new());
        for piece in wire.chunks(cut) {
            kept.extend_from_slice(piece);
            let received = decoder.receive(&kept, None, &mut data, &mut replies);
            prop_assert_eq!(received.end, None);
            kept.drain(..received.consumed);
        }
        prop_assert!(kept.is_empty() && replies.is_empty());
        prop_assert_eq!(data, messages.concat());
    }

    #[test]
    fn any_bytes_are_safe(input in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (data, replies, received) = serve(&input);
        prop_assert!(received.consumed <= input.len());
        prop_assert!(data.len() <= input.len() && replies.len() <= input.len() + 4);
        ask(&input);
    }
}
