//! MQTT: connections as clients speak, packets of both sides.

use super::Seeds;
use crate::whole::MARK;
use stele_mqtt::codec::*;
use stele_mqtt::topic::TopicName;
use stele_mqtt::{Qos, Version};

pub(super) fn add(seeds: &mut Seeds) {
    for (version, name) in [(Version::V31, "v31"), (Version::V311, "v311"), (Version::V5, "v5")] {
        seeds.add("mqtt_server", name, session(version));
        let choice = Version::ALL.iter().position(|known| *known == version).unwrap_or(0) as u8;
        seeds.add("mqtt_client", name, [vec![choice], answers(version)].concat());
        seeds.add("whole_mqtt", name, [vec![64], session(version)].concat());
        seeds.add("whole_mqtt", &format!("{name}-resumed"), resumed(version));
    }
    for (name, text) in
        [("plain", "home/kitchen"), ("wild", "a/+/#"), ("share", "$share/g/a/#"), ("odd", "/a//b. c/*/>")]
    {
        seeds.add("mqtt_names", name, text);
    }
    seeds.add("mqtt_headers", "all", properties().as_properties().as_bytes());
}

fn properties() -> PropertyBuffer {
    let mut buffer = PropertyBuffer::new();
    for property in [
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(60),
        Property::ContentType("text/plain"),
        Property::ResponseTopic("answers/here"),
        Property::CorrelationData(b"\x01\x02"),
        Property::UserProperty("k", "v"),
        Property::UserProperty("k", "w"),
    ] {
        buffer.push(property).expect("a good property");
    }
    buffer
}

fn id(number: u16) -> PacketId {
    PacketId::new(number).expect("not zero")
}

fn connect(version: Version, clean_start: bool, out: &mut Vec<u8>) {
    let topic = TopicName::parse("will/of/a").expect("a topic");
    let will =
        Will { topic, payload: b"gone", qos: Qos::AtLeastOnce, retain: true, properties: Properties::EMPTY };
    let mut properties = PropertyBuffer::new();
    if version == Version::V5 {
        properties.push(Property::SessionExpiryInterval(100)).expect("a good property");
        properties.push(Property::ReceiveMaximum(3)).expect("a good property");
    }
    let packet = Connect {
        version,
        clean_start,
        keep_alive_seconds: 30,
        client_id: "a",
        will: Some(will),
        user_name: None,
        password: None,
        properties: properties.as_properties(),
    };
    packet.encode(out).expect("it fits");
}

fn publish(version: Version, qos: Qos, number: u16, retain: bool, out: &mut Vec<u8>) {
    let properties = properties();
    let packet = Publish {
        duplicate: false,
        qos,
        retain,
        topic: Some(TopicName::parse("home/kitchen").expect("a topic")),
        packet_id: (qos != Qos::AtMostOnce).then(|| id(number)),
        properties: if version == Version::V5 { properties.as_properties() } else { Properties::EMPTY },
        payload: b"21.5",
    };
    packet.encode(version, out).expect("it fits");
}

fn subscribe(version: Version, out: &mut Vec<u8>) {
    let options = SubscriptionOptions { qos: Qos::ExactlyOnce, ..SubscriptionOptions::default() };
    let topics = ["home/#", "+/kitchen", "$share/g/home/kitchen", "will/#"];
    let lines = topics.map(|topic| Subscription { topic, options });
    encode_subscribe(version, id(1), Properties::EMPTY, lines, out).expect("it fits");
}

fn say(version: Version, packet: Packet<'_>, out: &mut Vec<u8>) {
    packet.encode(version, out).expect("it fits");
}

/// What a client says in one life.
fn session(version: Version) -> Vec<u8> {
    let mut said = Vec::new();
    connect(version, false, &mut said);
    subscribe(version, &mut said);
    publish(version, Qos::AtMostOnce, 0, false, &mut said);
    publish(version, Qos::AtLeastOnce, 2, true, &mut said);
    publish(version, Qos::ExactlyOnce, 3, false, &mut said);
    say(version, Packet::PubRel(Ack::success(id(3))), &mut said);
    say(version, Packet::PubAck(Ack::success(id(1))), &mut said);
    say(version, Packet::PubRec(Ack::success(id(2))), &mut said);
    say(version, Packet::PubComp(Ack::success(id(2))), &mut said);
    let topics = ["home/#"];
    encode_unsubscribe(version, id(4), Properties::EMPTY, topics, &mut said).expect("it fits");
    say(version, Packet::PingReq, &mut said);
    publish(version, Qos::AtLeastOnce, 5, false, &mut said);
    said
}

/// What a broker says.
fn answers(version: Version) -> Vec<u8> {
    let mut said = Vec::new();
    publish(version, Qos::ExactlyOnce, 3, true, &mut said);
    for packet in [Packet::PubRel(Ack::success(id(3))), Packet::PubAck(Ack::success(id(1))), Packet::PingResp]
    {
        say(version, packet, &mut said);
    }
    said
}

/// Lost in the middle, one second later another publishes, the process starts again, and the client is back.
fn resumed(version: Version) -> Vec<u8> {
    let mut said = vec![64];
    connect(version, false, &mut said);
    subscribe(version, &mut said);
    publish(version, Qos::ExactlyOnce, 3, false, &mut said);
    said.extend_from_slice(&[MARK[0], MARK[1], 1, 0, MARK[0], MARK[1], 2, 1, MARK[0], MARK[1], 0, 1]);
    let other = Connect {
        version,
        clean_start: true,
        keep_alive_seconds: 0,
        client_id: "b",
        will: None,
        user_name: None,
        password: None,
        properties: Properties::EMPTY,
    };
    other.encode(&mut said).expect("it fits");
    publish(version, Qos::AtLeastOnce, 2, true, &mut said);
    said.extend_from_slice(&[MARK[0], MARK[1], 3, 0, MARK[0], MARK[1], 0, 0]);
    connect(version, false, &mut said);
    say(version, Packet::PubRel(Ack::success(id(3))), &mut said);
    said
}
