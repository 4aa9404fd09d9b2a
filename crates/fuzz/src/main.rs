//! `stele-fuzz list`, `corpus`, and `mutate TARGET SECONDS [SEED]`; `cargo xtask fuzz` is the way to call it.
#![expect(clippy::print_stdout, reason = "a command talks to its caller")]

use anyhow::{Context, bail};
use std::time::{Duration, Instant};
use stele_fuzz::mutate::{Mutator, shrink, survives};
use stele_fuzz::{corpus, target, targets};

/// An input that takes longer is told.
const SLOW: Duration = Duration::from_secs(2);

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => targets().iter().for_each(|(name, _)| println!("{name}")),
        ["corpus"] => println!("{} seeds for {} targets", corpus::write()?, targets().len()),
        ["mutate", name, seconds] => mutate(name, seconds, "1")?,
        ["mutate", name, seconds, seed] => mutate(name, seconds, seed)?,
        _ => bail!("usage: stele-fuzz list | corpus | mutate TARGET SECONDS [SEED]"),
    }
    Ok(())
}

/// Mutates until the time is over; ends at the first input that does harm.
fn mutate(name: &str, seconds: &str, seed: &str) -> anyhow::Result<()> {
    let run =
        target(name).with_context(|| format!("there is no target `{name}`; `stele-fuzz list` names them"))?;
    let until = Duration::from_secs(seconds.parse().context("seconds are a number")?);
    let mut mutator = Mutator::new(
        corpus::inputs(name)?.into_values().collect(),
        seed.parse().context("a seed is a number")?,
    );
    let began = Instant::now();
    let (mut count, mut slowest) = (0_u64, Duration::ZERO);
    while began.elapsed() < until {
        let input = mutator.input();
        let start = Instant::now();
        if !survives(run, &input) {
            std::panic::set_hook(Box::new(|_| {}));
            let small = shrink(run, &input);
            drop(std::panic::take_hook());
            let folder = corpus::folder().join("artifacts").join(name);
            std::fs::create_dir_all(&folder)?;
            let file = folder.join(format!("crash-{count}"));
            std::fs::write(&file, &small)?;
            bail!(
                "{name}: harm done after {count} inputs by {} bytes: {}\n{}",
                small.len(),
                file.display(),
                small.escape_ascii()
            );
        }
        let taken = start.elapsed();
        if taken > slowest {
            slowest = taken;
            if taken > SLOW {
                println!("{name}: slow, {taken:?}: {}", input.escape_ascii());
            }
        }
        count += 1;
    }
    println!("{name}: {count} inputs, slowest {slowest:?}");
    Ok(())
}
