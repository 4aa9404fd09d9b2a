//! The one place where the broker reads clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};
use stele_model::Now;

/// The host's clocks; the monotonic one starts near zero.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        // One nanosecond below, so that no reading is ever zero.
        Self { start: Instant::now() }
    }

    /// Reads both clocks.
    pub fn now(&self) -> Now {
        Now {
            monotonic_ns: u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX),
            wall_ns: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)),
        }
    }

    /// The instant that a monotonic reading stands for.
    pub fn instant(&self, monotonic_ns: u64) -> Instant {
        self.start.checked_add(std::time::Duration::from_nanos(monotonic_ns)).unwrap_or(self.start)
    }
}
