//! The `stele` binary.

mod serve;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// One durable log in three wire protocols: NATS, Kafka and MQTT.
#[derive(Debug, Parser)]
#[command(name = "stele", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the broker.
    Serve(serve::Arguments),
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let result = match command {
        Command::Serve(arguments) => serve::run(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
