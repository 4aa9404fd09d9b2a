//! The programs of the guide, one module for each of its 23 Rust blocks, in the guide's order.
//!
//! Each takes the address of its server instead of a fixed one, ends instead of running for ever, and returns what
//! the block only prints, so that a test can hold the block to its claim. All further edits stand, with their
//! reasons, in `docs/guide-errata.md`. What the programs print, they print in the guide's language.
//! Nothing here is about Stele: the same programs run against nats-server, Kafka and Mosquitto.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the guide's programs print")]
#![allow(clippy::unwrap_used, reason = "the guide's programs unwrap")]
#![allow(clippy::collapsible_if, clippy::single_match, reason = "the guide's lines stay recognisable")]

pub mod guide;
mod versions;
