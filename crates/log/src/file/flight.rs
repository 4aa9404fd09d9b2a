//! A group on its way to the disk, and the count of those that are.
//!
//! ```text
//!  queue ── depart ─▶ Flight: write ─▶ sync ─▶ land ── watermark, once all before it have landed
//!            (several at a time, each driven by whoever took it)
//! ```

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stele_io::DiskFile;

use crate::Step;
use crate::group::{Marks, PendingGroup};

/// What [`FileLane::depart`](super::FileLane::depart) gives.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "made and taken apart once per commit, never stored")]
pub enum Departure {
    /// A group left the queue. Whoever has it calls [`Flight::advance`] until it is over, and then
    /// [`FileLane::land`](super::FileLane::land).
    Flight(Flight),
    /// No group is to be taken now; the step says what to wait for.
    Nothing(Step),
}

/// A group that left the queue and is not durable yet. It blocks nobody: others may depart and land meanwhile.
///
/// Dropping it without landing poisons the lane, because nobody knows what the disk holds then.
#[derive(Debug)]
#[must_use = "a flight that does not land poisons its lane"]
pub struct Flight {
    pub(super) number: u64,
    pub(super) epoch: u64,
    /// A handle that no other flight uses: a failed sync is told once to each handle.
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) incarnation: u64,
    pub(super) position: u64,
    pub(super) group: PendingGroup,
    pub(super) marks: Marks,
    pub(super) stage: Stage,
    /// How long the sync took.
    pub(super) sync: Duration,
    pub(super) airborne: Airborne,
}

/// What was done for a flight.
#[derive(Debug)]
pub(super) enum Stage {
    Departed,
    Written,
    Synced,
    Failed,
}

impl Flight {
    /// Does the next call to the disk, which blocks: the write first, then the sync. False when nothing is left to
    /// be done, because the group is synced or because a call failed.
    pub fn advance(&mut self) -> bool {
        let (done, next) = match self.stage {
            Stage::Departed => {
                self.group.finish(self.incarnation, self.marks);
                (self.file.write_at(self.position, &self.group.slices()), Stage::Written)
            }
            Stage::Written => (self.file.sync_data().map(|took| self.sync = took), Stage::Synced),
            Stage::Synced | Stage::Failed => return false,
        };
        self.stage = match done {
            Ok(()) => next,
            Err(_) => Stage::Failed,
        };
        matches!(self.stage, Stage::Written)
    }
}

/// Counts the flights of all epochs that may still touch a file.
#[derive(Debug, Default)]
pub(super) struct Air {
    state: Mutex<AirState>,
    empty: Condvar,
}

#[derive(Debug, Default)]
struct AirState {
    flights: usize,
    /// A flight was dropped.
    crashed: bool,
}

/// One of the count.
#[derive(Debug)]
pub(super) struct Airborne {
    air: Arc<Air>,
    landed: bool,
}

impl Air {
    pub(super) fn enter(self: &Arc<Self>) -> Airborne {
        self.state().flights += 1;
        Airborne { air: Arc::clone(self), landed: false }
    }

    /// Waits until no flight can touch a file any more.
    pub(super) fn wait_until_empty(&self) {
        let guard = self.state();
        let waited = self.empty.wait_while(guard, |state| state.flights > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn has_crash(&self) -> bool {
        self.state().crashed
    }

    pub(super) fn forget_crash(&self) {
        self.state().crashed = false;
    }

    fn state(&self) -> MutexGuard<'_, AirState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Airborne {
    /// Nothing more is done for the flight. Anything that must happen before an opening or a closing goes on was done.
    pub(super) fn land(mut self) {
        self.landed = true;
    }
}

impl Drop for Airborne {
    fn drop(&mut self) {
        let mut state = self.air.state();
        state.flights -= 1;
        state.crashed |= !self.landed;
        if state.flights == 0 {
            self.air.empty.notify_all();
        }
    }
}
