//! The project's own commands: `cargo xtask VERB`.
//!
//! Everything that CI does, a person can do with the same words. This crate starts other programs and reads
//! text; it holds no product code and no product crate depends on it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its caller")]

mod audit;
mod crash;
mod embedded;
mod foreign;
mod fuzz;
mod guide_old;
mod peers;
mod report;
mod sim;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask VERB

  test                 everything that this machine can test; names what it skips
  check                the fast part of it: formatting, tidy, lints, unit tests
  tidy [--ratchet]     the rules of the house; --ratchet records today's long files and functions
  foreign [RUNTIME..]  clients in go, java, python, node against the wires that stele serves
  foreign --peers      the same clients against the real nats-server, Kafka and Mosquitto
  embedded             a crate of its own that starts the broker in a test: start time, and what it builds
  sim [--seeds N | --minutes N | --seed N]
                       the whole broker in one thread with crashes, by seeds (1,000 unless said otherwise)
  fuzz TARGET|all [--seconds N] [--plain]
                       libfuzzer with the address sanitizer; --plain: mutations alone, in an ordinary build
  fuzz-corpus          writes the seeds in fuzz/corpus and the list of programs in fuzz/Cargo.toml
  audit-acks [--prove] the release binary under strace: no ack leaves before its fdatasync; --prove also audits a
                       build without syncs, which must fail; --short: the debug binary, as in `test`
  crash [--rounds N]   kill -9 on the release binary under load on all three wires; 20 rounds unless said otherwise
  guide-old            the guide's programs with the dependency set that the guide prints
  peers install        nats-server, Apache Kafka, Mosquitto and kcat for side-by-side tests
  peers start|stop|status
  peers test [FILTER]  the guide's programs against the real servers";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test"] => test::all(),
        ["check"] => test::fast(),
        ["tidy"] => tidy::verb(false),
        ["tidy", "--ratchet"] => tidy::verb(true),
        ["embedded"] => embedded::verb(),
        ["foreign", rest @ ..] => foreign::verb(rest),
        ["sim", rest @ ..] => sim::verb(rest),
        ["fuzz", rest @ ..] => fuzz::verb(rest),
        ["fuzz-corpus"] => fuzz::corpus(),
        ["audit-acks", rest @ ..] => audit::verb(rest),
        ["crash", rest @ ..] => crash::verb(rest),
        ["guide-old"] => guide_old::verb(),
        ["peers", rest @ ..] => peers::verb(rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's root: this crate's parent folder.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies in the workspace").to_path_buf()
}

/// The wires that the binary serves today, as `conformance/served.txt` lists them.
fn served_wires() -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(root().join("conformance/served.txt"))?;
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(String::from)
        .collect())
}
