//! Packets that break one rule each, with the answer that the version prescribes.

use stele_mqtt::codec::{Decoder, Step};
use stele_mqtt::{CloseWith, Version};

const SILENCE: CloseWith = CloseWith::Silence;
const DISCONNECT: CloseWith = CloseWith::Disconnect;

fn fault(mut decoder: Decoder, wire: &[u8], why: &str) -> (CloseWith, u8) {
    match decoder.next(wire) {
        Err(fault) => (fault.close, fault.reason.0),
        Ok(step) => panic!("{why}: {step:?}"),
    }
}

fn server(version: Version) -> Decoder {
    let mut decoder = Decoder::for_server(100_000);
    let connect: &[u8] = match version {
        Version::V31 => b"\x10\x0f\0\x06MQIsdp\x03\x02\0\0\0\x01a",
        Version::V311 => b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01a",
        Version::V5 => b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01a",
    };
    assert!(matches!(decoder.next(connect), Ok(Step::Packet { .. })));
    decoder
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut wire = vec![first, u8::try_from(body.len()).unwrap()];
    wire.extend(body);
    wire
}

#[test]
fn connect() {
    let v5 = CloseWith::ConnAck(Version::V5);
    let v311 = CloseWith::ConnAck(Version::V311);
    let rows: &[(&str, &[u8], CloseWith, u8)] = &[
        ("3.1.2-1 name", b"\0\x04MQTX\x04\x02\0\0\0\x01a", SILENCE, 0x84),
        ("3.1.2-1 lower case", b"\0\x04mqtt\x04\x02\0\0\0\x01a", SILENCE, 0x84),
        ("3.1.2-2 level 6", b"\0\x04MQTT\x06\x02\0\0\0\0\x01a", v5, 0x84),
        ("3.1.2-2 level 2", b"\0\x04MQTT\x02\x02\0\0\0\x01a", v311, 0x84),
        ("3.1.2-2 level 3 of the new name", b"\0\x04MQTT\x03\x02\0\0\0\x01a", v311, 0x84),
        ("3.1.2-2 bridge level", b"\0\x04MQTT\x84\x02\0\0\0\x01a", v311, 0x84),
        ("3.1.2-2 old name, level 4", b"\0\x06MQIsdp\x04\x02\0\0\0\x01a", v311, 0x84),
        ("3.1.2-3 reserved flag, 3.1.1", b"\0\x04MQTT\x04\x03\0\0\0\x01a", SILENCE, 0x81),
        ("3.1.2-3 reserved flag, 5", b"\0\x04MQTT\x05\x03\0\0\0\0\x01a", v5, 0x81),
        ("3.1.2-11 will QoS without will", b"\0\x04MQTT\x04\x0a\0\0\0\x01a", SILENCE, 0x81),
        ("3.1.2-13 will retain without will", b"\0\x04MQTT\x05\x22\0\0\0\0\x01a", v5, 0x81),
        ("3.1.2-12 will QoS 3", b"\0\x04MQTT\x05\x1e\0\0\0\0\x01a\0\0\x01w\0\0", v5, 0x81),
        ("311 3.1.2-22 password alone", b"\0\x04MQTT\x04\x42\0\0\0\x01a\0\x01p", SILENCE, 0x81),
        ("311 3.1.3-8 empty id", b"\0\x04MQTT\x04\0\0\0\0\0", v311, 0x85),
        ("3.1 empty id", b"\0\x06MQIsdp\x03\x02\0\0\0\0", CloseWith::ConnAck(Version::V31), 0x85),
        ("no id", b"\0\x04MQTT\x04\x02\0\0", SILENCE, 0x81),
        ("1.5.4-1 surrogate", b"\0\x04MQTT\x05\x02\0\0\0\0\x03\xed\xa0\x80", v5, 0x81),
        ("1.5.4-1 overlong", b"\0\x04MQTT\x05\x02\0\0\0\0\x02\xc0\x80", v5, 0x81),
        ("1.5.4-2 U+0000", b"\0\x04MQTT\x05\x02\0\0\0\0\x01\0", v5, 0x81),
        ("bytes after the end", b"\0\x04MQTT\x05\x02\0\0\0\0\x01ax", v5, 0x81),
        ("will topic with wildcard", b"\0\x04MQTT\x05\x06\0\0\0\0\x01a\0\0\x01#\0\0", v5, 0x90),
        ("will topic with wildcard, 3.1.1", b"\0\x04MQTT\x04\x06\0\0\0\x01a\0\x01#\0\0", SILENCE, 0x90),
        ("receive maximum 0", b"\0\x04MQTT\x05\x02\0\0\x03\x21\0\0\0\x01a", v5, 0x82),
        ("maximum packet size 0", b"\0\x04MQTT\x05\x02\0\0\x05\x27\0\0\0\0\0\x01a", v5, 0x82),
        ("session expiry twice", b"\0\x04MQTT\x05\x02\0\0\x0a\x11\0\0\0\0\x11\0\0\0\0\0\x01a", v5, 0x82),
        ("problem information 2", b"\0\x04MQTT\x05\x02\0\0\x02\x17\x02\0\x01a", v5, 0x82),
        ("will delay outside the will", b"\0\x04MQTT\x05\x02\0\0\x05\x18\0\0\0\0\0\x01a", v5, 0x81),
        ("data without method", b"\0\x04MQTT\x05\x02\0\0\x04\x16\0\x01d\0\x01a", v5, 0x82),
        ("unknown property", b"\0\x04MQTT\x05\x02\0\0\x02\x7e\0\0\x01a", v5, 0x81),
        ("property length beyond the packet", b"\0\x04MQTT\x05\x02\0\0\x7f\0\x01a", v5, 0x81),
        ("property cut short", b"\0\x04MQTT\x05\x02\0\0\x02\x11\0\0\x01a", v5, 0x81),
        ("topic alias in the will", b"\0\x04MQTT\x05\x06\0\0\0\0\x01a\x03\x23\0\x01\0\x01w\0\0", v5, 0x81),
    ];
    for (why, body, close, reason) in rows {
        let found = fault(Decoder::for_server(1000), &packet(0x10, body), why);
        assert_eq!(found, (*close, *reason), "{why}");
    }
}

#[test]
fn looseness_of_3_1() {
    for body in [
        &b"\0\x06MQIsdp\x03\x03\0\0\0\x01a"[..],
        b"\0\x06MQIsdp\x03\x2a\0\0\0\x01a",
        b"\0\x06MQIsdp\x03\xc2\0\0\0\x01a",
        b"\0\x06MQIsdp\x03\xc2\0\0\0\x01a\0\x01u",
    ] {
        let wire = packet(0x10, body);
        assert!(matches!(Decoder::for_server(1000).next(&wire), Ok(Step::Packet { .. })), "{body:02x?}");
    }
}

/// Rows that every version refuses the same way: MQTT 5 with the reason, older ones by closing. `{}` marks where
/// MQTT 5 has its empty property list.
#[test]
fn from_clients_of_every_version() {
    let rows: &[(&str, u8, &[&[u8]], u8)] = &[
        ("2.1.2 type 0", 0x00, &[b""], 0x81),
        ("2.1.3-1 PUBACK flags", 0x41, &[b"\0\x01"], 0x81),
        ("2.1.3-1 PUBREL flags", 0x60, &[b"\0\x01"], 0x81),
        ("3.8.1-1 SUBSCRIBE flags", 0x80, &[b"\0\x01", b"\0\x01a\0"], 0x81),
        ("3.10.1-1 UNSUBSCRIBE flags", 0xa0, &[b"\0\x01", b"\0\x01a"], 0x81),
        ("2.1.3-1 PINGREQ flags", 0xc1, &[b""], 0x81),
        ("3.14.1-1 DISCONNECT flags", 0xe2, &[b""], 0x81),
        ("3.1.0-2 second CONNECT", 0x10, &[b"\0\x04MQTT\x04\x02\0\0\0\x01a"], 0x82),
        ("CONNACK from a client", 0x20, &[b"\0\0"], 0x82),
        ("SUBACK from a client", 0x90, &[b"\0\x01", b"\0"], 0x82),
        ("UNSUBACK from a client", 0xb0, &[b"\0\x01"], 0x82),
        ("PINGRESP from a client", 0xd0, &[b""], 0x82),
        ("3.3.1-4 QoS 3", 0x36, &[b"\0\x01a\0\x01", b""], 0x81),
        ("2.2.1-3 packet id 0", 0x32, &[b"\0\x01a\0\0", b""], 0x82),
        ("no packet id", 0x32, &[b"\0\x01a"], 0x81),
        ("3.3.2-2 + in the name", 0x30, &[b"\0\x03a/+", b""], 0x81),
        ("3.3.2-2 # in the name", 0x30, &[b"\0\x01#", b""], 0x81),
        ("4.7.3-2 U+0000 in the name", 0x30, &[b"\0\x01\0", b""], 0x81),
        ("control character in the name", 0x30, &[b"\0\x02a\x07", b""], 0x81),
        ("1.5.4-1 name is not UTF-8", 0x30, &[b"\0\x01\xff", b""], 0x81),
        ("name beyond the packet", 0x30, &[b"\0\x05a"], 0x81),
        ("PUBACK with id 0", 0x40, &[b"\0\0"], 0x82),
        ("PUBACK too short", 0x40, &[b"\0"], 0x81),
        ("3.8.3-2 no filter", 0x82, &[b"\0\x01", b""], 0x82),
        ("SUBSCRIBE with id 0", 0x82, &[b"\0\0", b"\0\x01a\0"], 0x82),
        ("SUBSCRIBE with QoS 3", 0x82, &[b"\0\x01", b"\0\x01a\x03"], 0x81),
        ("3.8.3-5 reserved options", 0x82, &[b"\0\x01", b"\0\x01a\x40"], 0x81),
        ("4.7.3-1 empty filter", 0x82, &[b"\0\x01", b"\0\0\0"], 0x81),
        ("filter without options", 0x82, &[b"\0\x01", b"\0\x01a"], 0x81),
        ("filter with U+0000", 0x82, &[b"\0\x01", b"\0\x01\0\0"], 0x81),
        ("3.10.3-2 no filter", 0xa2, &[b"\0\x01", b""], 0x82),
        ("empty filter in UNSUBSCRIBE", 0xa2, &[b"\0\x01", b"\0\0"], 0x81),
        ("PINGREQ with a body", 0xc0, &[b"x"], 0x81),
    ];
    for version in Version::ALL {
        for (why, first, parts, reason) in rows {
            let join: &[u8] = if version == Version::V5 { b"\0" } else { b"" };
            let found = fault(server(version), &packet(*first, &parts.join(join)), why);
            let close = if version == Version::V5 { DISCONNECT } else { SILENCE };
            assert_eq!(found, (close, *reason), "{why} {version:?}");
        }
    }
}

#[test]
fn from_older_clients() {
    let rows: &[(&str, u8, &[u8])] = &[
        ("3.3.1-2 DUP with QoS 0", 0x38, b"\0\x01a"),
        ("empty name", 0x30, b"\0\0"),
        ("PUBACK too long", 0x40, b"\0\x01\0"),
        ("DISCONNECT with a body", 0xe0, b"\0"),
        ("AUTH", 0xf0, b""),
        ("options of MQTT 5", 0x82, b"\0\x01\0\x01a\x04"),
        ("3.8.1-1 DUP on SUBSCRIBE", 0x8a, b"\0\x01\0\x01a\x01"),
    ];
    for (why, first, body) in rows {
        let found = fault(server(Version::V311), &packet(*first, body), why);
        assert_eq!(found.0, SILENCE, "{why}");
    }
}

#[test]
fn from_clients_of_mqtt_5() {
    let rows: &[(&str, u8, &[u8], u8)] = &[
        ("3.3.1-2 DUP with QoS 0", 0x38, b"\0\x01a\0", 0x81),
        ("neither name nor alias", 0x30, b"\0\0\0", 0x82),
        ("3.3.2-8 alias 0", 0x30, b"\0\x01a\x03\x23\0\0", 0x94),
        ("alias twice", 0x30, b"\0\x01a\x06\x23\0\x01\x23\0\x01", 0x82),
        ("3.3.4-6 subscription id", 0x30, b"\0\x01a\x02\x0b\x01", 0x82),
        ("3.3.2-14 response topic with wildcard", 0x30, b"\0\x01a\x04\x08\0\x01#", 0x82),
        ("payload format 2", 0x30, b"\0\x01a\x02\x01\x02", 0x82),
        ("content type not UTF-8", 0x30, b"\0\x01a\x04\x03\0\x01\xff", 0x81),
        ("content type twice", 0x30, b"\0\x01a\x06\x03\0\0\x03\0\0", 0x82),
        ("property of CONNECT", 0x30, b"\0\x01a\x03\x21\0\x01", 0x81),
        ("1.5.5-1 property length not minimal", 0x30, b"\0\x01a\x80\0", 0x81),
        ("3.4.2-1 PUBACK reason", 0x40, b"\0\x01\x92", 0x82),
        ("PUBREL reason", 0x62, b"\0\x01\x10", 0x82),
        ("PUBACK bytes after properties", 0x40, b"\0\x01\0\0x", 0x81),
        ("PUBACK property", 0x40, b"\0\x01\0\x02\x01\x01", 0x81),
        ("3.8.2.1.2 subscription id 0", 0x82, b"\0\x01\x02\x0b\0\0\x01a\0", 0x82),
        ("subscription id twice", 0x82, b"\0\x01\x04\x0b\x01\x0b\x02\0\x01a\0", 0x82),
        ("subscription id of five bytes", 0x82, b"\0\x01\x06\x0b\xff\xff\xff\xff\x01\0\x01a\0", 0x81),
        ("3.8.3-4 No Local and shared", 0x82, b"\0\x01\0\0\x0a$share/g/a\x04", 0x82),
        ("retain handling 3", 0x82, b"\0\x01\0\0\x01a\x30", 0x82),
        ("reason string in UNSUBSCRIBE", 0xa2, b"\0\x01\x04\x1f\0\x01w\0\x01a", 0x81),
        ("DISCONNECT reason of a server", 0xe0, b"\x8e", 0x82),
        ("3.15.2-1 AUTH success from a client", 0xf0, b"\0", 0x82),
        ("AUTH without a reason", 0xf0, b"", 0x82),
        ("AUTH data without method", 0xf0, b"\x18\x04\x16\0\x01d", 0x82),
    ];
    for (why, first, body, reason) in rows {
        let found = fault(server(Version::V5), &packet(*first, body), why);
        assert_eq!(found, (DISCONNECT, *reason), "{why}");
    }
}

#[test]
fn levels_are_bounded() {
    let publish = |slashes: u8| {
        [&[0x30, (slashes + 3) | 0x80, 1, 0, slashes][..], &vec![b'/'; slashes.into()], &[0]].concat()
    };
    assert!(matches!(server(Version::V5).next(&publish(127)), Ok(Step::Packet { .. })), "128 levels");
    assert_eq!(fault(server(Version::V5), &publish(128), "129 levels"), (DISCONNECT, 0x90));
}

#[test]
fn from_servers() {
    let client = |version| Decoder::for_client(version, 1000);
    let rows: &[(&str, u8, &[u8], u8)] = &[
        ("3.2.2-1 flags", 0x20, b"\x02\0\0", 0x81),
        ("3.2.2-6 session present with failure", 0x20, b"\x01\x87\0", 0x82),
        ("3.2.2-8 code", 0x20, b"\0\x01\0", 0x82),
        ("maximum QoS 2", 0x20, b"\0\0\x02\x24\x02", 0x82),
        ("3.14.2-2 session expiry", 0xe0, b"\0\x05\x11\0\0\0\0", 0x82),
        ("DISCONNECT with will", 0xe0, b"\x04", 0x82),
        ("SUBSCRIBE", 0x82, b"\0\x01\0\0\x01a\0", 0x82),
        ("PINGREQ", 0xc0, b"", 0x82),
        ("CONNECT", 0x10, b"", 0x82),
        ("SUBACK without code", 0x90, b"\0\x01\0", 0x82),
        ("SUBACK code", 0x90, b"\0\x01\0\x03", 0x82),
        ("UNSUBACK code", 0xb0, b"\0\x01\0\x01", 0x82),
        ("re-authenticate", 0xf0, b"\x19", 0x82),
    ];
    for (why, first, body, reason) in rows {
        assert_eq!(fault(client(Version::V5), &packet(*first, body), why), (DISCONNECT, *reason), "{why}");
    }
    for (why, wire) in
        [("DISCONNECT", &b"\xe0\0"[..]), ("CONNACK code 6", b"\x20\x02\0\x06"), ("AUTH", b"\xf0\0")]
    {
        assert_eq!(fault(client(Version::V311), wire, why).0, SILENCE, "{why}");
    }
}

#[test]
fn remaining_length() {
    for wire in [&b"\x30\x80\0"[..], b"\x30\xff\x80\0", b"\x30\x80\x80\x80\x80", b"\x30\xff\xff\xff\xff\x01"]
    {
        assert_eq!(fault(server(Version::V5), wire, "1.5.5-1"), (DISCONNECT, 0x81), "{wire:02x?}");
    }
    assert_eq!(server(Version::V5).next(b"\x30\x80"), Ok(Step::Incomplete { needed: 3 }));
}

#[test]
fn answers() {
    let rows: &[(&[u8], &[u8])] = &[
        (b"\0\x04MQTT\x09\x02\0\0\0\0\x01a", b"\x20\x03\0\x84\0"),
        (b"\0\x04MQTT\x02\x02\0\0\0\x01a", b"\x20\x02\0\x01"),
        (b"\0\x04MQTT\x04\0\0\0\0\0", b"\x20\x02\0\x02"),
        (b"\0\x04MQTT\x05\x03\0\0\0\0\x01a", b"\x20\x03\0\x81\0"),
        (b"\0\x04MQTT\x04\x03\0\0\0\x01a", b""),
    ];
    for (body, expected) in rows {
        let mut out = Vec::new();
        Decoder::for_server(1000).next(&packet(0x10, body)).unwrap_err().encode_answer(&mut out);
        assert_eq!(&out, expected);
    }
    let mut out = Vec::new();
    server(Version::V5).next(b"\x82\x05\0\x01\0\0\x00").unwrap_err().encode_answer(&mut out);
    assert_eq!(out, b"\xe0\x01\x81");
}
