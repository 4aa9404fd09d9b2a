//! How long a start takes.

use crate::wires;
use std::time::{Duration, Instant};
use stele_broker::Broker;

/// Starts that the median is taken of.
const STARTS: usize = 50;

/// What the median may take beside other tests. `cargo xtask embedded` measures alone and sets the real limit.
const LIMIT_BESIDE_OTHERS: Duration = Duration::from_secs(1);

#[tokio::test]
async fn all_wires_are_up_in_a_moment() {
    let limit = std::env::var("STELE_START_MS_MAX").map_or(LIMIT_BESIDE_OTHERS, |text| {
        Duration::from_millis(text.parse().expect("STELE_START_MS_MAX is a number"))
    });
    let mut taken = Vec::new();
    for start in 0..STARTS {
        let began = Instant::now();
        let broker = Broker::start().await.expect("it starts");
        taken.push(began.elapsed());
        if start == 0 {
            wires::round_trips(&broker).await;
        }
        broker.stop().await;
    }
    taken.sort();
    let median = taken[STARTS / 2];
    println!("median of {STARTS} starts: {median:?}, slowest {:?}", taken[STARTS - 1]);
    assert!(median <= limit, "median of {STARTS} starts: {median:?}");
}
