//! Consumers: ordered, pushed, redelivered, paused; work queues and interest.

use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull, push};
use async_nats::jetstream::stream::{Config, RetentionPolicy, Stream};
use async_nats::jetstream::{AckKind, Message};
use futures::StreamExt;

use super::{config, connect, fill};
use crate::guide::within;

#[tokio::test]
async fn ordered_consumers_see_everything_in_order() {
    let Some((_target, jetstream)) = connect().await else { return };
    let stream = jetstream.create_stream(config("A")).await.unwrap();
    fill(&jetstream, "a", 0..300).await;
    let pulled = stream.create_consumer(pull::OrderedConfig::default()).await.unwrap();
    let mut messages = pulled.messages().await.unwrap();
    for number in 0..300 {
        let message = within(5, messages.next()).await.unwrap().unwrap();
        assert_eq!(message.payload, number.to_string());
    }
    let deliver_subject = "out.ordered".to_owned();
    let ordered = push::OrderedConfig { deliver_subject, filter_subject: "a.1".into(), ..Default::default() };
    let mut messages = stream.create_consumer(ordered).await.unwrap().messages().await.unwrap();
    for number in (1..300).step_by(3) {
        let message = within(5, messages.next()).await.unwrap().unwrap();
        assert_eq!(message.payload, number.to_string());
    }
}

#[tokio::test]
async fn a_durable_push_consumer_goes_on_where_it_was() {
    let Some((_target, jetstream)) = connect().await else { return };
    let stream = jetstream.create_stream(config("A")).await.unwrap();
    fill(&jetstream, "a", 0..6).await;
    let durable = push::Config {
        durable_name: Some("P".into()),
        deliver_subject: "out.push".into(),
        idle_heartbeat: Duration::from_millis(500),
        flow_control: true,
        ack_wait: Duration::from_millis(500),
        ..Default::default()
    };
    let consumer = stream.create_consumer(durable).await.unwrap();
    // What was pushed and not acknowledged is pushed to the next receiver, after its wait.
    for expected in [0..3, 3..6] {
        let mut messages = consumer.messages().await.unwrap();
        for number in expected {
            let message = within(5, messages.next()).await.unwrap().unwrap();
            assert_eq!(message.payload, number.to_string());
            message.double_ack().await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_until_it_came_often_enough() {
    let Some((_target, jetstream)) = connect().await else { return };
    let stream = jetstream.create_stream(config("A")).await.unwrap();
    fill(&jetstream, "a", 0..3).await;
    let explicit = pull::Config {
        durable_name: Some("C".into()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_millis(400),
        max_deliver: 2,
        ..Default::default()
    };
    let mut consumer = stream.create_consumer(explicit).await.unwrap();
    let first = fetch(&consumer, 3).await;
    assert_eq!(counts(&first), [("0".into(), 1), ("1".into(), 1), ("2".into(), 1)]);
    first[0].double_ack().await.unwrap();
    let asked = Instant::now();
    first[1].ack_with(AckKind::Nak(Some(Duration::from_millis(150)))).await.unwrap();
    assert_eq!(counts(&fetch(&consumer, 1).await), [("1".into(), 2)]);
    assert!(asked.elapsed() >= Duration::from_millis(150));
    let again = fetch(&consumer, 1).await;
    assert_eq!(counts(&again), [("2".into(), 2)]);
    again[0].ack_with(AckKind::Term).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(fetch(&consumer, 1).await.is_empty());
    assert_eq!(consumer.info().await.unwrap().num_ack_pending, 0);
}

#[tokio::test]
async fn a_paused_consumer_waits() {
    let Some((_target, jetstream)) = connect().await else { return };
    let stream = jetstream.create_stream(config("A")).await.unwrap();
    let consumer = create(&stream, "C", "").await;
    fill(&jetstream, "a", 0..1).await;
    let pause = serde_json::json!({ "pause_until": "2200-01-01T00:00:00Z" });
    let paused: serde_json::Value = jetstream.request("CONSUMER.PAUSE.A.C", &pause).await.unwrap();
    assert_eq!(paused["paused"], true);
    assert!(fetch(&consumer, 1).await.is_empty());
    assert!(!stream.resume_consumer("C").await.unwrap().paused);
    assert_eq!(fetch(&consumer, 1).await.len(), 1);
}

#[tokio::test]
async fn a_work_queue_forgets_what_was_done() {
    let Some((_target, jetstream)) = connect().await else { return };
    let queue = Config { retention: RetentionPolicy::WorkQueue, ..config("W") };
    let mut stream = jetstream.create_stream(queue).await.unwrap();
    fill(&jetstream, "w", 0..6).await;
    let consumer = create(&stream, "C", "w.0").await;
    let overlapping = pull::Config { durable_name: Some("D".into()), ..Default::default() };
    assert!(stream.create_consumer(overlapping).await.is_err());
    for message in fetch(&consumer, 2).await {
        message.double_ack().await.unwrap();
    }
    let state = stream.info().await.unwrap().state.clone();
    assert_eq!((state.messages, state.first_sequence), (4, 2));
}

#[tokio::test]
async fn interest_lasts_until_everybody_is_done() {
    let Some((_target, jetstream)) = connect().await else { return };
    let interest = Config { retention: RetentionPolicy::Interest, ..config("I") };
    let mut stream = jetstream.create_stream(interest).await.unwrap();
    fill(&jetstream, "i", 0..1).await;
    assert_eq!(stream.info().await.unwrap().state.messages, 0);
    let consumers = [create(&stream, "C", "").await, create(&stream, "D", "").await];
    fill(&jetstream, "i", 1..4).await;
    for (consumer, left) in consumers.iter().zip([3, 1]) {
        for message in fetch(consumer, 2).await {
            message.double_ack().await.unwrap();
        }
        assert_eq!(stream.info().await.unwrap().state.messages, left);
    }
}

async fn create(stream: &Stream, name: &str, filter: &str) -> PullConsumer {
    let config = pull::Config {
        durable_name: Some(name.to_owned()),
        filter_subject: filter.to_owned(),
        deliver_policy: DeliverPolicy::All,
        ..Default::default()
    };
    stream.create_consumer(config).await.unwrap()
}

/// What comes within a second, at most `count`.
async fn fetch(consumer: &PullConsumer, count: usize) -> Vec<Message> {
    let fetch = consumer.fetch().max_messages(count).expires(Duration::from_secs(1));
    let messages = within(5, fetch.messages()).await.unwrap();
    within(5, messages.map(|message| message.unwrap()).collect()).await
}

/// Payload, and how often it was delivered.
fn counts(messages: &[Message]) -> Vec<(String, i64)> {
    let count = |message: &Message| {
        (String::from_utf8_lossy(&message.payload).into_owned(), message.info().unwrap().delivered)
    };
    messages.iter().map(count).collect()
}
