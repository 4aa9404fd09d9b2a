//! A group is gone with all its offsets.

use super::Delta;
use serde::{Deserialize, Serialize};

/// Kind 66.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupDeleted {
    /// The group.
    pub group: String,
}

impl Delta for GroupDeleted {
    const KIND: u8 = 66;
}

#[test]
fn golden() {
    super::check_golden(&GroupDeleted { group: "g".into() }, "420167");
}
