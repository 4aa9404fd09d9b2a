//! A stream is gone with its records and cursors.

use super::Delta;
use serde::{Deserialize, Serialize};

/// Kind 2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamDeleted {
    /// Its number within the shard.
    pub stream: u64,
}

impl Delta for StreamDeleted {
    const KIND: u8 = 2;

    fn log(&self) -> u64 {
        super::stream_log(self.stream)
    }
}

#[test]
fn golden() {
    super::check_golden(&StreamDeleted { stream: 5 }, "0205");
}
