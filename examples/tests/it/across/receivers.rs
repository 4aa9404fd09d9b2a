//! The receiving side of every wire: one task each, which collects what its client shows.

use async_nats::jetstream::{self, consumer::pull};
use futures::StreamExt;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::topic_partition_list::Offset;
use rumqttc::{AsyncClient, Event, Packet, QoS, v5};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use v5::mqttbytes::v5::Packet as Packet5;

use super::message::Message;
use super::{STREAM, kafka, mqtt3, mqtt5, topic_of, within};
use crate::target::Target;

/// Through which client messages are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Nats,
    JetStream,
    Kafka,
    Mqtt3,
    Mqtt5,
}

pub(super) const WIRES: [Wire; 5] = [Wire::Nats, Wire::JetStream, Wire::Kafka, Wire::Mqtt3, Wire::Mqtt5];

/// A client that reads; its task ends with it.
pub(super) struct Receiver {
    pub(super) wire: Wire,
    heard: UnboundedReceiver<Message>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Reads what is published under `filter`; NATS and MQTT have subscribed when this returns.
    pub(super) async fn open(target: &Target, wire: Wire, filter: &str) -> Self {
        let what = format!("{wire:?} subscribes");
        let (heard, task) = match wire {
            Wire::Nats => within(&what, nats(target, filter)).await,
            Wire::JetStream => within(&what, consumer(target, filter)).await,
            Wire::Kafka => partition(target),
            Wire::Mqtt3 => within(&what, subscriber3(target, filter)).await,
            Wire::Mqtt5 => within(&what, subscriber5(target, filter)).await,
        };
        Self { wire, heard, task }
    }

    /// The next messages, in order.
    pub(super) async fn take(&mut self, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        let (wire, heard) = (self.wire, &mut self.heard);
        let all = async {
            while messages.len() < count {
                messages.push(heard.recv().await.unwrap_or_else(|| panic!("{wire:?}: the client ended")));
            }
        };
        if tokio::time::timeout(super::LIMIT, all).await.is_err() {
            panic!("{wire:?} heard {} of {count} messages; the last: {:?}", messages.len(), messages.last());
        }
        messages
    }
}

type Reading = (UnboundedReceiver<Message>, JoinHandle<()>);

async fn nats(target: &Target, filter: &str) -> Reading {
    let client = async_nats::connect(target.nats()).await.unwrap();
    let mut subscription = client.subscribe(filter.to_owned()).await.unwrap();
    client.request("nobody.listens.here", "".into()).await.unwrap_err();
    let (sender, heard) = unbounded_channel();
    let task = tokio::spawn(async move {
        let _connected = client;
        while let Some(message) = subscription.next().await {
            let _ = sender.send(Message::of_nats(&message));
        }
    });
    (heard, task)
}

async fn consumer(target: &Target, filter: &str) -> Reading {
    let jetstream = jetstream::new(async_nats::connect(target.nats()).await.unwrap());
    let stream = jetstream.get_stream(STREAM).await.unwrap();
    let config = pull::Config { filter_subject: filter.to_owned(), ..Default::default() };
    let mut messages = stream.create_consumer(config).await.unwrap().messages().await.unwrap();
    let (sender, heard) = unbounded_channel();
    let task = tokio::spawn(async move {
        while let Some(message) = messages.next().await {
            let message = message.unwrap();
            message.ack().await.unwrap();
            let _ = sender.send(Message::of_nats(&message));
        }
    });
    (heard, task)
}

fn partition(target: &Target) -> Reading {
    let consumer: StreamConsumer =
        kafka(target).set("group.id", "nobody").set("enable.auto.commit", "false").create().unwrap();
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(STREAM, 0, Offset::Beginning).unwrap();
    consumer.assign(&partitions).unwrap();
    let (sender, heard) = unbounded_channel();
    let task = tokio::spawn(async move {
        loop {
            let _ = sender.send(Message::of_kafka(&consumer.recv().await.unwrap()));
        }
    });
    (heard, task)
}

async fn subscriber3(target: &Target, filter: &str) -> Reading {
    let (client, mut eventloop) = AsyncClient::new(mqtt3(target, "reader3"), 10);
    client.subscribe(mqtt_filter(filter), QoS::ExactlyOnce).await.unwrap();
    while !matches!(eventloop.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {}
    let (sender, heard) = unbounded_channel();
    let task = tokio::spawn(async move {
        let _connected = client;
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = eventloop.poll().await.unwrap() {
                let _ = sender.send(Message::of_mqtt3(&publish));
            }
        }
    });
    (heard, task)
}

async fn subscriber5(target: &Target, filter: &str) -> Reading {
    let (client, mut eventloop) = v5::AsyncClient::new(mqtt5(target, "reader5"), 10);
    client.subscribe(mqtt_filter(filter), v5::mqttbytes::QoS::ExactlyOnce).await.unwrap();
    while !matches!(eventloop.poll().await.unwrap(), v5::Event::Incoming(Packet5::SubAck(_))) {}
    let (sender, heard) = unbounded_channel();
    let task = tokio::spawn(async move {
        let _connected = client;
        loop {
            if let v5::Event::Incoming(Packet5::Publish(publish)) = eventloop.poll().await.unwrap() {
                let _ = sender.send(Message::of_mqtt5(&publish));
            }
        }
    });
    (heard, task)
}

fn mqtt_filter(filter: &str) -> String {
    topic_of(filter).replace('*', "+").replace('>', "#")
}
