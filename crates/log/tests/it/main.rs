//! Lanes from outside: one suite for every lane, crashes by seed, damage by bit.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may panic and tell how to replay")]

mod crash;
mod damage;
mod suite;
