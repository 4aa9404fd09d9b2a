//! Bytes that never change, one row for each packet and version that differs.

use stele_mqtt::Version;
use stele_mqtt::codec::{Decoder, Step};

/// Decodes the rows of one connection and writes each packet again: the bytes are the same.
fn check(mut decoder: Decoder, rows: &[(&str, &[u8])]) {
    for (expected, wire) in rows {
        match decoder.next(wire) {
            Ok(Step::Packet { packet, consumed }) => {
                assert_eq!(consumed, wire.len());
                let shown = format!("{packet:?}");
                assert!(shown.contains(expected), "{expected} is not in {shown}");
                let mut out = Vec::new();
                packet.encode(decoder.version().unwrap(), &mut out).unwrap();
                assert_eq!(&out, wire, "{expected}");
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn from_a_client_of_mqtt_5() {
    check(
        Decoder::for_server(1000),
        &[
            (
                "client_id: \"id\"",
                b"\x10\x27\0\x04MQTT\x05\xee\0\x0a\x05\x11\0\0\0\x05\0\x02id\x05\x18\0\0\0\x01\0\x01w\0\x02xx\0\x01u\0\x01p",
            ),
            ("AtMostOnce", b"\x30\x07\0\x03a/b\0h"),
            ("AtLeastOnce", b"\x3b\x0f\0\x01a\x12\x34\x07\x26\0\x01k\0\x01vhi"),
            ("topic: None", b"\x30\x07\0\0\x03\x23\0\x01x"),
            ("PubAck", b"\x40\x02\0\x01"),
            ("PubRec", b"\x50\x03\0\x01\x91"),
            ("PubRel", b"\x62\x02\0\x01"),
            ("PubComp", b"\x70\x0a\0\x01\x92\x06\x1f\0\x03why"),
            ("Subscribe", b"\x82\x09\0\x05\x02\x0b\x07\0\x01#\x2e"),
            ("Unsubscribe", b"\xa2\x06\0\x06\0\0\x01#"),
            ("PingReq", b"\xc0\0"),
            ("Auth", b"\xf0\x08\x18\x06\x15\0\x03abc"),
            ("Disconnect", b"\xe0\x01\x04"),
        ],
    );
}

#[test]
fn from_clients_of_older_versions() {
    check(
        Decoder::for_server(1000),
        &[
            ("V311", b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02id"),
            ("ExactlyOnce", b"\x34\x06\0\x01a\0\x01h"),
            ("Subscribe", b"\x82\x06\0\x01\0\x01a\x02"),
            ("Unsubscribe", b"\xa2\x05\0\x01\0\x01a"),
            ("Disconnect", b"\xe0\0"),
        ],
    );
    check(Decoder::for_server(1000), &[("V31", b"\x10\x10\0\x06MQIsdp\x03\x02\0\x3c\0\x02id")]);
}

#[test]
fn from_a_server() {
    check(
        Decoder::for_client(Version::V5, 1000),
        &[
            ("session_present: true", b"\x20\x06\x01\0\x03\x21\0\x14"),
            ("ReasonCode(135)", b"\x20\x03\0\x87\0"),
            ("SubAck", b"\x90\x05\0\x01\0\x02\x8f"),
            ("UnsubAck", b"\xb0\x05\0\x01\0\0\x11"),
            ("Publish", b"\x30\x09\0\x01a\x04\x0b\x01\x0b\x02x"),
            ("PingResp", b"\xd0\0"),
            ("Disconnect", b"\xe0\x01\x8e"),
        ],
    );
    check(
        Decoder::for_client(Version::V311, 1000),
        &[
            ("ReasonCode(134)", b"\x20\x02\0\x04"),
            ("SubAck", b"\x90\x03\0\x01\x80"),
            ("UnsubAck", b"\xb0\x02\0\x01"),
        ],
    );
}
