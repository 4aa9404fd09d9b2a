//! A cursor was made or changed.

use super::Delta;
use serde::{Deserialize, Serialize};
use stele_model::CursorSpec;

/// Kind 32.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CursorPut {
    /// The stream's number.
    pub stream: u64,
    /// The partition that it reads.
    pub partition: u32,
    /// Its number within the stream; never reused.
    pub cursor: u64,
    /// When it was made (ns).
    pub created_ns: u64,
    /// Where a new one begins; what follows from the spec's start and the stream's state then.
    pub next: u64,
    /// What it is from now on.
    pub spec: CursorSpec,
}

impl Delta for CursorPut {
    const KIND: u8 = 32;

    fn log(&self) -> u64 {
        super::stream_log(self.stream)
    }
}
