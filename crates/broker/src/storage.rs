//! The durable side of a running broker: the lane with its threads, the store on it, and the task that serves what waits.
//!
//! ```text
//!  lane thread ─ commit ─→ Core::committed (wakes publishers that wait for their ack)
//!                   ├────→ this task: Store::settle (readers, pulls), Store::wake (deadlines)
//!                   └────→ checkpoint thread, when the log behind the newest checkpoint is long
//! ```

use crate::builder::StartError;
use crate::checkpointer::{CheckpointThread, Checkpointer};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Instant;
use stele_core::store::{
    Answer, Attempt, Caller, Capture, Checkpoints, Fault, Keeper, Once, Opening, Settings, Store, Stored,
};
use stele_core::{Core, Durable, LaneJournal, Lsn, Nowhere, Router};
use stele_host::{Clock, Stop};
use stele_io::{Disk, DiskErrorKind, DiskLock, MemoryDisk, RealDisk};
use stele_log::{
    FileLane, FileLaneSettings, Lane, LaneEvent, LaneId, LaneThread, OpenLane, Recovery, SnapshotError,
    SnapshotStore, StopReason,
};
use stele_model::{
    Claim, ConnectionId, Error, Filter, Now, Outcome, Request, StreamCommand, StreamName, StreamSpec, Ticket,
    Wire,
};
use tempfile::TempDir;
use tokio::sync::Notify;

/// The file whose lock is the directory's.
const LOCK_NAME: &str = "stele.lock";

/// How the files of snapshots begin.
const SNAPSHOTS_PREFIX: &str = "snap-0000";

/// No deadline.
const NEVER: u64 = u64::MAX;

/// Why the data could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The directory or its lock.
    #[error("the data directory cannot be used: {0}")]
    Disk(#[from] stele_io::DiskError),
    /// Another process has it.
    #[error("the data directory {} is in use by another process; stop that one, or name another with --data DIR", .0.display())]
    InUse(PathBuf),
    /// The log.
    #[error("the log cannot be opened: {0}")]
    Lane(#[from] stele_log::OpenError),
    /// The snapshots.
    #[error("the snapshots cannot be opened: {0}")]
    Snapshots(#[from] SnapshotError),
    /// No room for a directory below the system's temporary one.
    #[error("no temporary directory can be made in {}: {source}; set TMPDIR to one that can be written", path.display())]
    Temporary {
        /// Where it was tried.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// No thread.
    #[error("the commit thread cannot be started: {0}")]
    Thread(std::io::Error),
}

/// Where a broker keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// In this directory; an ack means that it is on disk.
    Directory(PathBuf),
    /// In memory: gone with the broker. For tests of applications.
    Memory,
    /// In a new directory below the system's temporary one; an ack means that it is on disk. The directory is removed
    /// when the broker stops or is dropped. For tests of what disks cost.
    Temporary,
}

/// The store as the live side sees it, and what drives it.
pub(crate) struct Storage {
    /// Held as long as anybody may write; taken by the driver at its end.
    place: Mutex<Place>,
    store: Store,
    lane: Arc<dyn Lane>,
    checkpointer: Checkpointer,
    clock: Clock,
    news: Notify,
    /// Something was committed since the last settle.
    committed: AtomicBool,
    /// When the task wakes by itself (monotonic ns).
    wakes_at: AtomicU64,
    core: OnceLock<Weak<Core>>,
}

/// The lane's threads. Stopped last: dropping it commits what is left, closes the log, and gives the directory free, which
/// blocks for one write and sync.
pub(crate) struct Driver {
    storage: Arc<Storage>,
    /// Before the lane's: it waits for commits.
    checkpoints: Option<CheckpointThread>,
    thread: Option<LaneThread>,
}

impl Storage {
    /// Opens the log and replays it.
    pub(crate) fn open(
        data: &Data,
        router: &Arc<Router>,
        clock: Clock,
        random: fn() -> u64,
    ) -> Result<(Arc<Self>, Arc<LaneJournal>), StorageError> {
        let (disk, place) = open_place(data)?;
        let lane_settings = FileLaneSettings { salt: random(), ..FileLaneSettings::default() };
        let lane: Arc<dyn Lane> = Arc::new(FileLane::new(LaneId(0), disk.clone(), lane_settings));
        let start = Instant::now();
        let (snapshots, damage) = SnapshotStore::open(disk, SNAPSHOTS_PREFIX)?;
        for damage in damage {
            tracing::error!(?damage, "a file of snapshots is damaged");
        }
        let mut checkpoints = Checkpoints::new(snapshots, lane.clone());
        let journal = Arc::new(LaneJournal::new(lane.clone()));
        let settings = Settings { seed: random(), ..Settings::default() };
        let mut opening = Opening::new(journal.clone(), router.clone(), settings);
        let from = checkpoints.restore(&mut opening)?;
        let recovery =
            lane.open(OpenLane { from: stele_log::Lsn(from.0), ..OpenLane::default() }, &mut opening)?;
        opening.log_starts_at(Lsn(recovery.log_start.0));
        let epoch = i32::try_from(recovery.epoch.0).unwrap_or(i32::MAX);
        let store = opening.finish(clock.now(), epoch);
        tell(&recovery, start);
        let storage = Self {
            place: place.into(),
            store,
            checkpointer: Checkpointer::new(checkpoints, lane.clone(), matches!(data, Data::Directory(_))),
            lane,
            clock,
            news: Notify::new(),
            committed: false.into(),
            wakes_at: AtomicU64::new(NEVER),
            core: OnceLock::new(),
        };
        Ok((Arc::new(storage), journal))
    }

    /// Starts to commit. From now on the core hears of it.
    pub(crate) fn drive(self: &Arc<Self>, core: &Arc<Core>) -> Result<Driver, StorageError> {
        // A second core for one storage does not occur: the builder makes one of each.
        let _ = self.core.set(Arc::downgrade(core));
        let storage = Arc::downgrade(self);
        self.lane.subscribe(Arc::new(move |event| {
            if let Some(storage) = storage.upgrade() {
                storage.on_lane_event(event);
            }
        }));
        let on_trouble =
            |error: &stele_io::DiskError| tracing::warn!(%error, "the log's files cannot be prepared");
        let thread = LaneThread::start(self.lane.clone(), on_trouble).map_err(StorageError::Thread)?;
        let checkpoints = CheckpointThread::start(self.clone()).map_err(StorageError::Thread)?;
        Ok(Driver { storage: self.clone(), checkpoints: Some(checkpoints), thread: Some(thread) })
    }

    /// Makes a stream on behalf of the operator, where there is none of this name.
    pub(crate) fn ensure_stream(
        &self,
        core: &Core,
        name: &StreamName,
        subjects: &[Filter],
    ) -> Result<(), StartError> {
        let caller = Caller { link: core.link(Arc::new(Nowhere)), ticket: Ticket(0) };
        let ask = |command| self.store.request(self.clock.now(), &caller, Request::Stream(command));
        if let Answer::Ready { outcome: Outcome::Stream(_), .. } = ask(StreamCommand::Info(name.clone())) {
            return Ok(());
        }
        let spec = StreamSpec::new(name.clone(), Wire::Internal, subjects.to_vec());
        match ask(StreamCommand::Create(Box::new(spec))) {
            Answer::Ready { outcome: Outcome::Failed(error), .. } => {
                Err(StartError::Stream(name.clone(), error))
            }
            _ => Ok(()),
        }
    }

    /// Shows to readers what became durable, and does what is due, until the stop.
    pub(crate) async fn run(self: Arc<Self>, mut stop: Stop) {
        let mut stopped = std::pin::pin!(stop.stopped());
        loop {
            let news = self.news.notified();
            if self.committed.swap(false, Ordering::AcqRel) {
                self.store.settle(self.clock.now());
            }
            let wakes_at = self.store.wake(self.clock.now()).unwrap_or(NEVER);
            self.wakes_at.store(wakes_at, Ordering::Release);
            // A deadline that came nearer before the store above would not be told.
            if self.store.deadline().unwrap_or(NEVER) < wakes_at {
                continue;
            }
            let timer = async {
                match wakes_at {
                    NEVER => std::future::pending().await,
                    at => tokio::time::sleep_until(self.clock.instant(at).into()).await,
                }
            };
            tokio::select! {
                () = news => {}
                () = timer => {}
                () = &mut stopped => return,
            }
        }
    }

    fn on_lane_event(&self, event: LaneEvent) {
        let core = self.core.get().and_then(Weak::upgrade);
        match event {
            LaneEvent::Durable(durable) => {
                self.checkpointer.committed(durable);
                if let Some(core) = core {
                    core.committed();
                }
                self.committed.store(true, Ordering::Release);
                self.news.notify_one();
            }
            LaneEvent::Stopped(StopReason::Closed) => {}
            LaneEvent::Stopped(reason) => {
                tracing::error!(?reason, "the log stopped; nothing more is acknowledged");
                if let Some(core) = core {
                    core.log_failed();
                }
            }
        }
    }

    /// The task must wake earlier than it thinks.
    fn nudge(&self) {
        if self.store.deadline().is_some_and(|deadline| deadline < self.wakes_at.load(Ordering::Acquire)) {
            self.news.notify_one();
        }
    }
}

impl Storage {
    pub(crate) fn checkpointer(&self) -> &Checkpointer {
        &self.checkpointer
    }

    /// Takes a checkpoint if one is due.
    pub(crate) fn checkpoint_if_due(&self, stop: &AtomicBool) {
        self.checkpointer.run(&self.store, stop);
    }
}

fn tell(recovery: &Recovery, start: Instant) {
    tracing::info!(
        frames = recovery.frames,
        clean = recovery.clean,
        cut = recovery.cut.is_some(),
        milliseconds = start.elapsed().as_millis() as u64,
        "the log is open"
    );
}

/// What a broker holds of the place that its data is in. The lock goes before the directory.
#[derive(Default)]
struct Place {
    _lock: Option<Box<dyn DiskLock>>,
    /// Removed with this value.
    _temporary: Option<TempDir>,
}

fn open_place(data: &Data) -> Result<(Arc<dyn Disk>, Place), StorageError> {
    match data {
        Data::Memory => Ok((Arc::new(MemoryDisk::new()), Place::default())),
        Data::Directory(path) => open_directory(path, None),
        Data::Temporary => {
            let folder = tempfile::Builder::new()
                .prefix("stele-")
                .tempdir()
                .map_err(|source| StorageError::Temporary { path: std::env::temp_dir(), source })?;
            let path = folder.path().to_owned();
            open_directory(&path, Some(folder))
        }
    }
}

/// Opens the directory and takes its lock, so that nobody else writes in it.
fn open_directory(path: &Path, temporary: Option<TempDir>) -> Result<(Arc<dyn Disk>, Place), StorageError> {
    let disk = RealDisk::open(path)?;
    match disk.lock(LOCK_NAME) {
        Ok(lock) => Ok((disk, Place { _lock: Some(lock), _temporary: temporary })),
        Err(error) if error.kind == DiskErrorKind::Locked => Err(StorageError::InUse(path.into())),
        Err(error) => Err(error.into()),
    }
}

impl Durable for Storage {
    fn capture(
        &self,
        now: Now,
        stream: &StreamName,
        messages: &[Capture<'_>],
        results: &mut Vec<Result<Stored, Error>>,
    ) -> Lsn {
        let lsn = self.store.capture(now, stream, messages, results);
        self.nudge();
        lsn
    }

    fn enqueue(&self, now: Now, messages: &[Capture<'_>], results: &mut Vec<Result<Stored, Error>>) -> Lsn {
        self.store.enqueue(now, messages, results)
    }

    fn once(
        &self,
        now: Now,
        caller: &Caller,
        claim: &Claim<'_>,
        room: u64,
        store: &mut dyn FnMut(&[Keeper]) -> Attempt,
    ) -> Once {
        let once = self.store.once(now, caller, claim, room, store);
        self.nudge();
        once
    }

    fn request(&self, now: Now, caller: &Caller, request: Request) -> Answer {
        let answer = self.store.request(now, caller, request);
        self.nudge();
        answer
    }

    fn cancel(&self, link: ConnectionId, ticket: Ticket) {
        self.store.cancel(link, ticket);
    }

    fn detach(&self, link: ConnectionId) {
        self.store.detach(link);
    }

    fn damaged(&self) -> Vec<Fault> {
        self.store.damaged()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(checkpoints) = self.checkpoints.take() {
            checkpoints.stop();
        }
        if let Some(thread) = self.thread.take() {
            thread.stop();
        }
        self.storage.store.flush();
        self.storage.checkpointer.at_stop(&self.storage.store);
        if !self.storage.lane.close(Instant::now()) {
            tracing::error!("the log could not be closed cleanly");
        }
        // Tasks that are being torn down may still hold the storage; the closed log takes nothing from them.
        drop(std::mem::take(&mut *self.storage.place.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}
