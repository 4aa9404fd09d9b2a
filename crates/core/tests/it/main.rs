//! The store on a lane on a simulated disk: checkpoints, room, damage.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, tell how to replay and begin at any time"
)]

mod checkpoints;
mod crashes;
mod damage;
mod once;
mod world;
