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

mod broker;
mod capture;
mod connection;
mod fan_out;
mod journal;
mod lane_journal;
mod link;
mod pending;
mod port;
mod record_headers;
mod relay;
mod router;
mod scratch;
pub mod store;

pub use broker::{Core, Counters, Durable};
pub use connection::{Attended, Connection, Stalled};
pub use fan_out::QUEUED_STALL_BYTES;
pub use relay::RelaySession;
pub use router::Router;
pub use scratch::{Output, Scratch};

pub use journal::{FrameKind, Journal, JournalFrame, Lsn, MemoryJournal, StoredFrame};
pub use lane_journal::{LaneJournal, Replayed};
pub use link::{Inbox, Link, Nowhere, Outlet};
