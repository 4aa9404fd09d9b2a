//! The whole broker in one thread: real sessions, store and lane on a simulated disk, network and clock, all of it fixed
//! by one seed.
//!
//! ```text
//!  Client ─ bytes ─→ Wire ─→ Connection ─→ Core, Store ─→ FileLane, Checkpoints ─→ SimDisk
//!    │  ↑              ↑                        ↑             ↑           ↑         ↑
//!    │  └── bytes ─────┴── World: picks the next enabled step by seed ────┴─────────┴── crashes, failed syncs, a full disk
//!    └─ what was sent, acknowledged, delivered ─→ Ledger: the first broken promise ends the run
//! ```
//!
//! The clients are small state machines that speak their protocol's bytes; they send again what was not acknowledged,
//! as real ones do. The [`Ledger`](ledger) holds the history to the promises: what was acknowledged is recovered,
//! offsets only rise and never change content, and so on; [`Check`] lists them.
//!
//! Invariants:
//! - Nothing here reads a clock, an environment or a random number; no hash map is iterated. Equal plans give equal
//!   [`Report`]s, byte for byte.
//! - A client believes only what it was sent. What the network cut, it does not know.
//! - Every check can fail: for each there is a [`Mutation`] that makes it, and a test that says so.

mod broker;
mod clients;
mod ledger;
mod mutation;
mod network;
mod opening;
mod plan;
mod schedule;
mod trace;
mod world;

pub use ledger::{Check, Violation};
pub use mutation::Mutation;
pub use plan::{FIXED_SEEDS, Plan};
pub use world::{Report, run};
