//! The time that frames carry: the wall clock, never backwards, and honest about jumps.
//!
//! A box may boot in 1970 and be told the time later. A jump forward while the process runs is noted, and the age of
//! a record from before the jump does not count it, so that nothing expires wrongly (semantics 7).

use stele_model::Now;

/// A larger difference between the progress of the two clocks is a jump.
const JUMP_NS: u64 = 3600 * 1_000_000_000;

/// One shard's time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShardClock {
    /// The newest time given out or replayed.
    last_ns: u64,
    /// The reading before this one in this process.
    seen: Option<Now>,
    /// Jumps: the time after each, and by how much.
    jumps: Vec<(u64, u64)>,
}

impl ShardClock {
    /// Reads the clock. The second value is a jump to note: (time after it, by how much).
    pub(crate) fn read(&mut self, now: Now) -> (u64, Option<(u64, u64)>) {
        let mut jump = None;
        if let Some(seen) = self.seen {
            let passed = now.monotonic_ns.saturating_sub(seen.monotonic_ns);
            let expected = seen.wall_ns.saturating_add(passed).max(self.last_ns);
            let by = now.wall_ns.saturating_sub(expected);
            if by > JUMP_NS {
                tracing::warn!(seconds = by / 1_000_000_000, "the wall clock jumped forward");
                jump = Some((now.wall_ns, by));
                self.jumps.push((now.wall_ns, by));
            }
        }
        self.seen = Some(now);
        self.last_ns = self.last_ns.max(now.wall_ns);
        (self.last_ns, jump)
    }

    /// The last reading in this process.
    pub(crate) fn seen(&self) -> Option<Now> {
        self.seen
    }

    /// The newest time, without reading.
    pub(crate) fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// The jumps that were noted: the time after each, and by how much.
    pub(crate) fn jumps(&self) -> &[(u64, u64)] {
        &self.jumps
    }

    /// A frame carried this time.
    pub(crate) fn replay(&mut self, time_ns: u64) {
        self.last_ns = self.last_ns.max(time_ns);
    }

    /// A noted jump, replayed.
    pub(crate) fn replay_jump(&mut self, at_ns: u64, by_ns: u64) {
        self.replay(at_ns);
        self.jumps.push((at_ns, by_ns));
    }

    /// When something of `time_ns` reaches an age, on this shard's clock.
    pub(crate) fn due_ns(&self, time_ns: u64, age_ns: u64) -> u64 {
        let jumped: u64 = self.jumps.iter().filter(|(at, _)| *at > time_ns).map(|(_, by)| *by).sum();
        time_ns.saturating_add(age_ns).saturating_add(jumped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = JUMP_NS;

    #[test]
    fn never_goes_back_and_notes_jumps() {
        let mut clock = ShardClock::default();
        let at = |monotonic_ns, wall_ns| Now { monotonic_ns, wall_ns };
        assert_eq!(clock.read(at(0, 100)), (100, None));
        assert_eq!(clock.read(at(5, 50)), (100, None));
        let year = 9000 * HOUR;
        let (time, jump) = clock.read(at(10, year));
        assert_eq!((time, jump), (year, Some((year, year - 100))));
        // A record of time 100 with an age of an hour goes an hour after, not at once.
        assert_eq!(clock.due_ns(100, HOUR), year + HOUR);
        assert_eq!(clock.due_ns(year, HOUR), year + HOUR);
        assert_eq!(clock.read(at(20, year + 10)), (year + 10, None));
    }
}
