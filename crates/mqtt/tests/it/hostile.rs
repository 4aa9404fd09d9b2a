//! Lengths that lie, limits, and what is refused before it has arrived.

use stele_mqtt::codec::{Decoder, Packet, Publish, Step};
use stele_mqtt::{CloseWith, Qos, ReasonCode, Version};

#[test]
fn a_length_is_judged_before_the_body_arrives() {
    let mut decoder = Decoder::for_client(Version::V5, 1000);
    assert_eq!(decoder.next(b"\x30\xe7\x07"), Err(too_large()));
    assert_eq!(decoder.next(b"\x30\xff\xff\xff\x7f"), Err(too_large()));
    // 1 + 2 + 997 bytes are exactly the limit.
    assert_eq!(decoder.next(b"\x30\xe5\x07"), Ok(Step::Incomplete { needed: 1000 }));
    let mut old = Decoder::for_client(Version::V311, 10);
    assert_eq!(old.next(b"\x30\x7f").map_err(|fault| fault.close), Err(CloseWith::Silence));
}

fn too_large() -> stele_mqtt::Fault {
    stele_mqtt::Fault {
        close: CloseWith::Disconnect,
        reason: ReasonCode::PACKET_TOO_LARGE,
        text: "packet longer than the limit (MQTT-3.1.2-24)",
    }
}

#[test]
fn other_protocols_are_seen_at_the_first_byte() {
    for hello in [&b"G"[..], b"\x16\x03\x01", b"CONNECT {}", b"\0", b"\x30", b"\x11", b"\xc0\0"] {
        let fault = Decoder::for_server(1000).next(hello).unwrap_err();
        assert_eq!(fault.close, CloseWith::Silence);
        let mut answer = Vec::new();
        fault.encode_answer(&mut answer);
        assert!(answer.is_empty());
    }
}

#[test]
fn every_inner_length_that_lies_is_refused() {
    let good: &[u8] = b"\x10\x27\0\x04MQTT\x05\xee\0\x0a\x05\x11\0\0\0\x05\0\x02id\x05\x18\0\0\0\x01\0\x01w\0\x02xx\0\x01u\0\x01p";
    assert!(matches!(Decoder::for_server(1000).next(good), Ok(Step::Packet { .. })));
    // Any byte of a length field set to its maximum reaches beyond the packet.
    for at in [2, 3, 12, 18, 19, 22, 28, 29, 31, 32, 35, 36, 38, 39] {
        let mut bad = good.to_vec();
        bad[at] = 0xff;
        assert!(Decoder::for_server(1000).next(&bad).is_err(), "byte {at}");
    }
    for cut in 3..good.len() {
        let mut bad = good[..cut].to_vec();
        bad[1] = (cut - 2) as u8;
        assert!(Decoder::for_server(1000).next(&bad).is_err(), "cut at {cut}");
    }
}

#[test]
fn what_cannot_be_said_is_not_written() {
    let long = "a".repeat(70_000);
    let packet = stele_mqtt::codec::Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive_seconds: 0,
        client_id: &long,
        will: None,
        user_name: None,
        password: None,
        properties: Default::default(),
    };
    let mut out = b"kept".to_vec();
    assert!(Packet::Connect(packet).encode(Version::V5, &mut out).is_err());
    assert_eq!(out, b"kept");
    let mut properties = stele_mqtt::codec::PropertyBuffer::new();
    assert!(properties.push(stele_mqtt::codec::Property::ReasonString(&long)).is_err());
    assert!(properties.push(stele_mqtt::codec::Property::ReasonString("\0")).is_err());
    assert!(properties.as_properties().is_empty());
}

#[test]
fn a_large_payload_is_borrowed() {
    let payload = vec![7; 300_000];
    let packet = Publish {
        duplicate: false,
        qos: Qos::AtMostOnce,
        retain: false,
        topic: Some(stele_mqtt::topic::TopicName::parse("a").unwrap()),
        packet_id: None,
        properties: Default::default(),
        payload: &payload,
    };
    let mut out = Vec::new();
    packet.encode(Version::V311, &mut out).unwrap();
    let Ok(Step::Packet { packet: Packet::Publish(found), .. }) =
        Decoder::for_client(Version::V311, u32::MAX).next(&out)
    else {
        panic!("a packet")
    };
    assert!(out.as_ptr_range().contains(&found.payload.as_ptr()));
}
