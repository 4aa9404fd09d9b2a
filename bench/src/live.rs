//! The live path beside nats-server: CPU of the server per message and per delivery.

use crate::blast::{Load, blast};
use crate::process::Server;
use std::path::PathBuf;

/// What to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The stele binary.
    #[arg(long, default_value = "target/release/stele")]
    stele: PathBuf,
    /// The nats-server binary.
    #[arg(long, default_value = "nats-server")]
    nats_server: PathBuf,
    /// Rounds; each is stele, peer, peer, stele.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// A part of the messages, for a quick look.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
}

struct Case {
    name: &'static str,
    load: Load,
}

#[derive(Clone, Copy)]
struct Figure {
    cpu_micros: f64,
    per_second: f64,
    peak_mib: f64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    println!(
        "128 B messages on loopback; nothing is stored on either side. Medians of {} runs.",
        arguments.rounds * 2
    );
    println!(
        "| case | stele CPU µs | nats-server CPU µs | ratio | noise (peer to itself) | stele /s | nats-server /s | peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for case in cases(arguments.scale) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..arguments.rounds {
            ours.push(measure(&Server::stele(&arguments.stele)?, case.load)?);
            theirs.push(measure(&Server::nats(&arguments.nats_server)?, case.load)?);
            theirs.push(measure(&Server::nats(&arguments.nats_server)?, case.load)?);
            ours.push(measure(&Server::stele(&arguments.stele)?, case.load)?);
        }
        let (stele, peer) = (median(&ours, |f| f.cpu_micros), median(&theirs, |f| f.cpu_micros));
        let noise: Vec<f64> = theirs.chunks(2).map(|pair| pair[0].cpu_micros / pair[1].cpu_micros).collect();
        println!(
            "| {} | {stele:.3} | {peer:.3} | {:.2} | {:.2}–{:.2} | {:.0} | {:.0} | {:.0} / {:.0} |",
            case.name,
            stele / peer,
            noise.iter().copied().fold(f64::INFINITY, f64::min),
            noise.iter().copied().fold(0.0, f64::max),
            median(&ours, |f| f.per_second),
            median(&theirs, |f| f.per_second),
            median(&ours, |f| f.peak_mib),
            median(&theirs, |f| f.peak_mib),
        );
    }
    Ok(())
}

fn cases(scale: f64) -> Vec<Case> {
    let load = |subscribers, messages: f64, burst_bytes| Load {
        subscribers,
        messages: (messages * scale) as usize,
        payload_bytes: 128,
        burst_bytes,
    };
    vec![
        Case { name: "1:1, bursts of 32 KiB", load: load(1, 2_000_000.0, 32 << 10) },
        Case { name: "1:1, bursts of 1.5 KB", load: load(1, 1_000_000.0, 1500) },
        Case { name: "1:1, one message per write", load: load(1, 500_000.0, 1) },
        Case { name: "1:50, per delivery", load: load(50, 100_000.0, 32 << 10) },
    ]
}

fn measure(server: &Server, load: Load) -> anyhow::Result<Figure> {
    let before = server.cpu_seconds()?;
    let outcome = blast(server.address, load)?;
    let cpu = server.cpu_seconds()? - before;
    let deliveries = outcome.deliveries as f64;
    Ok(Figure {
        cpu_micros: cpu * 1e6 / deliveries,
        per_second: deliveries / outcome.seconds,
        peak_mib: server.peak_mib()?,
    })
}

fn median(figures: &[Figure], of: impl Fn(&Figure) -> f64) -> f64 {
    let mut values: Vec<f64> = figures.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] }
}
