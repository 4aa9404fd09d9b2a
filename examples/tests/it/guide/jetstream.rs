//! JetStream: blocks 4 and 5.

use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::stream::{RetentionPolicy, StorageType};
use stele_examples::guide::{n04_jetstream, n05_replay};

use super::within;
use crate::target::{Target, Wire};

#[tokio::test]
async fn n04_orders_are_stored_acknowledged_and_fetched() {
    let Some(target) = Target::start(&[Wire::Nats, Wire::JetStream]) else { return };
    let outcome = within(30, n04_jetstream::run(&target.nats())).await.unwrap();
    assert_eq!(outcome.config.name, "ORDERS");
    assert_eq!(outcome.config.subjects, ["orders.*"]);
    assert_eq!((outcome.config.max_messages, outcome.config.max_bytes), (10_000, 100 << 20));
    assert_eq!(outcome.config.retention, RetentionPolicy::Limits);
    assert_eq!(outcome.config.storage, StorageType::File);
    assert_eq!(outcome.acknowledged, (1..=100).collect::<Vec<u64>>());
    assert_eq!(outcome.fetched, (0..10).map(|number| format!("Order {number}")).collect::<Vec<_>>());

    // The consumer is durable: another client finds it where the first ten acknowledgements left it.
    let client = async_nats::connect(target.nats()).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("ORDERS").await.unwrap();
    let mut consumer: PullConsumer = stream.get_consumer("order-processor").await.unwrap();
    // A plain ack is not answered: the last of them may still be on its way.
    within(5, async {
        while consumer.info().await.unwrap().num_ack_pending > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let info = consumer.info().await.unwrap();
    assert_eq!((info.ack_floor.stream_sequence, info.num_pending), (10, 90));
}

#[tokio::test]
async fn n05_history_is_replayed_from_fifty_and_from_the_start() {
    let Some(target) = Target::start(&[Wire::Nats, Wire::JetStream]) else { return };
    within(30, n04_jetstream::run(&target.nats())).await.unwrap();
    let (from_fifty, from_start) = within(30, n05_replay::run(&target.nats())).await.unwrap();
    let expected = |first: u64| (first..=100).map(|sequence| (sequence, format!("Order {}", sequence - 1)));
    assert_eq!(from_fifty, expected(50).collect::<Vec<_>>());
    assert_eq!(from_start, expected(1).collect::<Vec<_>>());
}
