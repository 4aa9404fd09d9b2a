//! Lanes from outside: one suite for every lane, crashes by seed, damage by bit.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may panic, tell how to replay, start threads and begin at any time"
)]

mod crash;
mod damage;
mod files;
mod hold;
mod release;
mod suite;
