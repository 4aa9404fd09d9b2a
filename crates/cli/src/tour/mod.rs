//! `stele tour`: a broker of its own and a client for each role, one idea per step.
//!
//! ```text
//!  walk ─ steps ─→ clients (async-nats, rdkafka, rumqttc) ─ loopback ─→ broker, on a log in a temporary directory
//!    │                └─ what each of them sent and received ─┐
//!    ├─→ ledger ─ beside /varz, /metrics and the log's ends ──┴─→ equal, or the tour ends with code 1
//!    └─→ report: text as it happens, or one JSON document at the end (docs/tour.md has its shape)
//! ```
//!
//! Nothing stays: the directory, the ports and the threads are gone at the end, after a failure or SIGINT, too.
//! The clients come with the feature `tour`; without it the command only says how to get it.

#[cfg(feature = "tour")]
mod clients;
#[cfg(feature = "tour")]
mod ledger;
#[cfg(feature = "tour")]
mod narrator;
#[cfg(feature = "tour")]
mod report;
#[cfg(feature = "tour")]
mod stage;
#[cfg(feature = "tour")]
mod steps;
#[cfg(feature = "tour")]
mod walk;

use std::process::ExitCode;

/// Walk through the three wires: a broker of its own, a client for each role, nothing left behind. Takes a few seconds
/// where nobody watches; on a terminal it waits for Enter after each step.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print one JSON document at the end instead of text, and wait for nobody.
    #[arg(long)]
    json: bool,
}

/// Code 0: every count of the broker is that of its clients. 1: the step that is named failed. 2: built without the
/// tour. 130: interrupted.
#[cfg(feature = "tour")]
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    ExitCode::from(walk::run(arguments.json))
}

#[cfg(not(feature = "tour"))]
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    use std::io::Write;
    let Arguments { json: _ } = arguments;
    // Nobody is left to tell when this fails, too.
    let _ = writeln!(std::io::stderr(), "error: {ABSENT}");
    ExitCode::from(ABSENT_CODE)
}

/// What a build without the tour says.
#[cfg(any(not(feature = "tour"), test))]
const ABSENT: &str = "this stele was built without its tour, whose clients (librdkafka among them) are not in the plain \
                      build; with a C compiler and make at hand: cargo run --release --features tour -- tour";

#[cfg(any(not(feature = "tour"), test))]
const ABSENT_CODE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::{ABSENT, ABSENT_CODE};

    #[test]
    fn a_build_without_the_tour_says_how_to_get_it() {
        assert!(ABSENT.contains("--features tour"), "{ABSENT}");
        assert_eq!(ABSENT_CODE, 2, "as for every command line that cannot be followed");
    }
}
