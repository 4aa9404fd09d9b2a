//! When checkpoints are taken: as the log behind the newest one grows, after a while, and at a clean stop.

use crate::storage::Storage;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};
use stele_core::store::{CheckpointError, Checkpoints, Draft, Store};
use stele_log::{Lane, Lsn, Step};

/// Log behind the newest checkpoint, in bytes, that makes a new one due: about half a second of replay.
const LOG_BYTES: u64 = 64 << 20;
/// A checkpoint is due only after this many times the bytes that the last one stored, which bounds what they cost.
const LOG_PER_IMAGE: u64 = 2;
/// After this time a smaller log makes one due, too.
const INTERVAL: Duration = Duration::from_secs(600);
/// How small.
const LOG_BYTES_IDLE: u64 = 1 << 20;
/// More log before the next attempt, after one that failed.
const LOG_BYTES_AGAIN: u64 = 16 << 20;
/// How long a draft waits for the commit that it needs.
const COMMIT_WAIT: Duration = Duration::from_secs(30);
/// How often a commit is asked for that a draft waits for.
const COMMIT_PAUSE: Duration = Duration::from_millis(2);

/// The checkpoints of a running broker, and when the next one is due.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    /// With the time of the last attempt.
    checkpoints: Mutex<(Checkpoints, Instant)>,
    lane: LaneHandle,
    /// The durable position at which the next one is due.
    due_at: AtomicU64,
    thread: OnceLock<Thread>,
    /// The data outlives the process.
    is_kept: bool,
}

struct LaneHandle(Arc<dyn Lane>);

impl std::fmt::Debug for LaneHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Lane").field(&self.0.id()).finish()
    }
}

impl Checkpointer {
    pub(crate) fn new(checkpoints: Checkpoints, lane: Arc<dyn Lane>, is_kept: bool) -> Self {
        let due_at = AtomicU64::new(lane.durable().0 - checkpoints.log_bytes() + LOG_BYTES);
        let checkpoints = Mutex::new((checkpoints, Instant::now()));
        Self { checkpoints, lane: LaneHandle(lane), due_at, thread: OnceLock::new(), is_kept }
    }

    /// The log is durable up to here.
    pub(crate) fn committed(&self, durable: Lsn) {
        if durable.0 >= self.due_at.load(Ordering::Relaxed)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Takes a checkpoint if the log has grown enough, or a little since the last wake after the interval.
    pub(crate) fn run(&self, store: &Store, stop: &AtomicBool) {
        let mut state = self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let (checkpoints, last) = &mut *state;
        let start = Instant::now();
        let durable = self.lane.0.durable().0;
        let idle = start.duration_since(*last) < INTERVAL || checkpoints.log_bytes() < LOG_BYTES_IDLE;
        if durable < self.due_at.load(Ordering::Relaxed) && idle {
            return;
        }
        *last = start;
        let wait = |draft: &Draft| {
            while self.lane.0.durable().0 < draft.lsn().0 {
                if stop.load(Ordering::Acquire) || start.elapsed() > COMMIT_WAIT {
                    return;
                }
                thread::park_timeout(COMMIT_PAUSE);
            }
        };
        let taken = take(checkpoints, store, wait);
        let bytes = checkpoints.written_bytes();
        let next = match taken {
            Ok(()) => {
                let milliseconds = start.elapsed().as_millis() as u64;
                tracing::debug!(bytes, milliseconds, "a checkpoint is stored");
                durable + LOG_BYTES.max(LOG_PER_IMAGE * bytes)
            }
            // Nothing will change before a restart.
            Err(CheckpointError::Damaged) => u64::MAX,
            Err(error) => {
                tracing::warn!(%error, "no checkpoint could be stored; the log is kept");
                durable + LOG_BYTES_AGAIN
            }
        };
        self.due_at.store(next, Ordering::Relaxed);
    }

    /// Takes one before the log is closed, so that the next start has nothing to replay. The lane has no other driver.
    pub(crate) fn at_stop(&self, store: &Store) {
        let mut state = self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let checkpoints = &mut state.0;
        if !self.is_kept || !checkpoints.has_news(store) {
            return;
        }
        let lane = &*self.lane.0;
        let commit = |draft: &Draft| {
            while lane.durable().0 < draft.lsn().0 {
                if matches!(lane.step(Instant::now()), Step::Stopped(_)) {
                    return;
                }
            }
        };
        match take(checkpoints, store, commit) {
            Ok(()) | Err(CheckpointError::Damaged) => {}
            Err(error) => {
                tracing::warn!(%error, "no checkpoint could be stored; the next start replays more")
            }
        }
    }
}

fn take(
    checkpoints: &mut Checkpoints,
    store: &Store,
    commit: impl FnOnce(&Draft),
) -> Result<(), CheckpointError> {
    let draft = checkpoints.begin(store)?;
    commit(&draft);
    checkpoints.finish(&draft)
}

/// The thread that takes them.
#[derive(Debug)]
pub(crate) struct CheckpointThread {
    stop: Arc<AtomicBool>,
    handle: Option<JoinHandle<()>>,
}

impl CheckpointThread {
    /// # Errors
    /// The operating system has no thread to give.
    pub(crate) fn start(storage: Arc<Storage>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let shared = storage.clone();
        let handle = thread::Builder::new().name("checkpoints".into()).spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                thread::park_timeout(INTERVAL);
                if !stopped.load(Ordering::Acquire) {
                    shared.checkpoint_if_due(&stopped);
                }
            }
        })?;
        // A second thread for one storage does not occur.
        let _ = storage.checkpointer().thread.set(handle.thread().clone());
        Ok(Self { stop, handle: Some(handle) })
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(handle) = self.handle.take() {
            handle.thread().unpark();
            // A panic there has been printed already; here nothing can be done about it.
            let _ = handle.join();
        }
    }
}

impl Drop for CheckpointThread {
    fn drop(&mut self) {
        self.end();
    }
}
