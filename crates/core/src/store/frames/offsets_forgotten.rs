//! Committed offsets are gone: expired, deleted, or their topic is.

use super::Delta;
use serde::{Deserialize, Serialize};
use stele_model::{PartitionIndex, StreamName};

/// Kind 65.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OffsetsForgotten {
    /// The group.
    pub group: String,
    /// Which.
    pub partitions: Vec<(StreamName, PartitionIndex)>,
}

impl Delta for OffsetsForgotten {
    const KIND: u8 = 65;
}

#[test]
fn golden() {
    let forgotten = OffsetsForgotten { group: "g".into(), partitions: vec![(StreamName::new("t"), 2)] };
    super::check_golden(&forgotten, "41016701017402");
}
