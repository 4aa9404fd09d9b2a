//! What a cursor delivered and what was acknowledged since the delta before, as absolute values per record.

use super::Delta;
use serde::{Deserialize, Serialize};

/// Kind 34.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CursorMoved {
    /// The stream's number.
    pub stream: u64,
    /// The cursor's number.
    pub cursor: u64,
    /// The next offset to look at.
    pub next: u64,
    /// The number of the last delivery, the highest sequence delivered, when (ns).
    pub delivered: (u64, u64, u64),
    /// When something was last acknowledged (ns).
    pub acknowledged_ns: u64,
    /// Records that are pending now.
    pub pending: Vec<PendingEntry>,
    /// Records that are not pending any more.
    pub settled: Vec<u64>,
}

/// A pending record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PendingEntry {
    /// Its offset.
    pub offset: u64,
    /// The number of its first delivery.
    pub delivery: u64,
    /// How often it was delivered.
    pub count: u64,
    /// When last (ns).
    pub time_ns: u64,
}

impl Delta for CursorMoved {
    const KIND: u8 = 34;

    fn log(&self) -> u64 {
        super::stream_log(self.stream)
    }
}

#[test]
fn golden() {
    let moved = CursorMoved {
        stream: 1,
        cursor: 2,
        next: 9,
        delivered: (4, 9, 300),
        acknowledged_ns: 3,
        pending: vec![PendingEntry { offset: 8, delivery: 4, count: 1, time_ns: 5 }],
        settled: vec![7],
    };
    super::check_golden(&moved, "220102090409ac0203010804010501 07".replace(' ', "").as_str());
}
