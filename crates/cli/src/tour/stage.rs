//! What the steps play on: the broker, its log, and the ledger of everybody who connected.

use super::clients::kafka::{Member, Producer, Reader, Record};
use super::clients::mqtt::Mqtt;
use super::clients::nats::Nats;
use super::ledger::Ledger;
use super::narrator::Narrator;
use super::report::{Count, Traffic, Wire};
use anyhow::Context;
use std::path::{Path, PathBuf};
use stele_broker::{Broker, Data, Filter, StreamName};
use tokio::sync::mpsc;

/// The stream that stores what is published below [`HOME`]; a topic with one partition, too.
pub(super) const TELEMETRY: &str = "TELEMETRY";
pub(super) const HOME: &str = "home.>";

/// A broker on a directory, and its clients.
pub(super) struct Stage {
    directory: PathBuf,
    broker: Broker,
    /// One of the clients; it also asks where the logs end.
    pub(super) producer: Producer,
    ledger: Ledger,
    /// What the clients of each wire had done when the step began.
    mark: Vec<(Wire, Traffic)>,
    /// Messages that were acknowledged as stored, over restarts.
    acknowledged: u64,
    /// Topics with their partitions, all of which are counted.
    topics: Vec<(&'static str, i32)>,
}

/// What a step says of itself.
pub(super) struct Scene<'a> {
    pub(super) narrator: &'a Narrator,
    pub(super) events: Vec<(Wire, &'static str, String)>,
    pub(super) by_hand: Vec<String>,
}

impl Stage {
    pub(super) async fn open(directory: &Path) -> anyhow::Result<Self> {
        let broker = start(directory).await?;
        let mut ledger = Ledger::default();
        let producer = enter_producer(&broker, &mut ledger)?;
        Ok(Self {
            directory: directory.to_owned(),
            broker,
            producer,
            ledger,
            mark: Vec::new(),
            acknowledged: 0,
            topics: vec![(TELEMETRY, 1)],
        })
    }

    /// The same log under another broker, which begins to count anew.
    pub(super) async fn restart(self) -> anyhow::Result<Self> {
        let Self { directory, broker, producer, acknowledged, topics, .. } = self;
        drop(producer);
        broker.stop().await;
        Ok(Self { acknowledged, topics, ..Self::open(&directory).await? })
    }

    pub(super) async fn close(self) {
        drop(self.producer);
        self.broker.stop().await;
    }

    /// As `stele serve` says it.
    pub(super) fn listeners(&self) -> String {
        let listeners: Vec<String> =
            self.broker.addresses().by_flag().map(|(wire, address)| format!("{wire}={address}")).collect();
        listeners.join(" ")
    }

    /// A NATS client; `wire` is what the step uses it for.
    pub(super) async fn nats(&mut self, wire: Wire) -> anyhow::Result<Nats> {
        let nats = Nats::connect(&self.broker.nats_url()).await?;
        self.ledger.enter(wire, nats.meter());
        Ok(nats)
    }

    pub(super) async fn mqtt(&mut self, id: &str) -> anyhow::Result<Mqtt> {
        let mqtt = Mqtt::connect(self.broker.mqtt_address(), id).await?;
        self.ledger.enter(Wire::Mqtt, mqtt.meter());
        Ok(mqtt)
    }

    /// A Kafka consumer of a topic from its start.
    pub(super) fn reader(&mut self, topic: &str) -> anyhow::Result<Reader> {
        let reader = Reader::from_start(&self.broker.kafka_servers(), topic)?;
        self.ledger.enter(Wire::Kafka, reader.meter());
        Ok(reader)
    }

    /// A member of a Kafka consumer group.
    pub(super) fn member(
        &mut self,
        group_and_topic: (&str, &str),
        name: &'static str,
        read: mpsc::Sender<(&'static str, Record)>,
    ) -> anyhow::Result<Member> {
        let member = Member::join(&self.broker.kafka_servers(), group_and_topic, name, read)?;
        self.ledger.enter(Wire::Kafka, member.meter());
        Ok(member)
    }

    pub(super) async fn create_topic(&mut self, name: &'static str, partitions: i32) -> anyhow::Result<()> {
        self.producer.create_topic(name, partitions).await?;
        self.topics.push((name, partitions));
        Ok(())
    }

    /// A client was told that its message is stored.
    pub(super) fn note_stored(&mut self) {
        self.acknowledged += 1;
    }

    /// A step begins.
    pub(super) fn mark(&mut self) {
        self.mark = Wire::ALL.map(|wire| (wire, self.ledger.traffic(wire))).to_vec();
    }

    /// What the clients did since the mark; wires without traffic are left out. After a restart: since that.
    pub(super) fn traffic(&self) -> Vec<(Wire, Traffic)> {
        let before =
            |wire| self.mark.iter().find(|(of, _)| *of == wire).map_or(Traffic::default(), |at| at.1);
        let since = |wire| {
            let (now, before) = (self.ledger.traffic(wire), before(wire));
            let traffic = Traffic { sent: now.sent - before.sent, received: now.received - before.received };
            (wire, traffic)
        };
        Wire::ALL.map(since).into_iter().filter(|(_, traffic)| *traffic != Traffic::default()).collect()
    }

    /// Clients and broker side by side, since the broker's start; what is stored, since the first one's.
    pub(super) async fn counts(&self) -> anyhow::Result<Vec<Count>> {
        let http = self.broker.addresses().http.context("HTTP is on")?;
        let mut counts = self.ledger.compare(http).await?;
        let mut stored = 0;
        for (topic, partitions) in &self.topics {
            stored += self.producer.stored(topic, *partitions)?;
        }
        let broker = vec![("ends of the logs", stored)];
        counts.push(Count { what: "stored", clients: self.acknowledged, broker });
        Ok(counts)
    }
}

impl Scene<'_> {
    pub(super) fn sent(&mut self, wire: Wire, what: String) {
        self.tell(wire, "sent", what);
    }

    pub(super) fn received(&mut self, wire: Wire, what: String) {
        self.tell(wire, "received", what);
    }

    /// The same with another program, against a `stele serve` on the usual ports.
    pub(super) fn by_hand(&mut self, commands: &[&str]) {
        self.by_hand.extend(commands.iter().map(|command| (*command).to_owned()));
    }

    fn tell(&mut self, wire: Wire, did: &'static str, what: String) {
        self.narrator.event(wire, did, &what);
        self.events.push((wire, did, what));
    }
}

async fn start(directory: &Path) -> anyhow::Result<Broker> {
    let broker = Broker::builder()
        .data(Data::Directory(directory.join("data")))
        .stream(StreamName::new(TELEMETRY), vec![Filter::new(HOME.as_bytes())?]);
    broker.start().await.context("the broker does not start")
}

fn enter_producer(broker: &Broker, ledger: &mut Ledger) -> anyhow::Result<Producer> {
    let producer = Producer::new(&broker.kafka_servers())?;
    ledger.enter(Wire::Kafka, producer.meter());
    Ok(producer)
}
