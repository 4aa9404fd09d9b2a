//! The core of the broker: the live router, and the shards whose state machines own everything durable.
//!
//! ```text
//!  Session ─ Turn ─┬─ publish ──→ live router ──→ outlets of other connections
//!                  ├─ captures ─→ store ─→ shard ─→ journal (lane)
//!                  └─ requests ─→ store ─→ shard ─→ journal, or a waiting list
//!  journal durable ─→ store.settle ─→ links (inbox, wake) ─→ Session::complete
//! ```
//!
//! Plain objects, no threads, no clock, no sockets: the host drives them, and so does the simulator.

mod journal;
mod link;
pub mod store;

pub use journal::{FrameKind, Journal, JournalFrame, Lsn, MemoryJournal, StoredFrame};
pub use link::{Inbox, Link, Outlet};
