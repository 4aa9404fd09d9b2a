//! What the programs talk to: the stele binary, or with `STELE_PEERS=1` the real servers.

use std::io::Write;
use std::net::SocketAddr;

use tempfile::TempDir;

use crate::process::{self, Process};

/// A part of a wire that a program needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Nats,
    JetStream,
    Kafka,
    Mqtt,
}

impl Wire {
    fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::JetStream => "jetstream",
            Self::Kafka => "kafka",
            Self::Mqtt => "mqtt",
        }
    }

    /// Whether `conformance/served.txt` names it.
    fn served(self) -> bool {
        include_str!("../../../conformance/served.txt").lines().any(|line| line.trim() == self.name())
    }
}

/// The servers of one test.
pub(crate) struct Target {
    nats: SocketAddr,
    mqtt: SocketAddr,
    kafka: String,
    wires: Vec<Wire>,
    running: Vec<Process>,
    data: TempDir,
}

impl Target {
    /// Servers for `wires`, running; none if stele does not serve these yet, which is noted as a skip.
    pub(crate) fn start(wires: &[Wire]) -> Option<Self> {
        let mut target = Self::reserve(wires)?;
        target.run();
        Some(target)
    }

    /// One stele with every wire; none where the real servers are tested, which have one wire each.
    pub(crate) fn across() -> Option<Self> {
        if Self::across_is_skipped() {
            return None;
        }
        Self::start(&[Wire::Nats, Wire::JetStream, Wire::Kafka, Wire::Mqtt])
    }

    /// Whether [`Target::across`] gives none, which is then noted.
    pub(crate) fn across_is_skipped() -> bool {
        if peers() {
            skip("no other server speaks every wire");
        }
        peers()
    }

    /// Addresses for servers that do not run yet.
    pub(crate) fn reserve(wires: &[Wire]) -> Option<Self> {
        if !peers()
            && let Some(missing) = wires.iter().find(|wire| !wire.served())
        {
            skip(&format!("stele does not serve {} yet", missing.name()));
            return None;
        }
        let kafka = if peers() {
            std::env::var("STELE_PEER_KAFKA").expect("cargo xtask peers test says where Kafka is")
        } else {
            process::free_address().to_string()
        };
        Some(Self {
            nats: process::free_address(),
            mqtt: process::free_address(),
            kafka,
            wires: wires.to_vec(),
            running: Vec::new(),
            data: tempfile::tempdir().unwrap(),
        })
    }

    /// Starts the servers on their addresses, with the data that they left. Kafka is shared by all tests and runs.
    pub(crate) fn run(&mut self) {
        let data = self.data.path();
        if !peers() {
            let off = || "off".to_owned();
            let listeners = [
                ("nats", self.nats.to_string()),
                ("kafka", self.kafka.clone()),
                ("mqtt", self.mqtt.to_string()),
                ("mqtt-ws", off()),
                ("http", off()),
            ];
            self.running.push(process::stele(&listeners, data).0);
            return;
        }
        if self.wires.contains(&Wire::Nats) || self.wires.contains(&Wire::JetStream) {
            self.running.push(process::nats_server(self.nats, data));
        }
        if self.wires.contains(&Wire::Mqtt) {
            self.running.push(process::mosquitto(self.mqtt, data));
        }
    }

    /// Kills the servers of this test.
    pub(crate) fn kill(&mut self) {
        self.running.clear();
    }

    pub(crate) fn nats(&self) -> String {
        format!("nats://{}", self.nats)
    }

    /// Kafka's bootstrap servers.
    pub(crate) fn kafka(&self) -> &str {
        &self.kafka
    }

    pub(crate) fn mqtt(&self) -> SocketAddr {
        self.mqtt
    }
}

fn peers() -> bool {
    std::env::var_os("STELE_PEERS").is_some_and(|value| value == "1")
}

/// Notes that this test found nothing to test against, for the count of `cargo xtask test`.
fn skip(why: &str) {
    let thread = std::thread::current();
    let line = format!("{}: {why}\n", thread.name().unwrap_or("a test"));
    eprint!("skipped: {line}");
    if let Some(log) = std::env::var_os("STELE_SKIP_LOG") {
        let mut log = std::fs::OpenOptions::new().append(true).open(log).unwrap();
        log.write_all(line.as_bytes()).unwrap();
    }
}
