//! The real servers, to test beside: nats-server, Apache Kafka and Mosquitto, on loopback and on private ports.
//!
//! Everything lies in `target/peers`: programs, data, logs, and the list of what runs (`running.txt`), which
//! `peers stop` reads. Nothing is stopped by name, only by the process id that was written down.

mod install;
mod start;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

pub(crate) use self::install::{copy_jars, run};
use crate::report::Report;
use crate::test::{cargo, target_folder};

/// Dispatches `cargo xtask peers ...`.
pub(crate) fn verb(words: &[&str]) -> anyhow::Result<bool> {
    match words {
        ["install"] => install().map(|()| true),
        ["start"] => {
            install()?;
            start().map(|running| println!("{running}")).map(|()| true)
        }
        ["stop"] => stop().map(|()| true),
        ["status"] => status().map(|()| true),
        ["test", filter @ ..] => test(filter),
        _ => anyhow::bail!("peers install | start | stop | status | test [FILTER]"),
    }
}

/// Installs all three, where they are missing.
pub(crate) fn install() -> anyhow::Result<()> {
    install::everything()
}

/// The addresses of the real servers while they run.
pub(crate) struct Running {
    pub(crate) nats: SocketAddr,
    pub(crate) kafka: SocketAddr,
    pub(crate) mqtt: SocketAddr,
}

impl std::fmt::Display for Running {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "ready nats={} kafka={} mqtt={}", self.nats, self.kafka, self.mqtt)
    }
}

/// Starts all three, unless they run.
pub(crate) fn start() -> anyhow::Result<Running> {
    stop()?;
    let running = Running { nats: free_address()?, kafka: free_address()?, mqtt: free_address()? };
    let result = start::nats(running.nats)
        .and_then(|()| start::mosquitto(running.mqtt))
        .and_then(|()| start::kafka(running.kafka, free_address()?));
    if let Err(error) = result {
        stop()?;
        return Err(error);
    }
    Ok(running)
}

/// Stops what `start` started, by process id.
pub(crate) fn stop() -> anyhow::Result<()> {
    for (name, process) in running()? {
        start::end(process).with_context(|| format!("stopping {name}"))?;
    }
    let list = folder().join("running.txt");
    if list.exists() {
        std::fs::remove_file(list)?;
    }
    Ok(())
}

/// Runs the guide's programs against the real servers. The tests start their own nats-server and Mosquitto, since
/// some of them stop and restart it; Kafka takes seconds to start and is shared.
fn test(filter: &[&str]) -> anyhow::Result<bool> {
    install()?;
    stop()?;
    let kafka = free_address()?;
    start::kafka(kafka, free_address()?)?;
    let mut report = Report::default();
    let outcome = report.tests(
        "the guide's programs against nats-server, Kafka and Mosquitto",
        cargo()
            .args(["test", "-p", "stele-examples", "--test", "it", "--", "--test-threads", "4"])
            .args(filter)
            .env("STELE_PEERS", "1")
            .env("STELE_PEER_NATS_SERVER", install::nats_server())
            .env("STELE_PEER_MOSQUITTO", install::mosquitto())
            .env("STELE_PEER_KAFKA", kafka.to_string()),
    );
    stop()?;
    outcome?;
    Ok(report.finish())
}

fn status() -> anyhow::Result<()> {
    for (name, process) in running()? {
        println!("{name}: process {process} {}", if start::alive(process) { "runs" } else { "has ended" });
    }
    Ok(())
}

/// Where the peers' programs, data and logs lie.
fn folder() -> PathBuf {
    target_folder().join("peers")
}

/// The processes that were started: name and process id.
fn running() -> anyhow::Result<Vec<(String, u32)>> {
    let Ok(text) = std::fs::read_to_string(folder().join("running.txt")) else { return Ok(Vec::new()) };
    let row = |line: &str| {
        let (name, process) = line.split_once(' ').context("a line of running.txt")?;
        Ok((name.to_owned(), process.parse().context("a process id in running.txt")?))
    };
    text.lines().map(row).collect()
}

/// An address on loopback that was free a moment ago.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Whether a program can be found.
pub(crate) fn has(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output()
        .is_ok_and(|found| found.status.success())
}
