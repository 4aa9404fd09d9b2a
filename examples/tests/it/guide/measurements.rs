//! What the guide measures: blocks 18, 19 and 20. The figures themselves are for `bench/`; here they only have to be.

use std::time::Duration;

use futures::StreamExt;
use prometheus::proto::MetricType;
use stele_examples::guide::{n18_latency, n19_throughput, n20_metrics};

use super::{settled, within};
use crate::target::{Target, Wire};

#[tokio::test]
async fn n18_latency_over_nats_is_measured() {
    let Some(target) = Target::start(&[Wire::Nats]) else { return };
    let latency = within(60, n18_latency::nats(&target.nats())).await.unwrap();
    assert!(latency > Duration::ZERO && latency < Duration::from_millis(50), "{latency:?}");
}

#[tokio::test]
async fn n18_latency_over_kafka_is_measured() {
    let Some(target) = Target::start(&[Wire::Kafka]) else { return };
    let latency = within(120, n18_latency::kafka(target.kafka())).await.unwrap();
    assert!(latency > Duration::ZERO && latency < Duration::from_millis(100), "{latency:?}");
}

#[tokio::test]
async fn n19_throughput_is_measured_and_nothing_is_lost() {
    let Some(target) = Target::start(&[Wire::Nats]) else { return };
    let watcher = async_nats::ConnectOptions::new()
        .subscription_capacity(200_000)
        .connect(target.nats())
        .await
        .unwrap();
    let subscriber = watcher.subscribe("throughput-test").await.unwrap();
    settled(&watcher).await;
    let watching = tokio::spawn(subscriber.take(100_000).count());
    let rate = within(60, n19_throughput::run(&target.nats())).await.unwrap();
    assert!(rate > 1000.0, "{rate} messages per second");
    assert_eq!(within(60, watching).await.unwrap(), 100_000);
}

#[tokio::test]
async fn n20_metrics_are_named_typed_and_explained_as_in_the_guide() {
    let Some(target) = Target::start(&[Wire::Nats]) else { return };
    let client = async_nats::connect(target.nats()).await.unwrap();
    let mut subscriber = client.subscribe("measured").await.unwrap();
    for _ in 0..5 {
        within(10, n20_metrics::publish_with_metrics(&client, "measured", "payload")).await.unwrap();
    }
    assert_eq!(within(10, subscriber.next()).await.unwrap().payload, "payload");
    let families = prometheus::gather();
    let seen: Vec<_> =
        families.iter().map(|family| (family.name(), family.get_field_type(), family.help())).collect();
    let expected = [
        ("mq_message_latency_seconds", MetricType::HISTOGRAM, "Message publishing latency"),
        ("mq_messages_published_total", MetricType::COUNTER, "Total number of messages published"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(families[0].get_metric()[0].get_histogram().get_sample_count(), 5);
    assert_eq!(families[1].get_metric()[0].get_counter().get_value(), 5.0);
}
