//! async-nats: live messages, requests, and streams.

use super::{PATIENCE, text, within};
use crate::tour::ledger::Meter;
use anyhow::{Context, anyhow};
use async_nats::jetstream::{self, consumer::PullConsumer, consumer::pull};
use futures::{StreamExt, TryStreamExt};

/// A connection.
pub(in crate::tour) struct Nats {
    client: async_nats::Client,
    jetstream: jetstream::Context,
}

/// A subscription of it.
pub(in crate::tour) struct Live {
    subscriber: async_nats::Subscriber,
}

/// A message as a step shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::tour) struct Heard {
    pub(in crate::tour) subject: String,
    pub(in crate::tour) payload: String,
}

/// A record of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::tour) struct Replayed {
    pub(in crate::tour) sequence: u64,
    pub(in crate::tour) subject: String,
    pub(in crate::tour) payload: String,
}

impl Nats {
    pub(in crate::tour) async fn connect(url: &str) -> anyhow::Result<Self> {
        let options = async_nats::ConnectOptions::new();
        let options = options.connection_timeout(PATIENCE).request_timeout(Some(PATIENCE));
        let connect = Box::pin(async { Ok(options.connect(url).await?) });
        let client = within("a NATS client connects", connect).await?;
        let mut jetstream = jetstream::new(client.clone());
        jetstream.set_timeout(PATIENCE);
        Ok(Self { client, jetstream })
    }

    pub(in crate::tour) fn meter(&self) -> Meter {
        Meter::Nats(self.client.statistics())
    }

    /// A request to the broker and its answer: what this connection said before has been heard then.
    pub(in crate::tour) async fn round_trip(&self) -> anyhow::Result<()> {
        within("the broker answers", async { Ok(self.jetstream.query_account().await.map(drop)?) }).await
    }

    /// Listens; the broker knows it when this returns.
    pub(in crate::tour) async fn subscribe(&self, filter: &'static str) -> anyhow::Result<Live> {
        let subscriber = self.client.subscribe(filter).await?;
        self.round_trip().await?;
        Ok(Live { subscriber })
    }

    /// Stops to listen; nothing comes after this returns.
    pub(in crate::tour) async fn end(&self, mut live: Live) -> anyhow::Result<()> {
        live.subscriber.unsubscribe().await?;
        self.round_trip().await
    }

    /// Asks whoever answers.
    pub(in crate::tour) async fn request(
        &self,
        subject: &'static str,
        question: &'static str,
    ) -> anyhow::Result<String> {
        let answer = async { Ok(self.client.request(subject, question.into()).await?) };
        Ok(text(&within("an answer comes", answer).await?.payload))
    }

    /// Publishes to a stream; the sequence that its acknowledgement names.
    pub(in crate::tour) async fn publish_stored(
        &self,
        subject: String,
        payload: String,
    ) -> anyhow::Result<u64> {
        let publish = async { Ok(self.jetstream.publish(subject, payload.into()).await?.await?.sequence) };
        within("a stream acknowledges", publish).await
    }

    /// One record by its sequence.
    pub(in crate::tour) async fn record(&self, stream: &str, sequence: u64) -> anyhow::Result<Replayed> {
        let read = async {
            let message = self.jetstream.get_stream(stream).await?.get_raw_message(sequence).await?;
            let (subject, payload) = (message.subject.to_string(), text(&message.payload));
            Ok(Replayed { sequence: message.sequence, subject, payload })
        };
        within("a stream shows a record", read).await
    }

    /// So many records from the stream's start, for a consumer without a name.
    pub(in crate::tour) async fn replay(&self, stream: &str, count: usize) -> anyhow::Result<Vec<Replayed>> {
        let read = async {
            let config = pull::Config {
                ack_policy: jetstream::consumer::AckPolicy::None,
                deliver_policy: jetstream::consumer::DeliverPolicy::All,
                ..Default::default()
            };
            let consumer = self.jetstream.get_stream(stream).await?.create_consumer(config).await?;
            fetch(&consumer, count, false).await
        };
        within("a stream is replayed", read).await
    }

    /// The next records for a durable consumer, each acknowledged on disk. Makes it where it is not there.
    pub(in crate::tour) async fn work(
        &self,
        stream: &str,
        durable: &str,
        count: usize,
    ) -> anyhow::Result<Vec<Replayed>> {
        let read = async {
            let config = pull::Config { durable_name: Some(durable.to_owned()), ..Default::default() };
            let stream = self.jetstream.get_stream(stream).await?;
            let consumer = stream.get_or_create_consumer(durable, config).await?;
            fetch(&consumer, count, true).await
        };
        within("a durable consumer reads", read).await
    }
}

impl Live {
    pub(in crate::tour) async fn next(&mut self) -> anyhow::Result<Heard> {
        let next = async { self.subscriber.next().await.context("the connection was lost") };
        let message = within("a NATS subscriber hears", next).await?;
        Ok(Heard { subject: message.subject.to_string(), payload: text(&message.payload) })
    }
}

async fn fetch(consumer: &PullConsumer, count: usize, acknowledge: bool) -> anyhow::Result<Vec<Replayed>> {
    let wrong = |error: async_nats::Error| anyhow!("{error}");
    let messages = consumer.fetch().max_messages(count).messages().await?;
    let messages: Vec<jetstream::Message> = messages.try_collect().await.map_err(wrong)?;
    let mut records = Vec::new();
    for message in &messages {
        if acknowledge {
            message.double_ack().await.map_err(wrong)?;
        }
        let sequence = message.info().map_err(wrong)?.stream_sequence;
        let (subject, payload) = (message.subject.to_string(), text(&message.payload));
        records.push(Replayed { sequence, subject, payload });
    }
    Ok(records)
}
