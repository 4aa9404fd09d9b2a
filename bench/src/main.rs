//! Measurements beside the peers: both in one run, in turn, medians, CPU per message first.
//!
//! `cargo run --release -p stele-bench -- live` needs `stele` (built with `cargo build --release`) and the peer's program
//! on the PATH or named by flags. The clients are raw sockets with prepared bytes: they cost next to nothing, so that
//! the server is measured. Everything listens on loopback and is stopped by its process id.

#![allow(clippy::print_stdout, reason = "a measurement prints its table")]

mod idle;
mod jetstream;
mod kafka;
mod kafka_client;
mod kcat;
mod latency;
mod live;
mod mqtt;
mod mqtt_client;
mod nats;
mod peers;
mod process;
mod table;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "stele-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: table::Common,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Core NATS: one publisher to one and to fifty subscribers, beside nats-server.
    Live,
    /// JetStream: publishes with many in flight, every acknowledgement counted, beside nats-server.
    Jetstream,
    /// Kafka: produce and fetch of prepared batches, and one record per request, beside Apache Kafka.
    Kafka(kafka::Arguments),
    /// MQTT: QoS 0 and QoS 1, one publisher to one subscriber, beside Mosquitto.
    Mqtt,
    /// Publish to receive at 1,000 messages a second, open loop, on every wire beside its peer.
    Latency(latency::Arguments),
    /// Resident memory per idle connection on every wire beside its peer, and after they close.
    Idle(idle::Arguments),
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let common = &arguments.common;
    match &arguments.command {
        Command::Live => live::run(common),
        Command::Jetstream => jetstream::run(common),
        Command::Kafka(special) => kafka::run(common, special),
        Command::Mqtt => mqtt::run(common),
        Command::Latency(special) => latency::run(common, special),
        Command::Idle(special) => idle::run(common, special),
    }
}
