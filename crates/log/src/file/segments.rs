//! Which files are needed: those above the log start that nobody released.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::{FileLane, LaneFile};
use crate::{Lsn, Segment};

impl FileLane {
    /// All files but the newest, which is written to.
    pub(super) fn sealed_segments(&self) -> Vec<Segment> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        let firsts: Vec<u64> = files.keys().copied().collect();
        firsts.windows(2).map(|pair| Segment { first: Lsn(pair[0]), end: Lsn(pair[1]) }).collect()
    }

    /// Notes files that may go. Only whole, sealed files of this lane count.
    pub(super) fn release_segments(&self, segments: &[Segment]) {
        let sealed = self.sealed_segments();
        let known = segments.iter().filter(|segment| sealed.contains(segment));
        self.released().extend(known.map(|segment| segment.first.0));
    }

    /// Is there a file to recycle?
    pub(super) fn wants_recycling(&self) -> bool {
        let log_start = self.log_start_durable.load(Ordering::Acquire);
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        !self.released().is_empty() || files.keys().nth(1).is_some_and(|second| *second <= log_start)
    }

    /// Takes the oldest file that nobody needs off the list, so that no reader finds it any more.
    pub(super) fn take_unneeded(&self) -> Option<Arc<LaneFile>> {
        let log_start = self.log_start_durable.load(Ordering::Acquire);
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        let mut released = self.released();
        if files.keys().nth(1).is_some_and(|second| *second <= log_start) {
            let (first, file) = files.pop_first()?;
            released.remove(&first);
            return Some(file);
        }
        while let Some(first) = released.pop_first() {
            if let Some(file) = files.remove(&first) {
                return Some(file);
            }
        }
        None
    }
}
