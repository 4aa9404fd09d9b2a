//! How each server is started for a measurement: one wire, an empty data directory, everything else off.

use crate::process::{Server, free_address};
use crate::table::Common;
use anyhow::Context;
use std::path::Path;
use std::process::Command;

/// A wire of stele, by the name of its flag and of its word in the ready line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Nats,
    Kafka,
    Mqtt,
    MqttWs,
}

/// How nats-server keeps streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Jetstream {
    Off,
    /// Acknowledged from the page cache, synced every two minutes.
    Interval,
    /// `sync_interval: always`.
    Always,
}

impl Wire {
    pub(crate) const ALL: [Self; 4] = [Self::Nats, Self::Kafka, Self::Mqtt, Self::MqttWs];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Kafka => "kafka",
            Self::Mqtt => "mqtt",
            Self::MqttWs => "mqtt-ws",
        }
    }
}

/// `stele serve` with one wire.
pub(crate) fn stele(common: &Common, wire: Wire, more: &[&str]) -> anyhow::Result<Server> {
    let mut command = Command::new(&common.stele);
    command.arg("serve").args(["--http", "off"]);
    for other in Wire::ALL {
        command.arg(format!("--{}", other.name())).arg(if other == wire { "127.0.0.1:0" } else { "off" });
    }
    let data = tempfile::tempdir()?;
    command.arg("--data").arg(data.path()).args(more);
    Server::announced(command, wire.name(), data)
}

pub(crate) fn nats(common: &Common, jetstream: Jetstream) -> anyhow::Result<Server> {
    let (address, data) = (free_address()?, tempfile::tempdir()?);
    let mut command = Command::new(&common.nats_server);
    command.args(["-a", "127.0.0.1", "-p", &address.port().to_string()]);
    if jetstream != Jetstream::Off {
        let store = data.path().display();
        let sync = if jetstream == Jetstream::Always { "sync_interval: always" } else { "" };
        let file = data.path().join("nats.conf");
        std::fs::write(&file, format!("jetstream {{ store_dir: \"{store}\"\n {sync} }}\n"))?;
        command.arg("-c").arg(file);
    }
    Server::awaited(command, address, data)
}

/// One listener, nothing kept, nothing dropped for being many.
pub(crate) fn mosquitto(common: &Common, wire: Wire) -> anyhow::Result<Server> {
    let (address, data) = (free_address()?, tempfile::tempdir()?);
    let protocol = if wire == Wire::MqttWs { "protocol websockets\n" } else { "" };
    let text = format!(
        "listener {} {}\n{protocol}allow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n",
        address.port(),
        address.ip()
    );
    let file = data.path().join("mosquitto.conf");
    std::fs::write(&file, text)?;
    let mut command = Command::new(&common.mosquitto);
    command.arg("-c").arg(file);
    Server::awaited(command, address, data)
}

/// One node in KRaft mode with the properties of the conformance tests; it acknowledges from the page cache.
pub(crate) fn kafka(common: &Common) -> anyhow::Result<Server> {
    let (address, controller, data) = (free_address()?, free_address()?, tempfile::tempdir()?);
    let templates = Path::new("conformance/peers");
    let text = std::fs::read_to_string(templates.join("server.properties"))
        .context("conformance/peers/server.properties: run this in the repository")?
        .replace("@PORT@", &address.port().to_string())
        .replace("@CONTROLLER_PORT@", &controller.port().to_string())
        .replace("@DATA@", &data.path().join("log").display().to_string());
    let properties = data.path().join("server.properties");
    std::fs::write(&properties, text)?;
    let java = |heap: &str| {
        let mut command = Command::new("java");
        command.args([
            &format!("-Xms{heap}"),
            &format!("-Xmx{heap}"),
            "-XX:+UseG1GC",
            "-XX:MaxGCPauseMillis=20",
        ]);
        command.arg("-cp").arg(common.kafka_jars.join("*"));
        command.arg(format!("-Dlog4j2.configurationFile={}", templates.join("log4j2.xml").display()));
        command
    };
    let id = "c3RlbGVzdGVsZXN0ZWxlcw";
    let format =
        java("256m").args(["kafka.tools.StorageTool", "format", "-t", id, "-c"]).arg(&properties).output()?;
    anyhow::ensure!(format.status.success(), "kafka storage: {}", String::from_utf8_lossy(&format.stdout));
    let mut command = java("1g");
    command.arg("kafka.Kafka").arg(&properties);
    Server::awaited(command, address, data)
}
