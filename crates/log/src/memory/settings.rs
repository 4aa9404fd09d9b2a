//! What can be set of a lane on an object store.

/// Settings of a [`MemoryLane`](super::MemoryLane).
#[derive(Debug, Clone)]
pub struct MemoryLaneSettings {
    /// Puts under way at a time.
    pub puts_max: usize,
    /// Bytes that may wait before [`SubmitError::Busy`](crate::SubmitError::Busy).
    pub queue_bytes_max: u64,
    /// Makes put ids unique between writers: random per process, fixed in simulations.
    pub salt: u64,
}

impl Default for MemoryLaneSettings {
    fn default() -> Self {
        Self { puts_max: 8, queue_bytes_max: 64 << 20, salt: 0 }
    }
}
