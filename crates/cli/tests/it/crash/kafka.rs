//! Kafka under load: one idempotent producer that lives through all kills. Exactly once, in order, per partition.

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TOPIC: &str = "crash-kafka";
const PATIENCE: Duration = Duration::from_secs(60);
const IN_FLIGHT_MAX: u64 = 500;

pub(super) struct Load {
    address: SocketAddr,
    producer: ThreadedProducer<Deliveries>,
    deliveries: Deliveries,
    sent: u64,
    /// The next offset to check, by partition.
    checked: BTreeMap<i32, i64>,
}

/// Where each message went, by its number.
#[derive(Clone, Default)]
struct Deliveries(Arc<Mutex<Delivered>>);

#[derive(Default)]
struct Delivered {
    places: BTreeMap<u64, (i32, i64)>,
    failures: Vec<String>,
}

impl ClientContext for Deliveries {
    // Lost connections are the point of the test.
    fn log(&self, _level: rdkafka::config::RDKafkaLogLevel, _facility: &str, _message: &str) {}
    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<u64>) {
        let mut delivered = self.0.lock().expect("no panic holds the lock");
        match result {
            Ok(message) => {
                delivered.places.insert(*number, (message.partition(), message.offset()));
            }
            Err((error, _)) => delivered.failures.push(format!("{number}: {error}")),
        }
    }
}

impl Load {
    pub(super) fn new(address: SocketAddr) -> Self {
        let deliveries = Deliveries::default();
        let producer = settings(address)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "1")
            .set("batch.num.messages", "20")
            .create_with_context(deliveries.clone())
            .expect("a producer");
        Self { address, producer, deliveries, sent: 0, checked: BTreeMap::new() }
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.deliveries.0.lock().expect("no panic holds the lock").places.len()
    }

    /// Produces until told to stop; what is in flight then is tried again when the broker is back.
    pub(super) fn run(&mut self, round: u64, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            if self.sent - self.acknowledged() as u64 >= IN_FLIGHT_MAX {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            let (key, payload) = content(self.sent);
            let header = format!("{round}");
            let headers = OwnedHeaders::new().insert(Header { key: "round", value: Some(&header) });
            let record = BaseRecord::with_opaque_to(TOPIC, Box::new(self.sent))
                .key(&key)
                .payload(&payload)
                .headers(headers);
            self.producer.send(record).map_err(|(error, _)| error).expect("the queue has room");
            self.sent += 1;
        }
    }

    /// Waits until everything is acknowledged.
    pub(super) fn finish(&self) {
        self.producer.flush(PATIENCE).expect("everything is delivered");
        let delivered = self.deliveries.0.lock().expect("no panic holds the lock");
        assert_eq!(delivered.failures, [""; 0]);
        assert_eq!(delivered.places.len() as u64, self.sent);
    }

    /// Reads what was acknowledged, from the start or from where the last check ended. With `all`, nothing else may be
    /// there: each message exactly once, and in its order.
    pub(super) fn verify(&mut self, all: bool) {
        let mut expected: BTreeMap<i32, BTreeMap<i64, u64>> = BTreeMap::new();
        for (number, (partition, offset)) in
            &self.deliveries.0.lock().expect("no panic holds the lock").places
        {
            // librdkafka is not told the offset of a batch that it sent twice.
            if *offset >= 0 {
                let before = expected.entry(*partition).or_default().insert(*offset, *number);
                assert_eq!(before, None, "offset {offset} of partition {partition} was given twice");
            }
        }
        let consumer: BaseConsumer = settings(self.address)
            .set("group.id", "crash")
            .set("enable.auto.commit", "false")
            .create()
            .expect("a consumer");
        for (partition, places) in expected {
            let first = if all { 0 } else { self.checked.get(&partition).copied().unwrap_or(0) };
            let Some((last, _)) = places.last_key_value() else { continue };
            let found = read(&consumer, partition, first, *last);
            for (offset, number) in places.range(first..) {
                assert_eq!(found.get(offset), Some(number), "partition {partition} offset {offset}");
            }
            self.checked.insert(partition, last + 1);
            if all {
                let numbers: Vec<u64> = found.values().copied().collect();
                assert!(numbers.is_sorted_by(|left, right| left < right), "once and in order: {partition}");
            }
        }
    }
}

/// Key and payload of a message.
fn content(number: u64) -> (String, String) {
    (format!("key-{}", number % 11), format!("message {number}"))
}

/// The numbers by offset, from `first` to `last`.
fn read(consumer: &BaseConsumer, partition: i32, first: i64, last: i64) -> BTreeMap<i64, u64> {
    let mut found = BTreeMap::new();
    if first > last {
        return found;
    }
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(TOPIC, partition, Offset::Offset(first)).expect("an offset");
    consumer.assign(&assignment).expect("an assignment");
    let began = Instant::now();
    while found.last_key_value().is_none_or(|(offset, _)| *offset < last) {
        assert!(began.elapsed() < PATIENCE, "partition {partition}: {:?} of {last}", found.last_key_value());
        // Errors are lost connections of the last round.
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let text = std::str::from_utf8(message.payload().expect("a payload")).expect("text");
        let number: u64 = text.strip_prefix("message ").expect("our text").parse().expect("our number");
        assert_eq!(message.key(), Some(content(number).0.as_bytes()));
        let header = message.headers().expect("headers").get(0);
        assert_eq!(header.key, "round");
        assert_eq!(found.insert(message.offset(), number), None, "an offset came twice");
    }
    found
}

fn settings(address: SocketAddr) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", address.to_string())
        .set("reconnect.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "200")
        .set("retry.backoff.ms", "20")
        .set("log_level", "0");
    settings
}
