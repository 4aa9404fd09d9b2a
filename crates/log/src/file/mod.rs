//! A lane in files of one directory.
//!
//! ```text
//!  lane-0000-00000000000000000001.log   sealed, read only
//!  lane-0000-00000000000000000002.log   active: preallocated, the writer appends
//!  lane-0000-spare-00000000000000000007.log   prepared or recycled, waits for its turn
//! ```
//! Several groups are in flight at a time, all in the active file: a file becomes active only when everything
//! before it is durable. The watermark passes a group when it and all before it are; a recovery that finds a hole
//! cuts there, and the epoch that it begins makes void what reached the disk behind.
//!
//! A file becomes active in this order: header durable, renamed, directory durable, first group. It is
//! recycled in this order: log start durable, renamed to a spare, directory durable, pages written over. A
//! file that was released is recycled the same way without the first step, and leaves a gap between the files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use stele_io::{Disk, DiskError, DiskFile, DiskLock};

use crate::format::file_header::FILE_HEADER_BYTES;
use crate::lane::{
    Class, Frame, FrameAt, Lane, Maintenance, OpenLane, Placed, Recovery, Replay, Segment, Step, StopReason,
    Subscriber, Subscription,
};
use crate::queue::Queue;
use crate::watch::Watch;
use crate::{LaneId, Lsn, OpenError, ReadError, SubmitError};

mod flight;
mod names;
mod open;
mod read;
mod roll;
mod segments;
mod spares;
mod writer;

use flight::Air;
pub use flight::{Departure, Flight};
use spares::Spares;
use writer::Writer;

/// Settings of a [`FileLane`].
#[derive(Debug, Clone)]
pub struct FileLaneSettings {
    /// Bytes of the first file. Each further file is twice as large, up to `file_bytes_max`; so a young
    /// lane stays small. At least 16 KiB. Turn it down only in tests.
    pub file_bytes_min: u64,
    /// Bytes of a file once the lane has grown. Larger files waste less at their ends and recycle later.
    pub file_bytes_max: u64,
    /// Bytes that may wait for the disk before [`SubmitError::Busy`]. At the disk's speed this is the longest
    /// wait of an ack; one larger group is let in when nothing else waits.
    pub queue_bytes_max: u64,
    /// Groups under way to the disk at a time, at least 1; as many threads commit, and the active file has as many
    /// handles. With syncs of 4 ms, 4 double what 1 reaches, and a lone record waits for no other one's sync. Turn it
    /// down to 1 on a disk that does one thing at a time.
    pub flights_max: usize,
    /// Commits overlap where a sync takes so long at the mean. On a faster disk more and smaller commits would cost
    /// more than the wait for the one that is under way.
    pub overlap_from: Duration,
    /// On a full disk, bytes of the last file that only essential frames may use.
    pub reserve_bytes: u64,
    /// Time without traffic after which an empty commit marks everything as known synced.
    pub idle_mark_after: Duration,
    /// Mixed into the incarnations of files, so that no peer can put bytes into a payload that a recovery
    /// takes for a frame. Random per broker and secret; fixed in simulations.
    pub salt: u64,
}

impl Default for FileLaneSettings {
    fn default() -> Self {
        Self {
            file_bytes_min: 4 << 20,
            file_bytes_max: 64 << 20,
            queue_bytes_max: 64 << 20,
            flights_max: 4,
            overlap_from: Duration::from_micros(500),
            reserve_bytes: 1 << 20,
            idle_mark_after: Duration::from_millis(50),
            salt: 0,
        }
    }
}

/// A [`Lane`] on a [`Disk`]: one write and one `fdatasync` per commit, several commits at a time.
///
/// Commits overlap when several threads call [`Lane::step`], or when a simulation keeps [`FileLane::depart`] and
/// [`FileLane::land`] apart.
pub struct FileLane {
    id: LaneId,
    disk: Arc<dyn Disk>,
    settings: FileLaneSettings,
    queue: Queue,
    watch: Watch,
    /// All files by first LSN, for readers.
    files: RwLock<BTreeMap<u64, Arc<LaneFile>>>,
    spares: Mutex<Spares>,
    writer: Mutex<Option<Writer>>,
    air: Arc<Air>,
    /// Taken at the first open, so that no two processes write one lane; released by closing.
    lock: Mutex<Option<Box<dyn DiskLock>>>,
    /// Log start as of a durable commit record: files below it may go.
    log_start_durable: AtomicU64,
    /// First LSNs of files that nobody needs although older ones are needed.
    released: Mutex<BTreeSet<u64>>,
    /// The active file is more than half full.
    spare_wanted: AtomicBool,
    /// The last attempt to prepare a file found no room.
    disk_full: AtomicBool,
}

/// A file that holds, or will hold, groups.
#[derive(Debug)]
struct LaneFile {
    name: String,
    index: u64,
    incarnation: u64,
    first_lsn: u64,
    file: Arc<dyn DiskFile>,
    /// Bytes that overwriting cannot fail to find room for.
    allocated: u64,
}

impl FileLane {
    /// A closed lane; nothing is touched before [`Lane::open`].
    #[must_use]
    pub fn new(id: LaneId, disk: Arc<dyn Disk>, settings: FileLaneSettings) -> Self {
        Self {
            id,
            disk,
            queue: Queue::new(id, settings.queue_bytes_max),
            settings,
            watch: Watch::default(),
            files: RwLock::default(),
            spares: Mutex::default(),
            writer: Mutex::default(),
            air: Arc::default(),
            lock: Mutex::default(),
            log_start_durable: AtomicU64::new(0),
            released: Mutex::default(),
            spare_wanted: AtomicBool::new(false),
            disk_full: AtomicBool::new(false),
        }
    }

    /// Size of the file with this index when it is made.
    fn target_bytes(&self, index: u64) -> u64 {
        let min = self.settings.file_bytes_min.max(16 << 10);
        let doublings = u32::try_from(index.saturating_sub(1)).unwrap_or(u32::MAX).min(20);
        (min << doublings).min(self.settings.file_bytes_max.max(min))
    }

    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spares(&self) -> MutexGuard<'_, Spares> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn released(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flights_max(&self) -> usize {
        self.settings.flights_max.max(1)
    }

    /// How many commits may be under way on a disk whose sync takes so long.
    fn flights_wanted(&self, sync: Duration) -> usize {
        if sync < self.settings.overlap_from { 1 } else { self.flights_max() }
    }
}

impl Lane for FileLane {
    fn id(&self) -> LaneId {
        self.id
    }

    fn open(&self, request: OpenLane, replay: &mut dyn Replay) -> Result<Recovery, OpenError> {
        // What an earlier epoch still has in the air must not touch what this one writes. Landing takes the writer's lock.
        if self.writer().is_none() {
            self.air.wait_until_empty();
        }
        let mut writer = self.writer();
        if writer.is_some() {
            return Err(OpenError::AlreadyOpen);
        }
        self.air.forget_crash();
        let (opened, recovery) = self.recover(request, replay)?;
        let flights = self.flights_wanted(Duration::ZERO);
        self.queue.start(recovery.epoch.0, opened.durable(), recovery.log_start.0, flights);
        self.watch.reset(opened.durable());
        self.log_start_durable.store(recovery.log_start.0, Ordering::Release);
        self.note_room(&opened);
        *writer = Some(opened);
        Ok(recovery)
    }

    fn submit(&self, frames: &[Frame], class: Class) -> Result<Placed, SubmitError> {
        self.queue.submit(frames, class)
    }

    fn hold(&self, bytes: u64) -> Result<(), SubmitError> {
        self.queue.hold(bytes)
    }

    fn submit_held(&self, frames: &[Frame]) -> Result<Placed, SubmitError> {
        self.queue.submit_held(frames)
    }

    fn let_go(&self) {
        self.queue.let_go();
    }

    fn durable(&self) -> Lsn {
        self.watch.durable()
    }

    fn subscribe(&self, subscriber: Subscriber) -> Subscription {
        self.watch.subscribe(subscriber)
    }

    fn unsubscribe(&self, subscription: Subscription) {
        self.watch.unsubscribe(subscription);
    }

    fn bytes_queued(&self) -> u64 {
        self.queue.bytes()
    }

    fn step(&self, now: Instant) -> Step {
        match self.depart(now) {
            Departure::Flight(flight) => self.fly(flight, now),
            Departure::Nothing(step) => step,
        }
    }

    fn drivers_max(&self) -> usize {
        self.flights_max()
    }

    fn maintain(&self) -> Result<Maintenance, DiskError> {
        if self.recycle_one()? || self.prepare_spare()? {
            return Ok(Maintenance::Worked);
        }
        Ok(Maintenance::Nothing)
    }

    fn has_chores(&self) -> bool {
        self.wants_spare() || self.wants_recycling()
    }

    fn read(&self, lsn: Lsn, payload_bytes: u32) -> Result<Bytes, ReadError> {
        self.read_frames(&[FrameAt { lsn, payload_bytes }]).pop().unwrap_or(Err(ReadError::Closed))
    }

    fn read_all(&self, frames: &[FrameAt]) -> Vec<Result<Bytes, ReadError>> {
        self.read_frames(frames)
    }

    fn trim(&self, lsn: Lsn) {
        self.queue.trim(lsn.min(self.durable()).0);
    }

    fn segments(&self) -> Vec<Segment> {
        self.sealed_segments()
    }

    fn release(&self, segments: &[Segment]) {
        self.release_segments(segments);
    }

    fn close(&self, now: Instant) -> bool {
        let mut closed = false;
        if self.writer().is_some() {
            self.queue.drain();
            closed = self.commit_rest(now);
        }
        // Also after a poisoning, so that another object may open the directory.
        self.shut(if closed { StopReason::Closed } else { StopReason::Poisoned });
        closed
    }

    fn set_driver(&self, wake: Arc<dyn Fn() + Send + Sync>) {
        self.queue.set_driver(wake);
    }
}

impl std::fmt::Debug for FileLane {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FileLane").field("id", &self.id).field("durable", &self.durable()).finish()
    }
}

impl LaneFile {
    /// Where in the file the byte at `lsn` stands.
    fn position(&self, lsn: u64) -> u64 {
        lsn - self.first_lsn + FILE_HEADER_BYTES as u64
    }
}
