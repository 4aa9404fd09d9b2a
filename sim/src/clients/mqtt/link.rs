//! A client's side of MQTT 3.1.1: packets out, packets in.

use stele_mqtt::codec::{
    Ack, Connect, Decoder, Packet, PacketId, Properties, Publish, Step, Subscription, SubscriptionOptions,
    encode_subscribe,
};
use stele_mqtt::topic::TopicName;
use stele_mqtt::{Qos, Version};

const VERSION: Version = Version::V311;

/// What a packet says to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The broker took the connection, and knows the session or not.
    Connected {
        present: bool,
    },
    /// The broker did not.
    Refused,
    Publish {
        topic: String,
        qos: Qos,
        retain: bool,
        packet_id: u16,
        payload: Vec<u8>,
    },
    PubAck(u16),
    PubRec(u16),
    PubRel(u16),
    PubComp(u16),
    Subscribed,
}

/// One connection.
pub(super) struct Link {
    decoder: Decoder,
    buffer: Vec<u8>,
}

impl Link {
    pub(super) fn new() -> Self {
        Self { decoder: Decoder::for_client(VERSION, 1 << 20), buffer: Vec::new() }
    }

    /// A new connection: says hello.
    pub(super) fn connect(&mut self, client_id: &str, clean: bool, out: &mut Vec<u8>) {
        *self = Self::new();
        let connect = Connect {
            version: VERSION,
            clean_start: clean,
            keep_alive_seconds: 0,
            client_id,
            will: None,
            user_name: None,
            password: None,
            properties: Properties::EMPTY,
        };
        connect.encode(out).expect("a short client id fits");
    }

    /// The packets that are whole now. An error is the broker's.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<Vec<Event>, String> {
        self.buffer.extend_from_slice(bytes);
        let mut events = Vec::new();
        loop {
            let step = self.decoder.next(&self.buffer).map_err(|fault| format!("{fault:?}"))?;
            let Step::Packet { packet, consumed } = step else { return Ok(events) };
            events.extend(event(&packet));
            self.buffer.drain(..consumed);
        }
    }
}

fn event(packet: &Packet<'_>) -> Option<Event> {
    Some(match packet {
        Packet::ConnAck(connack) if connack.reason.is_error() => Event::Refused,
        Packet::ConnAck(connack) => Event::Connected { present: connack.session_present },
        Packet::Publish(publish) => Event::Publish {
            topic: publish.topic.map_or("", TopicName::as_str).to_owned(),
            qos: publish.qos,
            retain: publish.retain,
            packet_id: publish.packet_id.map_or(0, PacketId::get),
            payload: publish.payload.to_vec(),
        },
        Packet::PubAck(ack) => Event::PubAck(ack.packet_id.get()),
        Packet::PubRec(ack) => Event::PubRec(ack.packet_id.get()),
        Packet::PubRel(ack) => Event::PubRel(ack.packet_id.get()),
        Packet::PubComp(ack) => Event::PubComp(ack.packet_id.get()),
        Packet::SubAck(_) => Event::Subscribed,
        _ => return None,
    })
}

/// Appends a PUBLISH.
pub(super) fn publish(
    out: &mut Vec<u8>,
    topic: &str,
    (qos, packet_id): (Qos, u16),
    retain: bool,
    duplicate: bool,
    payload: &[u8],
) {
    let topic = TopicName::parse(topic).expect("the simulation's own topics are good");
    let packet_id = PacketId::new(packet_id);
    let packet = Publish {
        duplicate,
        qos,
        retain,
        topic: Some(topic),
        packet_id,
        properties: Properties::EMPTY,
        payload,
    };
    packet.encode(VERSION, out).expect("a few kilobytes fit");
}

/// Appends an acknowledgement.
pub(super) fn acknowledge(out: &mut Vec<u8>, packet_id: u16, packet: fn(Ack<'static>) -> Packet<'static>) {
    let packet_id = PacketId::new(packet_id).expect("no packet has the id 0");
    packet(Ack::success(packet_id)).encode(VERSION, out).expect("an acknowledgement is short");
}

/// Appends a SUBSCRIBE to one filter.
pub(super) fn subscribe(out: &mut Vec<u8>, topic: &str, qos: Qos) {
    let packet_id = PacketId::new(1).expect("1 is not 0");
    let options = SubscriptionOptions { qos, ..SubscriptionOptions::default() };
    let subscription = Subscription { topic, options };
    encode_subscribe(VERSION, packet_id, Properties::EMPTY, [subscription], out)
        .expect("a short filter fits");
}
