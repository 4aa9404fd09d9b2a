//! What an idle connection costs in resident memory, and whether it comes back.

use crate::kafka_client::Client;
use crate::peers::{self, Jetstream, Wire};
use crate::process::Server;
use crate::table::Common;
use crate::{mqtt_client, nats};
use anyhow::ensure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Flags of this verb.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Connections.
    #[arg(long, default_value_t = 15_000)]
    connections: usize,
    /// Only this wire: nats, kafka, mqtt or mqtt-ws.
    #[arg(long)]
    wire: Option<String>,
}

/// Connections before the first look, so that what a server makes once is not counted.
const WARM_UP: usize = 200;

/// Long enough for a server that frees in the background.
const SETTLE: Duration = Duration::from_secs(3);

pub(crate) fn run(common: &Common, arguments: &Arguments) -> anyhow::Result<()> {
    allow_many_files()?;
    println!(
        "{} connections that have shaken hands and are silent. VmRSS; kernel memory is not in it.",
        arguments.connections
    );
    println!(
        "| wire | server | bytes per connection | MiB before | MiB with all | MiB after they closed | given back |"
    );
    println!("|---|---|---|---|---|---|---|");
    for wire in Wire::ALL {
        if arguments.wire.as_ref().is_some_and(|only| only != wire.name()) {
            continue;
        }
        look(wire, "stele", &peers::stele(common, wire, &[])?, arguments.connections)?;
        if common.alone {
            continue;
        }
        let (name, server) = match wire {
            Wire::Nats => ("nats-server", peers::nats(common, Jetstream::Off)?),
            Wire::Kafka => ("Kafka", peers::kafka(common)?),
            Wire::Mqtt | Wire::MqttWs => ("Mosquitto", peers::mosquitto(common, wire)?),
        };
        look(wire, name, &server, arguments.connections)?;
    }
    Ok(())
}

fn look(wire: Wire, name: &str, server: &Server, count: usize) -> anyhow::Result<()> {
    drop(hold(wire, server.address, WARM_UP)?);
    std::thread::sleep(SETTLE);
    let before = server.resident_kib()?;
    let connections = hold(wire, server.address, count)?;
    std::thread::sleep(SETTLE);
    let full = server.resident_kib()?;
    drop(connections);
    std::thread::sleep(SETTLE);
    let after = server.resident_kib()?;
    println!(
        "| {} | {name} | {:.0} | {:.1} | {:.1} | {:.1} | {:.0} % |",
        wire.name(),
        (full - before) * 1024.0 / count as f64,
        before / 1024.0,
        full / 1024.0,
        after / 1024.0,
        (full - after) / (full - before) * 100.0
    );
    Ok(())
}

/// Opens connections and shakes hands on each.
fn hold(wire: Wire, address: SocketAddr, count: usize) -> anyhow::Result<Vec<TcpStream>> {
    (0..count).map(|index| open(wire, address, index)).collect()
}

fn open(wire: Wire, address: SocketAddr, index: usize) -> anyhow::Result<TcpStream> {
    let client_id = format!("idle-{index:06}");
    match wire {
        Wire::Nats => nats::connect(address),
        Wire::Mqtt => mqtt_client::connect(address, &client_id),
        Wire::MqttWs => over_websocket(address, &client_id),
        Wire::Kafka => {
            let mut client = Client::connect(address)?;
            client.greet()?;
            Ok(client.stream)
        }
    }
}

fn over_websocket(address: SocketAddr, client_id: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(nats::SILENCE))?;
    stream.write_all(
        format!(
            "GET /mqtt HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: mqtt\r\n\r\n"
        )
        .as_bytes(),
    )?;
    let (mut seen, mut byte) = (Vec::new(), [0]);
    while !seen.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        seen.push(byte[0]);
    }
    ensure!(seen.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&seen));
    // A masked binary frame with a mask of zeros.
    let packet = mqtt_client::connect_packet(client_id);
    let mut frame = vec![0x82, 0x80 | packet.len() as u8, 0, 0, 0, 0];
    frame.extend(packet);
    stream.write_all(&frame)?;
    let mut answer = [0; 6];
    stream.read_exact(&mut answer)?;
    ensure!(answer == [0x82, 4, 0x20, 2, 0, 0], "CONNACK {answer:?}");
    Ok(stream)
}

/// For this process and the servers that it starts.
fn allow_many_files() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}
