//! Errors of lanes, one enum per operation.

use stele_io::DiskError;

use crate::{Lsn, StopReason};

/// Why frames were not queued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The lane is closed, poisoned or fenced. Fail open requests; wait for a reopening.
    #[error("the lane does not run: {0:?}")]
    Stopped(StopReason),
    /// Too many bytes wait for the medium. Try again after the next commit.
    #[error("the lane's queue is full")]
    Busy,
    /// The disk is full and the frames are not essential (design §4). Free space or trim.
    #[error("the disk is full")]
    DiskFull,
    /// A payload, the group or its number of frames is over the limit, or the group is empty.
    #[error("the group is empty or over a limit")]
    Size,
    /// Kind 0 belongs to the lane.
    #[error("frame kind 0 is reserved")]
    Kind,
}

/// Why a lane did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is open already.
    #[error("the lane is open already")]
    AlreadyOpen,
    /// The data was written by a newer release; it is left untouched.
    #[error("`{name}` has format version {version}, this release reads up to {supported}")]
    NewerVersion {
        /// The file or object.
        name: String,
        /// Its version.
        version: u32,
        /// The newest version that this code reads.
        supported: u32,
    },
    /// Files contradict each other in a way that no crash explains; nothing was changed.
    #[error("the lane runs in `{name}` up to {end}, what follows starts at {first}")]
    Inconsistent {
        /// The file.
        name: String,
        /// Where the file after it says that it starts.
        first: Lsn,
        /// Where the groups in it end.
        end: Lsn,
    },
    /// Another writer took the lane while it was being opened. Try again with a higher epoch.
    #[error("another writer took the lane")]
    Fenced,
    /// The object store did not answer. Try again later.
    #[error("the object store does not answer")]
    OutOfReach,
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why a stored frame was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The position is not durable yet.
    #[error("position {0} is not durable")]
    NotDurable(Lsn),
    /// The position lies below the start of the lane.
    #[error("position {0} is trimmed")]
    Trimmed(Lsn),
    /// Stored bytes are damaged, or no frame of this length starts there. Quarantine the partition.
    #[error("the frame at {0} is damaged")]
    Damaged(Lsn),
    /// The lane is closed.
    #[error("the lane is closed")]
    Closed,
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}
