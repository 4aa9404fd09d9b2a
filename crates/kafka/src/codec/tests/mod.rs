//! Tests of the codec: samples of every message at every version, through every check.
#![allow(elided_lifetimes_in_paths, reason = "tests name each message by macro, with or without a lifetime")]

mod differential;
mod golden;
mod hostile;
mod messages;
mod roundtrip;
mod sample;

pub(crate) use sample::{Sample, Seed};
