//! rdkafka: a producer, readers of a topic from its start, and the members of a group.
//!
//! Some calls of librdkafka block. The tour runs beside the broker's threads, so they may.

use super::{PATIENCE, text, within};
use crate::tour::ledger::{Meter, Tally};
use anyhow::Context;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// A client that appends, makes topics, and knows where their logs end.
pub(in crate::tour) struct Producer {
    servers: String,
    inner: FutureProducer,
    tally: Arc<Tally>,
}

/// A consumer without a group, from the start of partition 0.
pub(in crate::tour) struct Reader {
    inner: StreamConsumer,
    tally: Arc<Tally>,
}

/// A member of a group; a task reads for it.
///
/// librdkafka closes a member by a blocking call, which waits for ever where a rebalance ends at the wrong moment
/// (`rd_kafka_assign` without a group). So it is closed on a thread of its own, out of the group, and not waited for long.
pub(in crate::tour) struct Member {
    /// None: closed.
    inner: Option<Arc<StreamConsumer>>,
    task: JoinHandle<()>,
    tally: Arc<Tally>,
}

/// How long closing a member is waited for. The thread ends with the process at the latest.
const CLOSE_MAX: Duration = Duration::from_secs(5);

impl Drop for Member {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(inner) = self.inner.take() {
            std::thread::spawn(move || drop(inner));
        }
    }
}

/// A record as a step shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::tour) struct Record {
    pub(in crate::tour) partition: i32,
    pub(in crate::tour) offset: i64,
    pub(in crate::tour) key: String,
    pub(in crate::tour) payload: String,
}

impl Record {
    fn of(message: &BorrowedMessage<'_>) -> Self {
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: text(message.key().unwrap_or_default()),
            payload: text(message.payload().unwrap_or_default()),
        }
    }
}

impl Producer {
    pub(in crate::tour) fn new(servers: &str) -> anyhow::Result<Self> {
        let inner = config(servers).set("linger.ms", "0").create().context("a Kafka producer")?;
        Ok(Self { servers: servers.to_owned(), inner, tally: Arc::default() })
    }

    pub(in crate::tour) fn meter(&self) -> Meter {
        Meter::Tally(self.tally.clone())
    }

    /// Makes a topic.
    pub(in crate::tour) async fn create_topic(&self, name: &str, partitions: i32) -> anyhow::Result<()> {
        let admin: AdminClient<DefaultClientContext> = config(&self.servers).create()?;
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let create = async { Ok(admin.create_topics([&topic], &AdminOptions::new()).await?) };
        for result in within("a topic is made", create).await? {
            result.map_err(|(name, code)| anyhow::anyhow!("topic `{name}`: {code}"))?;
        }
        Ok(())
    }

    /// Appends with acks=all; partition and offset. `partition`: none lets the key decide.
    pub(in crate::tour) async fn send(
        &self,
        topic: &str,
        partition: Option<i32>,
        key: &str,
        payload: &str,
    ) -> anyhow::Result<(i32, i64)> {
        let mut record = FutureRecord::to(topic).key(key).payload(payload);
        record.partition = partition;
        let send = async { self.inner.send(record, PATIENCE).await.map_err(|(error, _)| error.into()) };
        let delivery = within("a produce", send).await?;
        self.tally.count_sent();
        Ok((delivery.partition, delivery.offset))
    }

    /// How many records partitions 0 to `partitions` hold.
    pub(in crate::tour) fn stored(&self, topic: &str, partitions: i32) -> anyhow::Result<u64> {
        let mut records = 0;
        for partition in 0..partitions {
            let ends = self.inner.client().fetch_watermarks(topic, partition, PATIENCE);
            let (low, high) = ends.with_context(|| format!("the ends of {topic}-{partition}"))?;
            records += u64::try_from(high - low).context("a log that ends behind its start")?;
        }
        Ok(records)
    }
}

impl Reader {
    pub(in crate::tour) fn from_start(servers: &str, topic: &str) -> anyhow::Result<Self> {
        let mut config = config(servers);
        config.set("group.id", "nobody").set("enable.auto.commit", "false");
        let inner: StreamConsumer = config.create().context("a Kafka consumer")?;
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset(topic, 0, Offset::Beginning)?;
        inner.assign(&partitions)?;
        Ok(Self { inner, tally: Arc::default() })
    }

    pub(in crate::tour) fn meter(&self) -> Meter {
        Meter::Tally(self.tally.clone())
    }

    pub(in crate::tour) async fn next(&self) -> anyhow::Result<Record> {
        let next = async { Ok(Record::of(&self.inner.recv().await?)) };
        let record = within("a Kafka consumer reads", next).await?;
        self.tally.count_received();
        Ok(record)
    }
}

impl Member {
    /// Joins; what it reads goes to `read` with its name.
    pub(in crate::tour) fn join(
        servers: &str,
        (group, topic): (&str, &str),
        name: &'static str,
        read: mpsc::Sender<(&'static str, Record)>,
    ) -> anyhow::Result<Self> {
        let mut config = config(servers);
        config.set("group.id", group).set("client.id", name).set("enable.auto.commit", "false");
        config.set("auto.offset.reset", "earliest").set("heartbeat.interval.ms", "100");
        let inner: Arc<StreamConsumer> = Arc::new(config.create().context("a Kafka consumer")?);
        inner.subscribe(&[topic])?;
        let tally: Arc<Tally> = Arc::default();
        let (consumer, counted) = (inner.clone(), tally.clone());
        let task = tokio::spawn(async move {
            while let Ok(message) = consumer.recv().await {
                counted.count_received();
                if read.send((name, Record::of(&message))).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { inner: Some(inner), task, tally })
    }

    pub(in crate::tour) fn meter(&self) -> Meter {
        Meter::Tally(self.tally.clone())
    }

    /// How many partitions it has now.
    pub(in crate::tour) fn partitions(&self) -> anyhow::Result<usize> {
        Ok(self.open()?.assignment()?.count())
    }

    /// Commits what it read.
    pub(in crate::tour) fn commit(&self) -> anyhow::Result<()> {
        self.open()?.commit_consumer_state(CommitMode::Sync).context("an offset commit")
    }

    /// Leaves the group while its task still serves what that brings, and closes then.
    pub(in crate::tour) async fn leave(mut self) -> anyhow::Result<()> {
        self.open()?.unsubscribe();
        let left = async {
            while self.partitions()? > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        };
        within("a member leaves", left).await?;
        self.task.abort();
        // Cancelled: that is what was asked for.
        let _ = (&mut self.task).await;
        let (closed, is_closed) = oneshot::channel();
        let inner = self.inner.take();
        std::thread::spawn(move || {
            drop(inner);
            // Nobody waits any more where this fails.
            let _ = closed.send(());
        });
        let _ = tokio::time::timeout(CLOSE_MAX, is_closed).await;
        Ok(())
    }

    fn open(&self) -> anyhow::Result<&StreamConsumer> {
        self.inner.as_deref().context("the member has left")
    }
}

fn config(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config
}
