//! The real binary: starting, stopping, and what is left after `kill -9`.

mod binary;
mod close;
mod commands;
mod crash;
mod hostile;
mod identity;
mod mqtt;
mod nats;
mod readme;
mod start;
#[cfg(feature = "tour")]
mod tour;
#[cfg(not(feature = "tour"))]
mod tour_absent;
