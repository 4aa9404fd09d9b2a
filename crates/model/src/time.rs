//! Time as an argument: what a clock read, taken by the host and passed in.

/// One reading of both clocks. Plain numbers, so that a simulation can make its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Nanoseconds since an arbitrary start; never goes backwards. Deadlines are measured on it.
    pub monotonic_ns: u64,
    /// Nanoseconds since 1970-01-01 UTC, as the host's wall clock says; may jump either way.
    pub wall_ns: u64,
}

impl Now {
    /// The wall clock in milliseconds since 1970, the unit of record timestamps.
    pub fn wall_ms(self) -> i64 {
        i64::try_from(self.wall_ns / 1_000_000).unwrap_or(i64::MAX)
    }
}
