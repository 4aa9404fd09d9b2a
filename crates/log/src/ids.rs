//! Positions and epochs.

use std::fmt;

/// A position in a lane: a count of bytes since the lane's first, over all its files and epochs.
///
/// The LSN of a frame is that of its first header byte. What an ack waits for is the *end* of its last frame:
/// it is durable once [`Lane::durable`](crate::Lane::durable) is at least that. Durable positions only rise
/// and are never given out twice; positions that were handed out but cut at a recovery are, under a higher
/// epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

/// The incarnation of a lane's writer: rises with every open and never returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

/// Which lane of a broker. Frames name it, so that files of two lanes cannot be taken for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LaneId(pub u16);

impl fmt::Display for Lsn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for LaneId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
