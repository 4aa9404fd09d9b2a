//! Frames that were made to hurt: lengths of 2 GiB, negative counts, deep nesting, bad UTF-8, lines without an end.

/// A port of the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Nats,
    Kafka,
    Mqtt,
    MqttWs,
    Http,
}

/// How the broker may take it.
#[derive(Clone, Copy)]
pub(super) enum Expect {
    /// The connection ends, with or without a word.
    End,
    /// It may be answered, waited for, or refused.
    Anything,
}

/// One input.
pub(super) struct Crafted {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) expect: Expect,
    /// Makes sense only there.
    pub(super) after_handshake: bool,
}

impl Wire {
    pub(super) const ALL: [Self; 5] = [Self::Nats, Self::Kafka, Self::Mqtt, Self::MqttWs, Self::Http];

    pub(super) fn listener(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Kafka => "kafka",
            Self::Mqtt => "mqtt",
            Self::MqttWs => "mqtt-ws",
            Self::Http => "http",
        }
    }
}

/// What a good client says first.
pub(super) fn handshake(wire: Wire) -> Vec<u8> {
    let connect = mqtt_packet(0x10, b"\0\x04MQTT\x04\x02\0\x3c\0\0");
    match wire {
        Wire::Nats => b"CONNECT {\"verbose\":false,\"headers\":true}\r\nPING\r\n".to_vec(),
        Wire::Kafka => kafka_frame(18, 0, b""),
        Wire::Mqtt => connect,
        Wire::MqttWs => [UPGRADE.as_bytes(), &websocket_frame(2, &connect)].concat(),
        Wire::Http => Vec::new(),
    }
}

/// Everything that is made for this wire.
pub(super) fn all(wire: Wire) -> Vec<Crafted> {
    match wire {
        Wire::Nats => nats(),
        Wire::Kafka => kafka(),
        Wire::Mqtt => mqtt(),
        Wire::MqttWs => websocket(),
        Wire::Http => http(),
    }
}

/// Frames that are begun and left: what comes before, and how far they go.
pub(super) fn unfinished(wire: Wire) -> Vec<(Vec<u8>, Vec<u8>)> {
    let large = vec![b'x'; 512 << 10];
    let begun = |head: &[u8]| [head, &large].concat();
    let handshake = handshake(wire);
    match wire {
        Wire::Nats => vec![(handshake, begun(b"PUB a 1000000\r\n"))],
        Wire::Kafka => vec![
            (Vec::new(), begun(&[0x01, 0x00, 0x00, 0x00, 0, 0, 0, 9])),
            (handshake, begun(&[0x00, 0x70, 0x00, 0x00, 0, 3, 0, 9])),
            // Whole requests behind one that waits.
            ([kafka_metadata("quiet"), kafka_fetch("quiet")].concat(), kafka_frame(3, 1, &large)),
        ],
        // PUBLISH of 1.9 MB.
        Wire::Mqtt => vec![(handshake, begun(b"\x30\xe0\xfb\x73\0\x01a"))],
        Wire::MqttWs => {
            let mut head = vec![0x82, 0xff];
            head.extend_from_slice(&1_900_000_u64.to_be_bytes());
            head.extend_from_slice(&[0; 4]);
            head.extend_from_slice(b"\x30\xe0\xfb\x73\0\x01a");
            vec![(handshake, begun(&head)), (Vec::new(), begun(b"GET /mqtt HTTP/1.1\r\nA: "))]
        }
        Wire::Http => vec![
            (Vec::new(), begun(b"GET /varz HTTP/1.1\r\nHost: localhost\r\nA: ")),
            (Vec::new(), begun(b"POST /varz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n")),
        ],
    }
}

fn ends(name: &'static str, bytes: impl Into<Vec<u8>>) -> Crafted {
    Crafted { name, bytes: bytes.into(), expect: Expect::End, after_handshake: false }
}

fn strange(name: &'static str, bytes: impl Into<Vec<u8>>) -> Crafted {
    Crafted { name, bytes: bytes.into(), expect: Expect::Anything, after_handshake: false }
}

fn later(crafted: Crafted) -> Crafted {
    Crafted { after_handshake: true, ..crafted }
}

fn nats() -> Vec<Crafted> {
    let nested = "[".repeat(900_000);
    let request = |subject: &str, body: &str| format!("PUB {subject} in {}\r\n{body}\r\n", body.len());
    vec![
        ends("a payload of 2 GiB", "PUB a 2147483648\r\n"),
        ends("a payload of more digits than a number has", format!("PUB a {}\r\n", "9".repeat(40))),
        ends("a negative payload", "PUB a -1\r\n"),
        ends("headers longer than the whole", "HPUB a 20 10\r\n0123456789\r\n"),
        ends("negative headers", "HPUB a -1 10\r\n0123456789\r\n"),
        ends("no word of the protocol", "GET / HTTP/1.1\r\n\r\n"),
        ends("a line without an end", vec![b'A'; 4 << 20]),
        ends("a subject without an end", [b"SUB ".to_vec(), vec![b'a'; 4 << 20]].concat()),
        strange("bad UTF-8 in a subject", b"PUB \xff\xfe\xc0 3\r\nabc\r\n".to_vec()),
        strange("zeros", vec![0; 1 << 20]),
        strange("nested JSON in CONNECT", format!("CONNECT {}\r\n", &nested[..2000])),
        later(strange("nested JSON in a request", request("$JS.API.STREAM.CREATE.N", &nested))),
        later(strange(
            "nested objects in a request",
            request("$JS.API.STREAM.CREATE.N", &"{\"a\":".repeat(150_000)),
        )),
        later(strange(
            "huge numbers",
            request(
                "$JS.API.STREAM.CREATE.N",
                r#"{"name":"N","subjects":["n"],"max_msgs":1e400,"max_age":-9e18}"#,
            ),
        )),
        later(strange(
            "a pull of 2 GiB",
            request(
                "$JS.API.CONSUMER.MSG.NEXT.S.C",
                r#"{"batch":2147483647,"max_bytes":2147483647,"expires":-1}"#,
            ),
        )),
        later(strange("many tokens", format!("SUB {}a 1\r\n", "a.".repeat(1500)))),
        later(strange(
            "many subscriptions",
            (0..20_000).map(|n| format!("SUB s.{n} {n}\r\n")).collect::<String>(),
        )),
    ]
}

fn kafka() -> Vec<Crafted> {
    let count = |count: i32| count.to_be_bytes().to_vec();
    let length = |length: i32| [&length.to_be_bytes()[..], &[0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff]].concat();
    // Version 9 and later are flexible: a tag section follows the client id.
    let compact = |body: &[u8]| [b"\0", body].concat();
    let mut all = vec![
        ends("a frame of 2 GiB", length(i32::MAX)),
        ends("a frame of -1", length(-1)),
        ends("a frame of -2 GiB", length(i32::MIN)),
        ends("metadata of 2 GiB - 1 topics", kafka_frame(3, 1, &count(i32::MAX))),
        ends("metadata of -2 topics", kafka_frame(3, 1, &count(-2))),
        ends("a topic's name of -2", kafka_frame(3, 1, &[count(1), vec![0xff, 0xfe]].concat())),
        ends(
            "a topic's name that is no UTF-8",
            kafka_frame(3, 1, &[count(1), vec![0, 2, 0xc0, 0x80]].concat()),
        ),
        ends("a compact array of 4 Gi", kafka_frame(3, 9, &compact(b"\xff\xff\xff\xff\x0f"))),
        ends("a varint without an end", kafka_frame(3, 9, &compact(&[0xff; 64]))),
        ends("tags without an end", kafka_frame(3, 9, b"\xff\xff\xff\xff\x0f")),
        ends("an API that does not exist", kafka_frame(999, 0, b"")),
        ends("a negative API", kafka_frame(-1, -1, b"")),
        ends("a frame of nothing", count(0)),
        ends("many empty names", kafka_frame(3, 1, &[count(4_000_000), vec![0; 8_000_000]].concat())),
        strange("a frame of which little comes", [&(20_i32 << 20).to_be_bytes()[..], &[0, 0, 0, 9]].concat()),
        ends(
            "a large request of garbage",
            [&(7_i32 << 20).to_be_bytes()[..], &[0, 3], &vec![0xff; 7 << 20]].concat(),
        ),
        ends(
            "a large produce of garbage",
            [&(23_i32 << 20).to_be_bytes()[..], &[0, 0], &vec![0xff; 23 << 20]].concat(),
        ),
        ends("a produce of 90 MiB", [&(90_i32 << 20).to_be_bytes()[..], &[0, 0]].concat()),
    ];
    // Nested arrays with the largest counts, in every API and version.
    for key in 0..76 {
        for version in [0, 1, 3, 4, 7, 9, 12] {
            all.push(strange("counts of 2 GiB everywhere", kafka_frame(key, version, &[0x7f; 512])));
            all.push(strange("counts of -1 everywhere", kafka_frame(key, version, &[0xff; 512])));
        }
    }
    all
}

fn mqtt() -> Vec<Crafted> {
    let connect = |body: &[u8]| mqtt_packet(0x10, body);
    vec![
        ends("a packet of 256 MiB", b"\x30\xff\xff\xff\x7f\0\x01a".to_vec()),
        ends("a length of five bytes", b"\x30\xff\xff\xff\xff\x01".to_vec()),
        ends("a packet of type 0", b"\0\0".to_vec()),
        ends("PUBLISH with QoS 3", b"\x36\x07\0\x01a\0\x01xx".to_vec()),
        ends("a topic longer than its packet", mqtt_packet(0x30, b"\xff\xffa")),
        ends("a topic that is no UTF-8", mqtt_packet(0x30, b"\0\x02\xc0\x80")),
        ends("a topic with a null", mqtt_packet(0x30, b"\0\x02a\0")),
        ends("a topic with a wildcard", mqtt_packet(0x30, b"\0\x03a/#")),
        ends("packet id 0", mqtt_packet(0x32, b"\0\x01a\0\0")),
        ends("SUBSCRIBE to nothing", mqtt_packet(0x82, b"\0\x01")),
        ends("SUBSCRIBE with the wrong flags", mqtt_packet(0x80, b"\0\x01\0\x01a\0")),
        ends("a protocol that is none", connect(b"\0\x04HTTP\x04\x02\0\0\0\0")),
        ends("a client id that is no UTF-8", connect(b"\0\x04MQTT\x04\x02\0\0\0\x02\xff\xff")),
        ends("properties longer than the packet", connect(b"\0\x04MQTT\x05\x02\0\0\xff\xff\xff\x7f\0\0")),
        ends("properties without an end", connect(b"\0\x04MQTT\x05\x02\0\0\xff\xff\xff\xff\xff\0\0")),
        ends("a reserved flag", connect(b"\0\x04MQTT\x04\x03\0\0\0\0")),
        later(ends("CONNECT twice", connect(b"\0\x04MQTT\x04\x02\0\0\0\0"))),
        later(strange(
            "a topic of many levels",
            mqtt_packet(0x30, &[b"\xff\x00".to_vec(), vec![b'/'; 0xff00]].concat()),
        )),
        later(strange(
            "many filters",
            mqtt_packet(0x82, &[b"\0\x01".to_vec(), b"\0\x03a/#\0".repeat(100_000)].concat()),
        )),
        later(strange(
            "a filter of many levels",
            mqtt_packet(0x82, &[b"\0\x01\xff\x00".to_vec(), b"+/".repeat(0x7f80), vec![0]].concat()),
        )),
        later(strange(
            "answers to nothing",
            b"\x40\x02\0\x01\x50\x02\0\x01\x62\x02\0\x01\x70\x02\0\x01".repeat(10_000),
        )),
    ]
}

fn websocket() -> Vec<Crafted> {
    let after = |bytes: &[u8]| later(ends("", bytes.to_vec()));
    let frame = |name, bytes: &[u8]| Crafted { name, ..after(bytes) };
    vec![
        ends("no request", b"\x82\x85\0\0\0\0hello".to_vec()),
        ends("a request for something else", "POST /mqtt HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ends(
            "a page of another site",
            UPGRADE.replace("\r\n\r\n", "\r\nOrigin: https://evil.example\r\n\r\n"),
        ),
        ends("another host", UPGRADE.replace("localhost", "rebound.example")),
        ends("a header without an end", format!("GET /mqtt HTTP/1.1\r\nA: {}", "a".repeat(4 << 20))),
        ends("headers without an end", format!("GET /mqtt HTTP/1.1\r\n{}", "A: b\r\n".repeat(500_000))),
        frame("a frame of 8 EiB", b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"),
        frame("a frame of a negative length", b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"),
        frame("a frame without a mask", b"\x82\x02\xc0\0"),
        frame("a ping of 64 KiB", &[b"\x89\xfe\xff\xff\0\0\0\0".to_vec(), vec![0; 0xffff]].concat()),
        frame("a reserved opcode", b"\x83\x80\0\0\0\0"),
        frame("a reserved bit", b"\xc2\x80\0\0\0\0"),
        frame("a text frame", b"\x81\x82\0\0\0\0\xc0\0"),
        frame("a continuation of nothing", b"\x80\x82\0\0\0\0\xc0\0"),
        frame("a packet of 256 MiB", &websocket_frame(2, b"\x30\xff\xff\xff\x7f\0\x01a")),
        later(strange("many pings", websocket_frame(9, b"hello").repeat(20_000))),
        later(strange("many empty frames", websocket_frame(0, b"").repeat(50_000))),
    ]
}

fn http() -> Vec<Crafted> {
    let request = |rest: &str| format!("GET /varz HTTP/1.1\r\nHost: localhost\r\n{rest}");
    vec![
        ends("no HTTP", b"\x16\x03\x01\x02\0\x01\0".repeat(100)),
        ends("a line without an end", vec![b'A'; 4 << 20]),
        ends("a header without an end", request(&format!("A: {}", "a".repeat(4 << 20)))),
        ends("headers without an end", request(&"A: b\r\n".repeat(500_000))),
        ends("a length that is none", request("Content-Length: -1\r\n\r\n")),
        ends("a length of many digits", request(&format!("Content-Length: {}\r\n\r\n", "9".repeat(40)))),
        ends("another host", "GET /varz HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n"),
        strange("a body of 8 EiB", request("Content-Length: 9223372036854775807\r\n\r\n")),
        strange("a chunk of 16 EiB", request("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")),
        strange(
            "a path of 32 KiB",
            format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(32 << 10)),
        ),
        strange("bad UTF-8", b"GET /\xff\xfe HTTP/1.1\r\nHost: \xff\r\n\r\n".to_vec()),
        strange("many requests", request("\r\n").repeat(500)),
    ]
}

/// A request with its length; the client has no name.
pub(super) fn kafka_frame(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut frame = (10 + body.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(&key.to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(b"\0\0\0\x07\xff\xff");
    frame.extend_from_slice(body);
    frame
}

/// Metadata v1 of one topic, which makes it.
pub(super) fn kafka_metadata(topic: &str) -> Vec<u8> {
    kafka_frame(3, 1, &[b"\0\0\0\x01".as_slice(), &kafka_text(topic)].concat())
}

/// Fetch v4 of one partition that waits for a minute.
fn kafka_fetch(topic: &str) -> Vec<u8> {
    let mut body = b"\xff\xff\xff\xff\0\0\xea\x60\0\0\0\x01\x00\x10\0\0\0\0\0\0\x01".to_vec();
    body.extend_from_slice(&kafka_text(topic));
    body.extend_from_slice(b"\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0");
    kafka_frame(1, 4, &body)
}

fn kafka_text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}

/// A packet with its length.
pub(super) fn mqtt_packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = body.len();
    while length > 127 {
        packet.push((length % 128) as u8 | 128);
        length /= 128;
    }
    packet.push(length as u8);
    packet.extend_from_slice(body);
    packet
}

/// A masked frame; a mask of zeros leaves the payload as it is.
pub(super) fn websocket_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0xff);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

const UPGRADE: &str = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
