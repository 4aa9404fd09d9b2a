//! The lane seam: what shards may ask of a durable, ordered sequence of frames.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::{Epoch, LaneId, Lsn, OpenError, ReadError, SubmitError};

/// Largest payload of one frame, in bytes.
pub const FRAME_BYTES_MAX: u32 = 64 << 20;
/// Most bytes, payloads and headers, that one submitted group may hold. A group is recovered whole or not.
pub const GROUP_BYTES_MAX: u64 = 80 << 20;
/// Most frames in one submitted group.
pub const GROUP_FRAMES_MAX: usize = 65_536;
/// Bytes that a frame takes in the lane beyond its payload.
pub const FRAME_HEADER_BYTES: u32 = crate::format::frame::HEADER_BYTES as u32;

/// A frame as its reader knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameAt {
    /// Where it starts.
    pub lsn: Lsn,
    /// Bytes of its payload.
    pub payload_bytes: u32,
}

/// An append-only sequence of frames of many partitions, committed in groups, a few of them at a time (design §4
/// and §6).
///
/// A lane is a plain object. Many threads may submit and read; one driver calls [`Lane::step`], from one thread or
/// a few, and [`Lane::maintain`] from any. [`LaneThread`](crate::LaneThread) is such a driver, a simulation another.
/// Nothing is committed unless somebody steps.
///
/// ```text
///            open             step fails, or another writer fences
///  Closed ─────────▶ Open ───────────────────────────────────────▶ Stopped
///    ▲                │ close                                         │ open: rescans
///    └────────────────┘                                  Open ◀───────┘
/// ```
/// After a failed write or sync the lane never syncs again: what was submitted but is not durable is lost,
/// and every later call says so until [`Lane::open`] has read the medium again.
pub trait Lane: Send + Sync {
    /// Which lane this is.
    fn id(&self) -> LaneId;

    /// Waits for steps that are still under way since the lane stopped, fences all earlier writers, hands every durable frame at or above `request.from` to `replay` in LSN
    /// order, and starts a new epoch. Blocks for as long as that takes: proportional to the replayed bytes.
    ///
    /// # Errors
    /// See [`OpenError`]; damage is no error but part of [`Recovery`], because what is left must be served.
    /// After an error the lane is closed, and what `replay` was given is to be dropped.
    fn open(&self, request: OpenLane, replay: &mut dyn Replay) -> Result<Recovery, OpenError>;

    /// Queues frames that become durable together or not at all. Never blocks on the medium; costs the
    /// checksums and, for payloads of up to 4 KiB, one copy; larger ones are kept by reference.
    ///
    /// The answer holds the positions at once, long before they are durable. Groups submitted one after the
    /// other become durable in that order.
    ///
    /// # Errors
    /// See [`SubmitError`]. Nothing is queued then.
    fn submit(&self, frames: &[Frame], class: Class) -> Result<Placed, SubmitError>;

    /// Makes everything that is submitted from now on, until [`Lane::let_go`], durable together or not at all: the open
    /// group is not committed meanwhile. For what must not be torn and cannot be one submission; what others submit
    /// meanwhile comes with it. Only for the time of a few submissions: commits wait, so nothing in between may.
    ///
    /// `bytes` are reserved for the payload of one frame through [`Lane::submit_held`], so that it is not refused for
    /// want of room where what came before it was taken.
    ///
    /// # Errors
    /// As [`Lane::submit`] of an essential frame; `Busy` also while somebody else holds. Nothing is held then.
    fn hold(&self, bytes: u64) -> Result<(), SubmitError>;

    /// As [`Lane::submit`] for an essential frame, while the caller holds, from what it reserved.
    ///
    /// # Errors
    /// As [`Lane::submit`]; for want of room only beyond what was reserved.
    fn submit_held(&self, frames: &[Frame]) -> Result<Placed, SubmitError>;

    /// Ends a hold; without one nothing happens. A lane that stops or closes ends it, too, and drops what was held.
    fn let_go(&self);

    /// Everything below this position is durable. One atomic load; only rises while the lane is open.
    fn durable(&self) -> Lsn;

    /// Calls `subscriber` from a driver's thread once per commit, or once for several that end together, and once
    /// when the lane stops; one call at a time, in order. It must be short and must not call [`Lane::step`]. Subscribers stay over a reopening.
    fn subscribe(&self, subscriber: Subscriber) -> Subscription;

    /// Ends a subscription; a call that is under way on another thread may still finish.
    fn unsubscribe(&self, subscription: Subscription);

    /// Bytes submitted and not yet durable. Callers stop reading from their peers above a limit of their own;
    /// [`SubmitError::Busy`] is the lane's.
    fn bytes_queued(&self) -> u64;

    /// Makes what is queued durable: at most one write and one sync. Also writes the empty commit that is due
    /// after 50 ms without traffic, so that damage in the last group is told from a torn tail (semantics 2).
    /// `now` must not run backwards.
    ///
    /// Groups overlap in one of two ways. Where a commit blocks its thread, several threads step at a time
    /// ([`Lane::drivers_max`]), and each call is one group from the queue to the medium. Where the medium answers
    /// later, one thread steps, and each call starts what may start and collects what was answered.
    fn step(&self, now: Instant) -> Step;

    /// How many threads may usefully be in [`Lane::step`] at a time.
    fn drivers_max(&self) -> usize {
        1
    }

    /// Does one bounded piece of work that need not hold up a commit: prepares the next file, recycles
    /// trimmed ones. Safe to call from another thread than [`Lane::step`].
    ///
    /// # Errors
    /// The disk's error. The lane stays usable; a full disk is remembered for [`SubmitError::DiskFull`].
    fn maintain(&self) -> Result<Maintenance, stele_io::DiskError>;

    /// Whether [`Lane::maintain`] has something to do. Cheap.
    fn has_chores(&self) -> bool;

    /// The payload of the frame that starts at `lsn` and has `payload_bytes` bytes, checked against both its
    /// checksums. Blocks on the medium: for cold reads, off the commit thread.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn read(&self, lsn: Lsn, payload_bytes: u32) -> Result<Bytes, ReadError>;

    /// As [`Lane::read`] for several frames in their order, up to and with the first that cannot be read. Frames
    /// that stand close together may share one call of the medium and one buffer.
    fn read_all(&self, frames: &[FrameAt]) -> Vec<Result<Bytes, ReadError>> {
        let mut read = Vec::with_capacity(frames.len());
        for frame in frames {
            read.push(self.read(frame.lsn, frame.payload_bytes));
            if read.last().is_some_and(Result::is_err) {
                break;
            }
        }
        read
    }

    /// Says that no frame below `lsn` is needed any more. Positions above the durable one are taken as the
    /// durable one. Space is given back by [`Lane::maintain`] once the fact itself is durable.
    fn trim(&self, lsn: Lsn);

    /// The parts that space is given back by, oldest first, without the one that is written to. A lane that only
    /// [`Lane::trim`] shortens has none.
    fn segments(&self) -> Vec<Segment> {
        Vec::new()
    }

    /// Says that no frame of these segments is needed any more, although some before them are. Once said, it
    /// need not be remembered: an opening from a position behind them does not miss them, one from a position
    /// before them reports the gap. Space is given back by [`Lane::maintain`].
    fn release(&self, segments: &[Segment]) {
        let _ = segments;
    }

    /// Commits what is queued, marks a clean end, closes, and lets go of the medium. Nothing is written unless
    /// the lane is open. Waits for the steps of other threads; stop those that call it again and again first.
    /// `now` is as in [`Lane::step`]. False when the lane stopped before all was durable.
    fn close(&self, now: Instant) -> bool;

    /// Sets what [`Lane::submit`] calls when the driver went idle before; it must not block.
    fn set_driver(&self, wake: Arc<dyn Fn() + Send + Sync>);
}

/// One unit of a lane: a batch or a state delta of one partition. The lane never looks into the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The user's type of payload, 1 to 255; 0 is the lane's own.
    pub kind: u8,
    /// The shard that owns the partition.
    pub shard: u32,
    /// The partition or machine, unique within its shard. Damage is isolated to it.
    pub partition: u64,
    /// Offset of the first record, or any number the user wants to have in recovery reports.
    pub base_offset: u64,
    /// Number of records.
    pub count: u32,
    /// At most [`FRAME_BYTES_MAX`] bytes.
    pub payload: Bytes,
}

impl Frame {
    /// Bytes that this frame takes in the lane. Within a group, the next frame starts right behind.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        u64::from(FRAME_HEADER_BYTES) + self.payload.len() as u64
    }
}

/// Whether frames may use what is kept back for bad times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// New data: refused first when the disk or the queue is full.
    Publish,
    /// Acks, deletes and other deltas that shrink the state: may use the reserve.
    Essential,
}

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// LSN of the first frame.
    pub first: Lsn,
    /// End of the last frame: the group is durable when [`Lane::durable`] is at least this.
    pub end: Lsn,
}

/// A part of a lane that is kept or given back as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where its first frame starts.
    pub first: Lsn,
    /// All its frames end at or below. The next segment may begin later, where one between them was released.
    pub end: Lsn,
}

/// What a subscriber is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneEvent {
    /// Everything below is durable.
    Durable(Lsn),
    /// Nothing more will become durable before the next open.
    Stopped(StopReason),
}

/// A function that is told of progress.
pub type Subscriber = Arc<dyn Fn(LaneEvent) + Send + Sync>;

/// Names a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subscription(pub(crate) u64);

/// Why a lane does not commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Not opened yet, or closed.
    Closed,
    /// A write or sync failed (invariant of design §4).
    Poisoned,
    /// Another writer with a higher epoch has taken the lane.
    Fenced,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A group is on the medium, and everything below is durable now, which may be no more than before when an
    /// earlier group is still on its way. Step again at once.
    Durable(Lsn),
    /// Something is under way; step again at `wake_at`, or when submitted to.
    Waiting {
        /// When the lane wants the next step.
        wake_at: Instant,
    },
    /// Nothing to do until something is submitted or `wake_at` comes.
    Idle {
        /// When an empty commit is due; `None`: nothing is.
        wake_at: Option<Instant>,
    },
    /// The lane does not run.
    Stopped(StopReason),
}

/// What a piece of maintenance did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maintenance {
    /// Something; there may be more.
    Worked,
    /// Nothing is to be done.
    Nothing,
}

/// How to open a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenLane {
    /// Frames that start below are not replayed: the LSN of the oldest snapshot that the user starts from.
    /// Below the log start, frames are replayed only as far as their space has not been given back yet.
    pub from: Lsn,
    /// The new epoch is at least this and higher than every epoch found.
    pub epoch_min: Epoch,
}

/// Receives a lane's frames at its opening.
pub trait Replay {
    /// A durable, undamaged frame, in LSN order. The payload is borrowed from a large buffer: copy what is kept.
    fn frame(&mut self, frame: StoredFrame<'_>);

    /// Durable bytes that cannot be read, in LSN order with the frames around them; only a loss at the very
    /// beginning is told last, because how much is needed there is known at the end. A named partition is to be
    /// quarantined from `base_offset` on: later frames of it still arrive.
    fn damage(&mut self, damage: Damage);
}

/// A frame read from the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredFrame<'a> {
    /// Where it starts.
    pub lsn: Lsn,
    /// The epoch that wrote it.
    pub epoch: Epoch,
    /// As in [`Frame`].
    pub kind: u8,
    /// As in [`Frame`].
    pub shard: u32,
    /// As in [`Frame`].
    pub partition: u64,
    /// As in [`Frame`].
    pub base_offset: u64,
    /// As in [`Frame`].
    pub count: u32,
    /// As in [`Frame`].
    pub payload: &'a [u8],
}

impl StoredFrame<'_> {
    /// Where the frame ends.
    #[must_use]
    pub fn end(&self) -> Lsn {
        Lsn(self.lsn.0 + u64::from(FRAME_HEADER_BYTES) + self.payload.len() as u64)
    }
}

/// Damage below the highest position known synced (semantics 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// A frame is lost and known by name.
    Frame {
        /// Where it starts.
        lsn: Lsn,
        /// Its shard.
        shard: u32,
        /// Its partition.
        partition: u64,
        /// Its base offset.
        base_offset: u64,
        /// Its count.
        count: u32,
    },
    /// A commit record is damaged, all frames of its group are intact: nothing is lost.
    CommitRecord {
        /// Where it starts.
        lsn: Lsn,
    },
    /// Bytes are lost of which no record tells what they held: any partition may miss frames in this range.
    Range {
        /// Where the loss starts.
        from: Lsn,
        /// Where it ends.
        to: Lsn,
    },
    /// The first page of a lane file is damaged; its content was found without it.
    FileHeader {
        /// The file's index.
        index: u64,
    },
}

/// What an opening found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The epoch that now writes.
    pub epoch: Epoch,
    /// Frames below are trimmed.
    pub log_start: Lsn,
    /// End of what was replayed. Everything below is durable, and new frames come after it.
    pub end: Lsn,
    /// Number of frames given to [`Replay::frame`].
    pub frames: u64,
    /// Where a torn tail was cut: frames from here on were never acked and never return.
    pub cut: Option<Lsn>,
    /// The last writer closed the lane cleanly.
    pub clean: bool,
    /// All damage, as also given to [`Replay::damage`].
    pub damage: Vec<Damage>,
}
