//! The publishing side of every wire. Each returns when its broker has what was sent.

use std::time::Duration;

use async_nats::jetstream;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rumqttc::{AsyncClient, Event, Outgoing, Packet, QoS, v5};
use v5::mqttbytes::v5::Packet as Packet5;

use super::message::Message;
use super::{STREAM, kafka, mqtt3, mqtt5, topic_of, within};
use crate::target::Target;

/// Who publishes, with the quality that MQTT has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Nats,
    JetStream,
    Kafka,
    Mqtt3(u8),
    Mqtt5(u8),
}

/// The timestamp of the first record that [`Sender::Kafka`] produces; each has one more.
pub(super) const TIMESTAMP_MS: i64 = 1_700_000_000_000;

impl Sender {
    pub(super) async fn send(self, target: &Target, messages: &[Message]) {
        let what = format!("{self:?} publishes");
        match self {
            Self::Nats => within(&what, nats(target, messages)).await,
            Self::JetStream => within(&what, publish_acknowledged(target, messages)).await,
            Self::Kafka => within(&what, produce(target, messages)).await,
            Self::Mqtt3(qos) => within(&what, publish3(target, qos, messages)).await,
            Self::Mqtt5(qos) => within(&what, publish5(target, qos, messages)).await,
        }
    }

    /// A word for subjects and client ids.
    pub(super) fn name(self) -> String {
        match self {
            Self::Mqtt3(qos) => format!("mqtt3-qos{qos}"),
            Self::Mqtt5(qos) => format!("mqtt5-qos{qos}"),
            other => format!("{other:?}").to_lowercase(),
        }
    }
}

async fn nats(target: &Target, messages: &[Message]) {
    let client = async_nats::connect(target.nats()).await.unwrap();
    for message in messages {
        let payload = message.payload.clone().into();
        client.publish_with_headers(message.subject.clone(), message.nats_headers(), payload).await.unwrap();
    }
    // A request that nobody answers goes behind what was published, there and back.
    client.request("nobody.listens.here", "".into()).await.unwrap_err();
}

async fn publish_acknowledged(target: &Target, messages: &[Message]) {
    let jetstream = jetstream::new(async_nats::connect(target.nats()).await.unwrap());
    for message in messages {
        let payload = message.payload.clone().into();
        let published =
            jetstream.publish_with_headers(message.subject.clone(), message.nats_headers(), payload);
        let ack = published.await.unwrap().await.unwrap();
        assert_eq!(ack.stream, STREAM);
    }
}

async fn produce(target: &Target, messages: &[Message]) {
    let producer: FutureProducer = kafka(target).create().unwrap();
    for (message, timestamp) in messages.iter().zip(TIMESTAMP_MS..) {
        let record = FutureRecord::to(STREAM)
            .key(&message.subject)
            .payload(&message.payload)
            .headers(message.kafka_headers())
            .timestamp(timestamp);
        producer.send(record, Duration::from_secs(30)).await.map_err(|(error, _)| error).unwrap();
    }
}

async fn publish3(target: &Target, qos: u8, messages: &[Message]) {
    let options = mqtt3(target, &Sender::Mqtt3(qos).name());
    let (client, mut eventloop) = AsyncClient::new(options, messages.len() + 1);
    let qos = rumqttc::qos(qos).unwrap();
    for message in messages {
        client.publish(topic_of(&message.subject), qos, false, message.payload.clone()).await.unwrap();
    }
    let mut missing = messages.len();
    while missing > 0 {
        missing -= match (qos, eventloop.poll().await.unwrap()) {
            (QoS::AtMostOnce, Event::Outgoing(Outgoing::Publish(_)))
            | (QoS::AtLeastOnce, Event::Incoming(Packet::PubAck(_)))
            | (QoS::ExactlyOnce, Event::Incoming(Packet::PubComp(_))) => 1,
            _ => 0,
        };
    }
    client.disconnect().await.unwrap();
    // The broker closes behind the DISCONNECT, having read everything before it.
    while eventloop.poll().await.is_ok() {}
}

async fn publish5(target: &Target, qos: u8, messages: &[Message]) {
    use v5::mqttbytes::QoS;
    let options = mqtt5(target, &Sender::Mqtt5(qos).name());
    let (client, mut eventloop) = v5::AsyncClient::new(options, messages.len() + 1);
    let qos = v5::mqttbytes::qos(qos).unwrap();
    for message in messages {
        let (topic, properties) = (topic_of(&message.subject), message.mqtt5_properties());
        let payload = message.payload.clone();
        client.publish_with_properties(topic, qos, false, payload, properties).await.unwrap();
    }
    let mut missing = messages.len();
    while missing > 0 {
        missing -= match (qos, eventloop.poll().await.unwrap()) {
            (QoS::AtMostOnce, v5::Event::Outgoing(Outgoing::Publish(_)))
            | (QoS::AtLeastOnce, v5::Event::Incoming(Packet5::PubAck(_)))
            | (QoS::ExactlyOnce, v5::Event::Incoming(Packet5::PubComp(_))) => 1,
            _ => 0,
        };
    }
    client.disconnect().await.unwrap();
    while eventloop.poll().await.is_ok() {}
}
