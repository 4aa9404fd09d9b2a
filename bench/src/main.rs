//! Measurements beside the peers: both in one run, in turn, medians, CPU per message first.
//!
//! `cargo run --release -p stele-bench -- live` needs `stele` (built with `cargo build --release`) and `nats-server` on
//! the PATH or named by flags. Everything listens on loopback and is stopped by its process id.

#![allow(clippy::print_stdout, reason = "a measurement prints its table")]

mod blast;
mod live;
mod process;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "stele-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Core NATS: one publisher to one and to fifty subscribers, raw sockets, beside nats-server.
    Live(live::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Live(arguments) => live::run(&arguments),
    }
}
