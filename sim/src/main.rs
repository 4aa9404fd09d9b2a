//! `stele-sim`: runs seeds of the simulation and prints what breaks.
#![expect(clippy::print_stdout, reason = "a command talks to its caller")]

use clap::Parser;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use stele_sim::{Mutation, Plan, run};

/// The whole broker in one thread, with crashes, fixed by a seed.
#[derive(Debug, Parser)]
struct Arguments {
    /// Run this seed alone and say what it did.
    #[arg(long)]
    seed: Option<u64>,
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Go on with further seeds for so long.
    #[arg(long)]
    minutes: Option<u64>,
    /// Break the broker on purpose; the name of a mutation, as `AckBeforeSync`.
    #[arg(long)]
    mutation: Option<String>,
}

#[expect(clippy::disallowed_methods, reason = "how long the command runs is the caller's wish")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(mutation) = mutation(arguments.mutation.as_deref()) else {
        println!("no such mutation; there are: {:?}", Mutation::ALL);
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let (mut ran, mut failed, mut crashes, mut acked, mut steps) = (0_u64, 0_u64, 0, 0, 0);
    let (from, count) = match arguments.seed {
        Some(seed) => (seed, 1),
        None => (arguments.from, arguments.seeds),
    };
    let limit = arguments.minutes.map(|minutes| Duration::from_secs(minutes * 60));
    for seed in from.. {
        let over = match limit {
            Some(limit) => start.elapsed() >= limit,
            None => ran >= count,
        };
        if over {
            break;
        }
        let report = run(&Plan { seed, mutation });
        ran += 1;
        crashes += report.crashes;
        acked += report.acked;
        steps += report.steps;
        if arguments.seed.is_some() {
            println!("{report:#?}");
        }
        if let Some(violation) = report.violation {
            failed += 1;
            println!("seed {seed}: {violation}");
            println!("  replay: cargo run -p stele-sim --release -- --seed {seed}");
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{ran} seeds, {failed} failed; {crashes} crashes, {acked} acknowledged messages, {steps} steps, {seconds:.1} s"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mutation(name: Option<&str>) -> Option<Mutation> {
    let Some(name) = name else { return Some(Mutation::None) };
    Mutation::ALL.iter().copied().find(|mutation| format!("{mutation:?}") == name)
}
