//! What was acknowledged before `kill -9` is there afterwards, in its place and with its bytes, on all three wires.
//!
//! Each round starts the binary on what the round before left, checks it, loads all wires at once, and kills it under the
//! load. `STELE_CRASH_ROUNDS` sets the number of rounds (`cargo xtask crash --rounds N`).

mod jetstream;
mod kafka;
mod mqtt;

use crate::binary::{Binary, command};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Rounds of load and kill on one data directory.
const ROUNDS: u64 = 6;

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let rounds = match std::env::var("STELE_CRASH_ROUNDS") {
        Ok(text) => text.parse().expect("STELE_CRASH_ROUNDS is a number"),
        Err(_) => ROUNDS,
    };
    let folder = tempfile::tempdir().expect("a directory");
    // The producer lives through all rounds, so Kafka's port stays.
    let kafka_address = quiet_address();
    let mut jetstream = jetstream::Load::default();
    let mut kafka = kafka::Load::new(kafka_address);
    let mut mqtt = mqtt::Load::default();
    for round in 0..rounds {
        let binary = start(folder.path(), kafka_address);
        jetstream.prepare(binary.address("nats"));
        jetstream.verify(binary.address("nats"), round % 10 == 0);
        kafka.verify(false);
        let (nats, stop) = (binary.address("nats"), AtomicBool::new(false));
        // In some rounds nobody takes what is published: it waits for the next.
        let reads = round % 3 != 1;
        std::thread::scope(|threads| {
            threads.spawn(|| jetstream.run(nats, round, &stop));
            threads.spawn(|| kafka.run(round, &stop));
            threads.spawn(|| mqtt.run(binary.address("mqtt"), reads, &stop));
            // The moment of the kill differs from round to round: early, in the middle of a commit, after a roll.
            std::thread::sleep(Duration::from_millis(100 + (round * 37) % 200));
            binary.kill_now();
            stop.store(true, Ordering::Release);
        });
    }
    let binary = start(folder.path(), kafka_address);
    mqtt.finish(binary.address("mqtt"));
    kafka.finish();
    jetstream.verify(binary.address("nats"), true);
    mqtt.verify(binary.address("nats"));
    kafka.verify(true);
    let counts = (jetstream.acknowledged(), kafka.acknowledged(), mqtt.acknowledged());
    println!(
        "{rounds} rounds; acknowledged (JetStream, Kafka, MQTT): {counts:?}; QoS 2 sent again: {}",
        mqtt.repeated()
    );
    for count in [counts.0, counts.1, counts.2] {
        assert!(count as u64 > rounds * 10, "the load was real: {counts:?}");
    }
    assert!(binary.terminate().success());
}

fn start(data: &Path, kafka: SocketAddr) -> Binary {
    let mut command = command(data);
    command.args(["--nats", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--http", "off"]);
    Binary::launch(command.arg("--kafka").arg(kafka.to_string()))
}

/// A free address that no outgoing connection is given, as one below the usual range of those: a client that tries again
/// and again while nobody listens must not reach itself.
fn quiet_address() -> SocketAddr {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).expect("below 10,000");
    let free = (first..32_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    SocketAddr::from(([127, 0, 0, 1], free.expect("some port is free")))
}
