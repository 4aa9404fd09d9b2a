//! Kafka: blocks 9, 16 and 22.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::Message;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use stele_examples::guide::n09_kafka_producer;
use stele_examples::guide::n16_cqrs::{build_read_model, handle_command};
use stele_examples::guide::n22_idempotent_consumer::IdempotentConsumer;

use super::within;
use crate::target::{Target, Wire};

#[tokio::test]
async fn n09_the_delivery_names_partition_and_offset() {
    let Some(target) = Target::start(&[Wire::Kafka]) else { return };
    let first = within(30, n09_kafka_producer::run(target.kafka())).await.unwrap();
    let second = within(30, n09_kafka_producer::run(target.kafka())).await.unwrap();
    assert_eq!((first, second), ((0, 0), (0, 1)));
}

#[tokio::test]
async fn n16_the_balance_follows_from_the_events() {
    let Some(target) = Target::start(&[Wire::Kafka]) else { return };
    let producer: FutureProducer = client(&target).create().unwrap();
    for command in ["credit", "credit", "debit", "credit"] {
        within(30, handle_command(&producer, command)).await.unwrap();
    }
    let balances = within(30, build_read_model(&consumer(&target, "read-model"), 4)).await.unwrap();
    assert_eq!(balances.into_iter().collect::<Vec<_>>(), [("ACC-123".to_owned(), 100.0)]);
}

#[tokio::test]
async fn n22_a_rebalance_delivers_again_and_nothing_is_handled_twice() {
    let Some(target) = Target::start(&[Wire::Kafka]) else { return };
    create_topic(&target, "rebalanced", 2).await;
    let producer: FutureProducer = client(&target).create().unwrap();
    for number in 0..20 {
        let key = format!("id-{number}");
        let record = FutureRecord::to("rebalanced").key(&key).payload("work").partition(number % 2);
        producer.send(record, Duration::from_secs(5)).await.map_err(|(error, _)| error).unwrap();
    }
    let handled = Handled::default();
    // The first member handles everything and commits nothing.
    let first = Arc::new(consumer(&target, "handlers"));
    first.subscribe(&["rebalanced"]).unwrap();
    within(30, async {
        while handled.counts().0 < 20 {
            handled.one(&first).await;
        }
    })
    .await;
    assert_eq!(handled.counts(), (20, 0));

    // A second member joins. It gets a partition, and that partition's records once more.
    let second = consumer(&target, "handlers");
    second.subscribe(&["rebalanced"]).unwrap();
    let (poller, repeated) = (first.clone(), handled.clone());
    let first_goes_on = tokio::spawn(async move {
        loop {
            repeated.one(&poller).await;
        }
    });
    within(30, async {
        while handled.counts().1 < 10 {
            handled.one(&second).await;
        }
    })
    .await;
    first_goes_on.abort();
    assert_eq!(second.assignment().unwrap().count(), 1, "the group shares the two partitions");
    assert_eq!(handled.counts().0, 20, "each record was handled once");
}

/// One handler for all members of the group, and its counts of handled and of skipped records.
#[derive(Clone, Default)]
struct Handled {
    handler: Arc<Mutex<IdempotentConsumer>>,
    counts: Arc<Mutex<(usize, usize)>>,
}

impl Handled {
    async fn one(&self, consumer: &StreamConsumer) {
        let message = consumer.recv().await.unwrap();
        let id = message.key_view::<str>().unwrap().unwrap();
        let fresh =
            self.handler.lock().unwrap().process_message(id, message.payload_view::<str>().unwrap().unwrap());
        let mut counts = self.counts.lock().unwrap();
        if fresh {
            counts.0 += 1;
        } else {
            counts.1 += 1;
        }
    }

    fn counts(&self) -> (usize, usize) {
        *self.counts.lock().unwrap()
    }
}

fn client(target: &Target) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", target.kafka());
    config
}

fn consumer(target: &Target, group: &str) -> StreamConsumer {
    client(target)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "500")
        .create()
        .unwrap()
}

async fn create_topic(target: &Target, name: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = client(target).create().unwrap();
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let results = admin.create_topics([&topic], &AdminOptions::new()).await.unwrap();
    assert_eq!(results, [Ok(name.to_owned())]);
}
