//! A cursor is gone.

use super::Delta;
use serde::{Deserialize, Serialize};

/// Kind 33.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CursorDeleted {
    /// The stream's number.
    pub stream: u64,
    /// The cursor's number.
    pub cursor: u64,
}

impl Delta for CursorDeleted {
    const KIND: u8 = 33;

    fn log(&self) -> u64 {
        super::stream_log(self.stream)
    }
}

#[test]
fn golden() {
    super::check_golden(&CursorDeleted { stream: 5, cursor: 2 }, "210502");
}
