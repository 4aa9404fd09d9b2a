//! One round trip on each wire, by clients that are only as large as that.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use stele_broker::Broker;
use stele_kafka::codec::messages::*;
use stele_kafka::codec::{ErrorCode, RecordBytes, RequestBody, decode_response, encode_request};
use stele_model::batch::{BatchBuilder, Batches};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const TOPIC: &str = "round-trip";

pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("it accepts")
}

/// What is published on a wire comes back on it; for Kafka through the log.
pub(crate) async fn round_trips(broker: &Broker) {
    let all = async {
        nats(broker.addresses().nats.expect("NATS is on")).await;
        mqtt(broker.mqtt_address()).await;
        assert_eq!(append_to_log(broker).await, 0);
    };
    timeout(Duration::from_secs(60), all).await.expect("answers come");
}

async fn nats(address: SocketAddr) {
    let mut socket = connect(address).await;
    let said = b"CONNECT {\"verbose\":false}\r\nSUB round.* 1\r\nPUB round.trip 2\r\nhi\r\n";
    socket.write_all(said).await.expect("it reads");
    until(&mut socket, b"MSG round.trip 1 2\r\nhi\r\n").await;
}

/// MQTT 3.1.1: CONNECT, SUBSCRIBE at QoS 1, PUBLISH at QoS 1; the acknowledgement and the message come back.
async fn mqtt(address: SocketAddr) {
    let mut socket = connect(address).await;
    socket.write_all(b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c").await.expect("it reads");
    until(&mut socket, b"\x20\x02\0\0").await;
    socket.write_all(b"\x82\x08\0\x01\0\x03r/t\x01").await.expect("it reads");
    until(&mut socket, b"\x90\x03\0\x01\x01").await;
    socket.write_all(b"\x32\x09\0\x03r/t\0\x07hi").await.expect("it reads");
    let heard = until(&mut socket, b"hi").await;
    if !holds(&heard, b"\x40\x02\0\x07") {
        until(&mut socket, b"\x40\x02\0\x07").await;
    }
}

pub(crate) async fn until(socket: &mut TcpStream, expected: &[u8]) -> Vec<u8> {
    let mut heard = Vec::new();
    while !holds(&heard, expected) {
        assert!(socket.read_buf(&mut heard).await.expect("it answers") > 0, "{heard:?}");
    }
    heard
}

fn holds(heard: &[u8], expected: &[u8]) -> bool {
    heard.windows(expected.len()).any(|window| window == expected)
}

/// Appends a record to a topic with acks=all, and reads back from the topic's start; returns the record's offset.
pub(crate) async fn append_to_log(broker: &Broker) -> i64 {
    let mut socket = connect(broker.addresses().kafka.expect("Kafka is on")).await;
    make_topic(&mut socket).await;
    let mut records = Vec::new();
    let mut batch = BatchBuilder::new(&mut records, 0);
    // A record of long ago would be beyond the topic's retention.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    batch.push(now.as_millis() as i64, Some(b"key"), Some(b"value"), []).expect("it fits");
    batch.finish().expect("it has a record");
    let partition = PartitionProduceData { index: 0, records: Some(&records) };
    let topic = TopicProduceData { name: TOPIC, partition_data: vec![partition], ..Default::default() };
    let produce =
        ProduceRequest { acks: -1, timeout_ms: 10_000, topic_data: vec![topic], ..Default::default() };
    let frame = ask(&mut socket, 9, &produce).await;
    let (_, answer) = decode_response::<ProduceRequest<'_>>(9, &frame).expect("it decodes");
    let answer = &answer.responses[0].partition_responses[0];
    assert_eq!(answer.error_code, ErrorCode::None);
    assert_eq!(read_log(&mut socket).await, answer.base_offset + 1, "one record for each append");
    answer.base_offset
}

/// By asking for it until it is there.
async fn make_topic(socket: &mut TcpStream) {
    loop {
        let topic = MetadataRequestTopic { name: Some(TOPIC), ..Default::default() };
        let metadata = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
        let frame = ask(socket, 9, &metadata).await;
        let (_, answer) = decode_response::<MetadataRequest<'_>>(9, &frame).expect("it decodes");
        if answer.topics[0].error_code == ErrorCode::None {
            return;
        }
    }
}

/// The number of records from the start.
async fn read_log(socket: &mut TcpStream) -> i64 {
    let partition = FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: TOPIC, partitions: vec![partition], ..Default::default() };
    let fetch = FetchRequest { max_wait_ms: 10_000, min_bytes: 1, topics: vec![topic], ..Default::default() };
    let frame = ask(socket, 11, &fetch).await;
    let (_, answer) = decode_response::<FetchRequest<'_>>(11, &frame).expect("it decodes");
    assert_eq!(answer.responses[0].partitions[0].error_code, ErrorCode::None);
    let RecordBytes::Slice(bytes) = answer.responses[0].partitions[0].records else {
        panic!("what is decoded is borrowed");
    };
    Batches::new(bytes).map(|batch| i64::from(batch.expect("a batch").header().record_count)).sum()
}

/// Sends one request; the answer's frame.
async fn ask<'a, B: RequestBody<'a>>(socket: &mut TcpStream, version: i16, request: &B) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_request(version, 7, Some("round-trip"), request, &mut bytes);
    socket.write_all(&bytes).await.expect("it reads");
    let length = socket.read_u32().await.expect("it answers");
    let mut frame = vec![0; length as usize];
    socket.read_exact(&mut frame).await.expect("it answers in whole");
    frame
}
