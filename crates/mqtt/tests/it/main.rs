//! The MQTT codec and mapping seen from outside.
#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod corpus;
mod exactly_once;
mod golden;
mod headers;
mod hostile;
mod malformed;
mod names;
mod roundtrip;
mod session;
mod world;
