//! The `stele` binary.

mod allocator;
mod client;
mod commands;
mod serve;
mod tour;

use clap::{Parser, Subcommand};
use commands::{messages, stream};
use std::io::Write;
use std::process::ExitCode;

/// A build that syncs nothing has a name that says so.
#[cfg(feature = "unsound-no-sync")]
const _: () = assert!(
    env!("CARGO_BIN_NAME").len() > "stele".len(),
    "with the feature unsound-no-sync only the program stele-unsound-no-sync is built: --bin stele-unsound-no-sync"
);

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
    Stream(stream::Arguments),
    Pub(messages::Pub),
    Sub(messages::Sub),
    Tour(tour::Arguments),
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let result = match command {
        Command::Serve(arguments) => {
            let result = serve::run(arguments);
            if let Err(error) = &result {
                tracing::error!("{error:#}");
            }
            return if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Command::Stream(arguments) => stream::run(arguments),
        Command::Pub(arguments) => messages::publish(arguments),
        Command::Sub(arguments) => messages::subscribe(arguments),
        Command::Tour(arguments) => return tour::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when this fails, too.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
