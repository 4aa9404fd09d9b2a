//! Random bytes, and good frames that were cut short or altered: the same seed gives the same bytes.

use super::crafted::{self, Wire, kafka_frame, mqtt_packet, websocket_frame};

/// xorshift64*.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// Something that should not come.
pub(super) fn hostile(wire: Wire, random: &mut Random) -> Vec<u8> {
    let length = 1 + random.below(4096);
    match random.below(4) {
        0 => random.bytes(length),
        1 => {
            let mut bytes = sample(wire, random);
            bytes.truncate(random.below(bytes.len()));
            bytes
        }
        2 => alter(sample(wire, random), random),
        _ => {
            // Good ones with bad ones between them.
            let mut bytes = sample(wire, random);
            bytes.extend(alter(sample(wire, random), random));
            bytes.extend(sample(wire, random));
            bytes
        }
    }
}

fn alter(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = 0xff,
            2 => bytes[at] = 0,
            3 => bytes.insert(at, random.next() as u8),
            _ => {
                // A length or count of 2 GiB, or a negative one.
                let end = bytes.len().min(at + 4);
                let large = if random.below(2) == 0 { [0x7f, 0xff, 0xff, 0xff] } else { [0xff; 4] };
                bytes[at..end].copy_from_slice(&large[..end - at]);
            }
        }
    }
    bytes
}

fn sample(wire: Wire, random: &mut Random) -> Vec<u8> {
    match wire {
        Wire::Nats => nats(random),
        Wire::Kafka => kafka(random),
        Wire::Mqtt => mqtt(random),
        Wire::MqttWs => websocket_frame(2, &mqtt(random)),
        Wire::Http => {
            let path = ["/healthz", "/varz", "/metrics", "/", "/../../etc/passwd"][random.below(5)];
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").into_bytes()
        }
    }
}

fn nats(random: &mut Random) -> Vec<u8> {
    const SAMPLES: [&str; 10] = [
        "PUB a.b reply 5\r\nhello\r\n",
        "HPUB a.b 18 23\r\nNATS/1.0\r\nA: b\r\n\r\nhello\r\n",
        "SUB a.> queue 7\r\n",
        "UNSUB 7 3\r\n",
        "PING\r\n",
        "CONNECT {\"verbose\":true,\"headers\":true,\"user\":\"a\",\"name\":\"b\"}\r\n",
        "PUB $JS.API.STREAM.CREATE.HOSTILE h.1 58\r\n{\"name\":\"HOSTILE\",\"subjects\":[\"hostile.>\"],\"max_msgs\":1000}\r\n",
        "PUB $JS.API.CONSUMER.CREATE.HOSTILE.c h.2 62\r\n{\"stream_name\":\"HOSTILE\",\"config\":{\"name\":\"c\",\"max_waiting\":2}}\r\n",
        "PUB $JS.API.CONSUMER.MSG.NEXT.HOSTILE.c h.3 29\r\n{\"batch\":1,\"expires\":1000000}\r\n",
        "PUB hostile.x h.4 2\r\n{}\r\n",
    ];
    SAMPLES[random.below(SAMPLES.len())].as_bytes().to_vec()
}

/// Every API in many versions: the requests that a client begins with, else a body of small random numbers, which reads
/// as counts and lengths.
fn kafka(random: &mut Random) -> Vec<u8> {
    if random.below(4) == 0 {
        return crafted::kafka_metadata("hostile");
    }
    let (key, version) = (random.below(76) as i16, random.below(14) as i16);
    let count = random.below(200);
    let body: Vec<u8> =
        (0..count).map(|_| if random.below(3) > 0 { 0 } else { random.below(9) as u8 }).collect();
    kafka_frame(key, version, &body)
}

fn mqtt(random: &mut Random) -> Vec<u8> {
    match random.below(9) {
        0 => crafted::handshake(Wire::Mqtt),
        1 => mqtt_packet(0x10, b"\0\x04MQTT\x05\x02\0\x3c\x05\x11\0\0\0\x0a\0\x01h"),
        2 => mqtt_packet(0x30, b"\0\x03a/bhello"),
        3 => mqtt_packet(0x32, b"\0\x03a/b\0\x07hello"),
        4 => mqtt_packet(0x34, b"\0\x03a/b\0\x08hello"),
        5 => mqtt_packet(0x62, b"\0\x08"),
        6 => mqtt_packet(0x82, b"\0\x09\0\x05a/+/#\x02"),
        7 => mqtt_packet(0xa2, b"\0\x0a\0\x05a/+/#"),
        _ => mqtt_packet(0xc0, b""),
    }
}
