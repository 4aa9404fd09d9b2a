//! Hostile input on every port of the running binary: it is refused, costs little memory, and harms no other client.
//!
//! Before and after a valid handshake: crafted frames, random bytes, truncated and altered frames, and many connections
//! that stop in the middle of a frame. `STELE_HOSTILE_SEED` repeats a run.

mod attack;
mod crafted;
mod frames;
mod witness;

use crate::binary::{Binary, FREE_PORTS, command};
use attack::Target;
use frames::Random;
use std::fs::File;
use std::time::{Duration, Instant};
use witness::Witnesses;

/// What hostile input may cost, in KiB.
const MEMORY_KIB_MAX: u64 = 64 << 10;
/// How long random input comes.
const RANDOM_TIME: Duration = Duration::from_secs(6);
/// Connections that stop in the middle of a frame, of each kind.
const SLOW_CONNECTIONS: usize = 120;

#[test]
fn hostile_input_is_refused_costs_little_and_harms_nobody() {
    let folder = tempfile::tempdir().expect("a directory");
    let log = folder.path().join("stderr");
    let mut command = command(&folder.path().join("data"));
    command.args(FREE_PORTS).stderr(File::create(&log).expect("a file"));
    let binary = Binary::launch(&mut command);
    let witnesses = Witnesses::start(&binary);
    witnesses.wait_for(30);
    let idle = memory(&binary, "VmRSS:");
    let targets = Target::all(&binary);

    refuse(&targets);
    let after_crafted = memory(&binary, "VmHWM:");
    pelt(&targets);
    let after_random = memory(&binary, "VmHWM:");
    for target in &targets {
        stop_in_the_middle(target);
    }
    witnesses.wait_for(30);
    let peak = memory(&binary, "VmHWM:");
    println!(
        "KiB: idle {idle}, peak after crafted {after_crafted}, random {after_random}, slow {peak}; now {}; {}",
        memory(&binary, "VmRSS:"),
        witnesses.finish()
    );
    let said = std::fs::read_to_string(&log).expect("what it said");
    assert!(!said.contains("panicked"), "{said}");
    assert!(binary.terminate().success(), "{said}");
    assert!(peak <= idle + MEMORY_KIB_MAX, "from {idle} KiB to {peak} KiB");
}

/// What no protocol allows ends the connection; what is only strange may be answered.
fn refuse(targets: &[Target]) {
    std::thread::scope(|threads| {
        for target in targets {
            threads.spawn(|| {
                for crafted in crafted::all(target.wire) {
                    for prelude in target.preludes(&crafted) {
                        target.send(prelude, &crafted);
                    }
                }
            });
        }
    });
}

/// Random bytes, and good frames that were cut or altered.
fn pelt(targets: &[Target]) {
    let seed = std::env::var("STELE_HOSTILE_SEED").map_or(7, |text| text.parse().expect("a number"));
    let until = Instant::now() + RANDOM_TIME;
    std::thread::scope(|threads| {
        for (number, target) in targets.iter().enumerate() {
            threads.spawn(move || {
                let mut random = Random::new(seed + number as u64);
                while Instant::now() < until {
                    let bytes = frames::hostile(target.wire, &mut random);
                    target.pelt(random.below(2) == 0, &bytes);
                }
            });
        }
    });
}

/// Many connections at once begin a large frame and leave it unfinished.
fn stop_in_the_middle(target: &Target) {
    for (prelude, begun) in crafted::unfinished(target.wire) {
        let held: Vec<_> = (0..SLOW_CONNECTIONS).filter_map(|_| target.begin(&prelude, &begun)).collect();
        assert!(held.len() > SLOW_CONNECTIONS / 2, "{:?} accepted only {}", target.wire, held.len());
        drop(held);
    }
}

/// A line of the process's status, in KiB.
fn memory(binary: &Binary, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", binary.process_id())).expect("it runs");
    let value = status.lines().find_map(|text| text.strip_prefix(line)).expect("a line of the status");
    value.trim().trim_end_matches(" kB").parse().expect("a number")
}
