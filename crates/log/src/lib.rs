//! The durable log: lanes with group commit, recovery, snapshots.
//!
//! A [`Lane`] is an append-only sequence of checksummed frames that carries many partitions, so that one
//! write and one sync make the work of all of them durable (design §4). It knows bytes and positions, no
//! protocol. Two lanes stand behind the seam: [`FileLane`] on a [`stele_io::Disk`], and [`MemoryLane`], which
//! behaves as one on an object store does: slow puts, several in flight, fencing by create-only puts.
//!
//! ```text
//!  shards ── submit ─▶ queue ── step: take all, one write, one sync ─▶ medium
//!     ▲                          (a few groups overlap)   │
//!     └──────── subscriber, once per commit ◀── durable watermark, in order
//! ```
//!
//! Invariants:
//! - The watermark passes a frame only after a sync that covers the frame and its commit record returned, and after
//!   it has passed everything before the frame.
//! - A group is recovered whole or not at all; what was cut at a recovery never returns.
//! - After a failed write or sync nothing is synced again: the lane stops, and an opening rescans.
//! - Damage at or below the highest position known synced is reported by name, never cut.
//! - Nothing here reads a clock; time and random numbers are arguments. [`LaneThread`] alone sleeps.

mod error;
mod file;
mod format;
#[doc(hidden)]
pub mod fuzzing;
mod group;
mod ids;
mod lane;
mod memory;
mod queue;
mod recovery;
mod scan;
mod snapshot;
mod thread;
mod watch;

pub use error::{OpenError, ReadError, SubmitError};
pub use file::{Departure, FileLane, FileLaneSettings, Flight};
pub use ids::{Epoch, LaneId, Lsn};
pub use lane::{
    Class, Damage, FRAME_BYTES_MAX, FRAME_HEADER_BYTES, Frame, FrameAt, GROUP_BYTES_MAX, GROUP_FRAMES_MAX,
    Lane, LaneEvent, Maintenance, OpenLane, Placed, Recovery, Replay, Segment, Step, StopReason, StoredFrame,
    Subscriber, Subscription,
};
pub use memory::{Bucket, BucketFaults, MemoryLane, MemoryLaneSettings};
pub use snapshot::{
    MACHINE_BYTES_MAX, Snapshot, SnapshotDamage, SnapshotError, SnapshotFound, SnapshotStore,
};
pub use thread::LaneThread;
