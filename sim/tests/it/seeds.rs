//! Seeds over which the broker keeps every promise.

use stele_sim::{FIXED_SEEDS, Plan, Report, run};

/// Seeds of every test run. `cargo xtask sim` runs more.
const SEEDS: u64 = 100;

#[test]
fn every_promise_holds_over_crashes() {
    let mut total = Report::default();
    for seed in 0..SEEDS {
        let report = check(seed);
        total.crashes += report.crashes;
        total.acked += report.acked;
        total.shortened += report.shortened;
        total.delivered += report.delivered;
    }
    // The budget is worth something only while crashes meet work, and logs that checkpoints have shortened.
    assert!(
        total.crashes > 2 * SEEDS
            && total.acked > 100 * SEEDS
            && total.delivered > 10 * SEEDS
            && total.shortened > SEEDS,
        "{total:?}"
    );
}

#[test]
fn seeds_that_found_bugs_pass() {
    for (seed, _) in FIXED_SEEDS {
        check(*seed);
    }
}

#[test]
fn the_same_seed_twice_gives_the_same_bytes() {
    for seed in (1000..1200).step_by(20) {
        let (first, second) = (run(&Plan::of(seed)), run(&Plan::of(seed)));
        assert_eq!(first, second, "seed {seed}");
        assert_ne!(first.digest, run(&Plan::of(seed + 1)).digest);
    }
}

fn check(seed: u64) -> Report {
    let report = run(&Plan::of(seed));
    let replay = format!("replay with: cargo run -p stele-sim --release -- --seed {seed}");
    assert_eq!(report.violation, None, "{replay}");
    report
}
