//! `stele serve`: the broker until SIGINT or SIGTERM.

use crate::allocator;
use anyhow::Context;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use stele_broker::{Broker, Data, Filter, KafkaSettings, Listen, StreamName};
use tokio::signal::unix::{SignalKind, signal};

/// Where to listen. Each listener is ADDRESS:PORT (port 0 picks a free one) or `off`; the default is its usual port on
/// the loopback addresses.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// NATS, JetStream. Default: port 4222 on loopback.
    #[arg(long, value_name = "ADDR", default_value = "loopback:4222", value_parser = parse_listen, hide_default_value = true)]
    nats: Listen,
    /// Kafka. Default: port 9092 on loopback.
    #[arg(long, value_name = "ADDR", default_value = "loopback:9092", value_parser = parse_listen, hide_default_value = true)]
    kafka: Listen,
    /// The address that Kafka clients are told to connect to. Default: the one that each of them reached.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_host_and_port)]
    kafka_advertise: Option<(String, u16)>,
    /// MQTT over TCP. Default: port 1883 on loopback.
    #[arg(long, value_name = "ADDR", default_value = "loopback:1883", value_parser = parse_listen, hide_default_value = true)]
    mqtt: Listen,
    /// The listener for MQTT over WebSocket, likewise. Default: off.
    #[arg(long, value_name = "ADDR", default_value = "off", value_parser = parse_listen, hide_default_value = true)]
    mqtt_ws: Listen,
    /// Health, totals and metrics over HTTP. Default: port 8222 on loopback.
    #[arg(long, value_name = "ADDR", default_value = "loopback:8222", value_parser = parse_listen, hide_default_value = true)]
    http: Listen,
    /// The directory that holds the data; made where it is missing, and locked.
    #[arg(long, value_name = "DIR", default_value = "stele-data")]
    data: PathBuf,
    /// Make a stream that captures subjects, where there is none of this name: NAME=FILTER[,FILTER…], as TELEMETRY='home.>'.
    /// May be given several times.
    #[arg(long = "stream", value_name = "NAME=FILTERS", value_parser = parse_stream)]
    streams: Vec<(StreamName, Vec<Filter>)>,
    /// Let anybody in on addresses that other machines can reach, without authentication.
    #[arg(long)]
    insecure_anonymous: bool,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    allocator::settle();
    start_log();
    if cfg!(feature = "unsound-no-sync") {
        tracing::error!("UNSOUND: this build syncs nothing; what it acknowledges is lost with the power");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("stele-worker")
        .build()
        .context("the worker threads cannot be started")?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let builder = arguments
        .streams
        .into_iter()
        .fold(Broker::builder(), |builder, (name, subjects)| builder.stream(name, subjects));
    let broker = builder
        .nats(arguments.nats)
        .kafka(arguments.kafka)
        .kafka_settings(KafkaSettings { advertised: arguments.kafka_advertise, ..KafkaSettings::default() })
        .mqtt(arguments.mqtt)
        .mqtt_ws(arguments.mqtt_ws)
        .http(arguments.http)
        .data(Data::Directory(arguments.data))
        .insecure_anonymous(arguments.insecure_anonymous)
        .start()
        .await?;
    say_ready(&broker)?;
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    tracing::info!("stopping");
    broker.stop().await;
    Ok(())
}

/// One line for whoever started us: everything accepts.
fn say_ready(broker: &Broker) -> anyhow::Result<()> {
    let mut line = String::from("ready");
    for (wire, address) in broker.addresses().by_flag() {
        line.push_str(&format!(" {wire}={address}"));
    }
    line.push('\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// On stderr, in colours only where a person reads along.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("STELE_LOG").unwrap_or_else(|_| "info".into());
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
}

/// `loopback:PORT` is the default's way of saying both loopback addresses.
fn parse_listen(text: &str) -> Result<Listen, String> {
    if let Some(port) = text.strip_prefix("loopback:") {
        return port.parse().map(Listen::Loopback).map_err(|error| format!("{error}"));
    }
    text.parse().map_err(|error| format!("{error}"))
}

fn parse_host_and_port(text: &str) -> Result<(String, u16), String> {
    let wrong = || format!("`{text}` is not HOST:PORT");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(wrong());
    }
    Ok((host.to_owned(), port.parse().map_err(|_| wrong())?))
}

/// The name is usable on all wires: what both JetStream and Kafka take.
fn parse_stream(text: &str) -> Result<(StreamName, Vec<Filter>), String> {
    let (name, filters) =
        text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=FILTER[,FILTER…]"))?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() || name.len() > 249 || !name.bytes().all(fits) {
        return Err(format!("`{name}` is not a stream name: 1 to 249 letters, digits, `_` and `-`"));
    }
    let filter =
        |filter: &str| Filter::new(filter.as_bytes()).map_err(|error| format!("`{filter}`: {error}"));
    Ok((StreamName::new(name), filters.split(',').map(filter).collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_read_from_the_command_line() {
        let (name, filters) = parse_stream("TELEMETRY=home.>,office.*").expect("a stream");
        assert_eq!((name.as_str(), filters.len()), ("TELEMETRY", 2));
        for wrong in ["TELEMETRY", "=a", "A B=a", "A=", "A=a..b", "A=a,", "A.B=c"] {
            assert!(parse_stream(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn advertised_addresses_are_host_and_port() {
        assert_eq!(parse_host_and_port("example.org:9092"), Ok(("example.org".into(), 9092)));
        assert_eq!(parse_host_and_port("[::1]:9092"), Ok(("::1".into(), 9092)));
        for wrong in ["example.org", ":9092", "a:b", "a:70000"] {
            assert!(parse_host_and_port(wrong).is_err(), "{wrong}");
        }
    }
}
