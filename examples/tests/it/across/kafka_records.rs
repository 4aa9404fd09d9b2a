//! What a Kafka record has and the other wires lack, partitions, and sessions that outlive their connections.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rumqttc::{AsyncClient, Event, Packet, QoS, v5};
use v5::mqttbytes::v5::Packet as Packet5;

use super::message::Message;
use super::receivers::{Receiver, Wire};
use super::{kafka, mqtt3, mqtt5, within};
use crate::target::Target;

#[tokio::test]
async fn a_record_shows_what_other_wires_lack_in_reserved_headers() {
    let Some(target) = Target::across() else { return };
    create_topic(&target, "meters.all", 1, "meters.>").await;
    let mut receivers = Vec::new();
    for wire in [Wire::Nats, Wire::Mqtt5, Wire::Mqtt3] {
        receivers.push(Receiver::open(&target, wire, "meters.>").await);
    }
    let producer: FutureProducer = kafka(&target).create().unwrap();
    let headers = OwnedHeaders::new()
        .insert(Header { key: "none", value: None::<&str> })
        .insert(Header { key: "bytes", value: Some(&[0xff_u8, 0][..]) });
    let records: [FutureRecord<'_, str, str>; 4] = [
        FutureRecord::to("meters.all").key("meters.null").headers(headers),
        FutureRecord::to("meters.all").key("not a subject").payload("v"),
        FutureRecord::to("meters.all").key("elsewhere.x").payload("v"),
        FutureRecord::to("meters.all").payload(""),
    ];
    for record in records {
        producer
            .send(record.timestamp(5), Duration::from_secs(30))
            .await
            .map_err(|(error, _)| error)
            .unwrap();
    }
    // base64 without padding: "none" is bm9uZQ, "bytes" Ynl0ZXM, FF 00 _wA.
    let null = [
        ("Stele-Raw", "bm9uZQ.!"),
        ("Stele-Raw", "Ynl0ZXM._wA"),
        ("Stele-Timestamp", "5"),
        ("Stele-Null", "1"),
    ];
    let expected = [
        ("meters.null", "", &null[..]),
        ("meters.all", "v", &[("Stele-Key", "not a subject"), ("Stele-Timestamp", "5")]),
        ("meters.all", "v", &[("Stele-Key", "elsewhere.x"), ("Stele-Timestamp", "5")]),
        ("meters.all", "", &[("Stele-Timestamp", "5")]),
    ];
    for receiver in &mut receivers {
        let heard = receiver.take(expected.len()).await;
        let shown =
            expected.map(|(subject, payload, headers)| message(subject, payload, receiver.wire, headers));
        assert_eq!(heard, shown, "{:?}", receiver.wire);
    }
}

#[tokio::test]
async fn each_partition_keeps_its_order() {
    const PARTITIONS: i32 = 3;
    const RECORDS: i32 = 300;
    let Some(target) = Target::across() else { return };
    create_topic(&target, "parts", PARTITIONS, "").await;
    let mut receivers = Vec::new();
    for wire in [Wire::Nats, Wire::Mqtt3, Wire::Mqtt5] {
        receivers.push(Receiver::open(&target, wire, "parts").await);
    }
    let producer: FutureProducer = kafka(&target).set("linger.ms", "5").create().unwrap();
    let mut sent = Vec::new();
    for number in 0..RECORDS {
        let payload = format!("{} {number}", number % PARTITIONS);
        let record: FutureRecord<'_, str, str> =
            FutureRecord::to("parts").partition(number % PARTITIONS).payload(&payload);
        sent.push(producer.send_result(record).map_err(|(error, _)| error).unwrap());
    }
    for delivery in sent {
        within("a delivery", delivery).await.unwrap().map_err(|(error, _)| error).unwrap();
    }
    for receiver in &mut receivers {
        let mut numbers = BTreeMap::<i32, Vec<i32>>::new();
        for message in receiver.take(RECORDS as usize).await {
            let text = String::from_utf8(message.payload).unwrap();
            let (partition, number) = text.split_once(' ').unwrap();
            numbers.entry(partition.parse().unwrap()).or_default().push(number.parse().unwrap());
        }
        let expected = (0..PARTITIONS)
            .map(|partition| (partition, (partition..RECORDS).step_by(PARTITIONS as usize).collect()));
        assert_eq!(numbers, expected.collect(), "{:?}", receiver.wire);
    }
}

#[tokio::test]
async fn a_kept_session_gets_each_record_once_over_a_kill() {
    let Some(mut target) = Target::across() else { return };
    create_topic(&target, "meters", 1, "meters.>").await;
    let topic = "meters/#";
    connect3(&target, Some(topic), 0).await;
    connect5(&target, Some(topic), 0).await;
    produce(&target, 0..10).await;
    target.kill();
    target.run();
    produce(&target, 10..20).await;
    let expected: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(connect3(&target, None, 20).await, expected);
    assert_eq!(connect5(&target, None, 20).await, expected);
    // Nothing of it comes again.
    produce(&target, 20..21).await;
    assert_eq!(connect3(&target, None, 1).await, ["20"]);
    assert_eq!(connect5(&target, None, 1).await, ["20"]);
}

/// Reads so many messages as the kept session `keeper3`, acknowledges them, and leaves.
async fn connect3(target: &Target, subscribe: Option<&str>, count: usize) -> Vec<String> {
    let mut options = mqtt3(target, "keeper3");
    options.set_clean_session(false);
    let (client, mut eventloop) = AsyncClient::new(options, 10);
    if let Some(topic) = subscribe {
        client.subscribe(topic, QoS::AtLeastOnce).await.unwrap();
    }
    let mut heard = Vec::new();
    let mut acknowledged = subscribe.is_none();
    let mut acks = 0;
    let all = async {
        while acks < count || !acknowledged {
            match eventloop.poll().await.unwrap() {
                Event::Incoming(Packet::SubAck(_)) => acknowledged = true,
                Event::Incoming(Packet::Publish(publish)) => {
                    assert_eq!(publish.qos, QoS::AtLeastOnce);
                    heard.push(String::from_utf8(publish.payload.to_vec()).unwrap());
                }
                Event::Outgoing(rumqttc::Outgoing::PubAck(_)) => acks += 1,
                _ => {}
            }
        }
        client.disconnect().await.unwrap();
        while eventloop.poll().await.is_ok() {}
    };
    let over = tokio::time::timeout(super::LIMIT, all).await.is_err();
    assert!(!over, "the kept session of MQTT 3.1.1 heard {heard:?}, with {acks} acknowledgements");
    heard
}

/// As [`connect3`], as `keeper5` of MQTT 5.
async fn connect5(target: &Target, subscribe: Option<&str>, count: usize) -> Vec<String> {
    let mut options = mqtt5(target, "keeper5");
    options.set_clean_start(false).set_session_expiry_interval(Some(3600));
    let (client, mut eventloop) = v5::AsyncClient::new(options, 10);
    if let Some(topic) = subscribe {
        client.subscribe(topic, v5::mqttbytes::QoS::AtLeastOnce).await.unwrap();
    }
    let mut heard = Vec::new();
    let mut acknowledged = subscribe.is_none();
    let mut acks = 0;
    let all = async {
        while acks < count || !acknowledged {
            match eventloop.poll().await.unwrap() {
                v5::Event::Incoming(Packet5::SubAck(_)) => acknowledged = true,
                v5::Event::Incoming(Packet5::Publish(publish)) => {
                    let timestamp = &Message::of_mqtt5(&publish).headers["Stele-Timestamp"];
                    assert_eq!(timestamp, &["7"]);
                    heard.push(String::from_utf8(publish.payload.to_vec()).unwrap());
                }
                v5::Event::Outgoing(rumqttc::Outgoing::PubAck(_)) => acks += 1,
                _ => {}
            }
        }
        client.disconnect().await.unwrap();
        while eventloop.poll().await.is_ok() {}
    };
    let over = tokio::time::timeout(super::LIMIT, all).await.is_err();
    assert!(!over, "the kept session of MQTT 5 heard {heard:?}, with {acks} acknowledgements");
    heard
}

async fn produce(target: &Target, numbers: std::ops::Range<u32>) {
    let producer: FutureProducer = kafka(target).create().unwrap();
    for number in numbers {
        let payload = number.to_string();
        let record = FutureRecord::to("meters").key("meters.a").payload(&payload).timestamp(7);
        producer.send(record, Duration::from_secs(30)).await.map_err(|(error, _)| error).unwrap();
    }
}

fn message(subject: &str, payload: &str, wire: Wire, headers: &[(&str, &str)]) -> Message {
    let mut message =
        Message { subject: subject.to_owned(), payload: payload.into(), headers: BTreeMap::new() };
    for (name, value) in headers.iter().filter(|_| wire != Wire::Mqtt3) {
        message.headers.entry((*name).to_owned()).or_default().push((*value).to_owned());
    }
    message
}

async fn create_topic(target: &Target, name: &str, partitions: i32, subjects: &str) {
    let admin: AdminClient<DefaultClientContext> = kafka(target).create().unwrap();
    // The tests' timestamps are old: nothing may go by age.
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1)).set("retention.ms", "-1");
    if !subjects.is_empty() {
        topic = topic.set("stele.subjects", subjects);
    }
    let results = admin.create_topics([&topic], &AdminOptions::new()).await.unwrap();
    assert_eq!(results, [Ok(name.to_owned())]);
}
