//! The comparison: stele, peer, peer, stele in every round; medians; a peer against itself as the noise.

use crate::process::Server;
use std::path::PathBuf;

/// Flags of every verb.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// The stele binary.
    #[arg(long, global = true, default_value = "target/release/stele")]
    pub(crate) stele: PathBuf,
    /// The nats-server binary.
    #[arg(long, global = true, default_value = "target/peers/bin/nats-server")]
    pub(crate) nats_server: PathBuf,
    /// The mosquitto binary.
    #[arg(long, global = true, default_value = "/usr/sbin/mosquitto")]
    pub(crate) mosquitto: PathBuf,
    /// The folder of Apache Kafka's jars.
    #[arg(long, global = true, default_value = "target/peers/kafka-jars")]
    pub(crate) kafka_jars: PathBuf,
    /// Rounds; each is stele, peer, peer, stele.
    #[arg(long, global = true, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// A part of the messages, for a quick look.
    #[arg(long, global = true, default_value_t = 1.0)]
    pub(crate) scale: f64,
    /// Measure stele without its peer.
    #[arg(long, global = true)]
    pub(crate) alone: bool,
}

impl Common {
    /// A number of messages, scaled.
    pub(crate) fn count(&self, messages: usize) -> usize {
        ((messages as f64 * self.scale) as usize).max(1000)
    }
}

/// One case, measured once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) cpu_micros: f64,
    pub(crate) per_second: f64,
    pub(crate) peak_mib: f64,
}

/// What a load came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) seconds: f64,
    /// Messages, records or deliveries: what the figures are per.
    pub(crate) count: usize,
}

/// Runs a load and looks at what it cost the server.
pub(crate) fn measure(
    server: &Server,
    load: impl FnOnce(&Server) -> anyhow::Result<Outcome>,
) -> anyhow::Result<Figure> {
    let before = server.cpu_seconds()?;
    let outcome = load(server)?;
    let cpu = server.cpu_seconds()? - before;
    let count = outcome.count as f64;
    Ok(Figure {
        cpu_micros: cpu * 1e6 / count,
        per_second: count / outcome.seconds,
        peak_mib: server.peak_mib()?,
    })
}

/// Prints the head of a table.
pub(crate) fn head(about: &str, peer: &str, common: &Common) {
    println!("{about} Medians of {} runs.", common.rounds * 2);
    println!(
        "| case | stele CPU µs | {peer} CPU µs | ratio | noise (peer to itself) | stele /s | {peer} /s | ratio | peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
}

/// Measures all cases on one side and then the other, and prints a row for each case.
pub(crate) fn compare(
    common: &Common,
    cases: &[&str],
    mut ours: impl FnMut() -> anyhow::Result<Vec<Figure>>,
    mut peer: impl FnMut() -> anyhow::Result<Vec<Figure>>,
) -> anyhow::Result<()> {
    let (mut our_runs, mut peer_runs) = (Vec::new(), Vec::new());
    for _ in 0..common.rounds {
        our_runs.push(ours()?);
        if !common.alone {
            peer_runs.push(peer()?);
            peer_runs.push(peer()?);
        }
        our_runs.push(ours()?);
    }
    for (index, case) in cases.iter().enumerate() {
        let of = |runs: &[Vec<Figure>]| runs.iter().map(|run| run[index]).collect::<Vec<_>>();
        print_row(case, &of(&our_runs), &of(&peer_runs));
    }
    Ok(())
}

fn print_row(case: &str, ours: &[Figure], theirs: &[Figure]) {
    let (stele, peer) = (median(ours, |f| f.cpu_micros), median(theirs, |f| f.cpu_micros));
    let (stele_rate, peer_rate) = (median(ours, |f| f.per_second), median(theirs, |f| f.per_second));
    let noise: Vec<f64> = theirs.chunks(2).map(|pair| pair[0].cpu_micros / pair[1].cpu_micros).collect();
    println!(
        "| {case} | {stele:.3} | {peer:.3} | {:.2} | {:.2}–{:.2} | {stele_rate:.0} | {peer_rate:.0} | {:.2} | {:.0} / {:.0} |",
        stele / peer,
        noise.iter().copied().fold(f64::INFINITY, f64::min),
        noise.iter().copied().fold(0.0, f64::max),
        stele_rate / peer_rate,
        median(ours, |f| f.peak_mib),
        median(theirs, |f| f.peak_mib),
    );
}

/// NaN for none.
fn median(figures: &[Figure], of: impl Fn(&Figure) -> f64) -> f64 {
    let mut values: Vec<f64> = figures.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count.is_multiple_of(2) => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}
