//! rumqttc, with MQTT 5.

use super::{PATIENCE, text, within};
use crate::tour::ledger::{Meter, Tally};
use anyhow::{Context, bail, ensure};
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, Packet, PubAckReason, Publish, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What the steps leave unread at most.
const QUEUE: usize = 256;

/// A connection; a task reads it.
pub(in crate::tour) struct Mqtt {
    client: AsyncClient,
    events: mpsc::Receiver<Heard>,
    task: JoinHandle<()>,
    tally: Arc<Tally>,
}

enum Heard {
    Connected,
    Subscribed,
    Acknowledged(PubAckReason),
    Message(Box<Publish>),
}

impl Drop for Mqtt {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Mqtt {
    pub(in crate::tour) async fn connect(address: SocketAddr, id: &str) -> anyhow::Result<Self> {
        let mut options = MqttOptions::new(id, address.ip().to_string(), address.port());
        options.set_connection_timeout(PATIENCE.as_secs());
        let (client, eventloop) = AsyncClient::new(options, QUEUE);
        let (sender, events) = mpsc::channel(QUEUE);
        let tally = Arc::new(Tally::default());
        let task = tokio::spawn(drive(eventloop, sender, tally.clone()));
        let mut mqtt = Self { client, events, task, tally };
        let connected = async {
            match mqtt.next_event().await? {
                Heard::Connected => Ok(()),
                _ => bail!("something came before CONNACK"),
            }
        };
        within("an MQTT client connects", connected).await?;
        Ok(mqtt)
    }

    pub(in crate::tour) fn meter(&self) -> Meter {
        Meter::Tally(self.tally.clone())
    }

    /// Listens with QoS 1; the broker knows it when this returns.
    pub(in crate::tour) async fn subscribe(&mut self, filter: &str) -> anyhow::Result<()> {
        self.client.subscribe(filter, QoS::AtLeastOnce).await?;
        let subscribed = async {
            match self.next_event().await? {
                Heard::Subscribed => Ok(()),
                _ => bail!("something came before SUBACK"),
            }
        };
        within("an MQTT subscription", subscribed).await
    }

    /// Publishes with QoS 1, and waits for PUBACK.
    pub(in crate::tour) async fn publish(&mut self, topic: &str, payload: &str) -> anyhow::Result<()> {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload.to_owned()).await?;
        self.acknowledged().await
    }

    /// The next message's topic and payload.
    pub(in crate::tour) async fn next(&mut self) -> anyhow::Result<(String, String)> {
        let message = self.message().await?;
        Ok((text(&message.topic), text(&message.payload)))
    }

    /// Takes the next message as a question and answers it: what was asked.
    pub(in crate::tour) async fn answer(&mut self, answer: &str) -> anyhow::Result<String> {
        let question = self.message().await?;
        let asked = question.properties.context("the question says nowhere where its answer goes")?;
        let topic = asked.response_topic.context("the question has no response topic")?;
        let properties =
            PublishProperties { correlation_data: asked.correlation_data, ..PublishProperties::default() };
        let answer = answer.to_owned();
        self.client.publish_with_properties(topic, QoS::AtLeastOnce, false, answer, properties).await?;
        self.acknowledged().await?;
        Ok(text(&question.payload))
    }

    /// Says goodbye; nothing is sent or received after this returns.
    pub(in crate::tour) async fn close(mut self) -> anyhow::Result<()> {
        self.client.disconnect().await?;
        let closed = async { Ok((&mut self.task).await?) };
        within("an MQTT client leaves", closed).await
    }

    async fn message(&mut self) -> anyhow::Result<Publish> {
        let message = async {
            match self.next_event().await? {
                Heard::Message(message) => Ok(*message),
                _ => bail!("something else than a message came"),
            }
        };
        within("an MQTT subscriber hears", message).await
    }

    async fn acknowledged(&mut self) -> anyhow::Result<()> {
        let acknowledged = async {
            match self.next_event().await? {
                Heard::Acknowledged(reason) => {
                    ensure!(reason == PubAckReason::Success, "PUBACK says {reason:?}");
                    Ok(())
                }
                _ => bail!("something came before PUBACK"),
            }
        };
        within("an MQTT publish", acknowledged).await
    }

    async fn next_event(&mut self) -> anyhow::Result<Heard> {
        self.events.recv().await.context("the connection was lost")
    }
}

/// Reads and writes until the connection ends, and counts the messages on it.
async fn drive(mut eventloop: EventLoop, events: mpsc::Sender<Heard>, tally: Arc<Tally>) {
    while let Ok(event) = eventloop.poll().await {
        let heard = match event {
            Event::Incoming(Packet::ConnAck(ack)) if ack.code == ConnectReturnCode::Success => {
                Heard::Connected
            }
            Event::Incoming(Packet::SubAck(_)) => Heard::Subscribed,
            Event::Incoming(Packet::PubAck(ack)) => Heard::Acknowledged(ack.reason),
            Event::Incoming(Packet::Publish(message)) => {
                tally.count_received();
                Heard::Message(Box::new(message))
            }
            Event::Outgoing(Outgoing::Publish(_)) => {
                tally.count_sent();
                continue;
            }
            _ => continue,
        };
        if events.send(heard).await.is_err() {
            return;
        }
    }
}
