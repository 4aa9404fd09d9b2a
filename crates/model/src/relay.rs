//! Records that producers stored, on their way to live receivers and stored sessions (semantics 22).

use crate::{Offset, StoredRecord};

/// Where a produced record stands. The core's own numbers: others only carry them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct RecordOrigin {
    /// The shard of its stream.
    pub shard: u16,
    /// The log of its partition within the shard; never used again for another one.
    pub log: u64,
    /// Its offset in the partition.
    pub offset: Offset,
    /// Where its batch stands in the journal: a stored subscription that was made behind it does not get the record.
    /// [`Self::IN_MEMORY`] for a stream that is not in the journal.
    pub position: u64,
}

impl RecordOrigin {
    /// The position of records that a restart forgets; their offsets may come again after it.
    pub const IN_MEMORY: u64 = u64::MAX;

    /// Does the record outlive a restart?
    pub fn is_kept(&self) -> bool {
        self.position != Self::IN_MEMORY
    }
}

/// A durable record that somebody beside its topic's readers wants.
#[derive(Clone, Debug)]
pub struct Relayed {
    /// It.
    pub record: StoredRecord,
    /// Where it came from.
    pub origin: RecordOrigin,
}
