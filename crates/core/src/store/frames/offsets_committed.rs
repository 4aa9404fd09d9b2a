//! Offsets that a group committed. The newest delta for a partition counts.

use super::Delta;
use serde::{Deserialize, Serialize};
use stele_model::{PartitionIndex, StreamName};

/// Kind 64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OffsetsCommitted {
    /// The group.
    pub group: String,
    /// When (ns); their age begins here.
    pub time_ns: u64,
    /// What.
    pub offsets: Vec<OffsetEntry>,
}

/// One partition's offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OffsetEntry {
    /// The topic.
    pub stream: StreamName,
    /// Its partition.
    pub partition: PartitionIndex,
    /// The next offset to read.
    pub offset: u64,
    /// The leader epoch that the client saw; −1: none.
    pub leader_epoch: i32,
    /// The client's words.
    pub metadata: Option<String>,
}

impl Delta for OffsetsCommitted {
    const KIND: u8 = 64;
}

#[test]
fn golden() {
    let entry = OffsetEntry {
        stream: StreamName::new("t"),
        partition: 1,
        offset: 300,
        leader_epoch: -1,
        metadata: Some("m".into()),
    };
    let committed = OffsetsCommitted { group: "g".into(), time_ns: 5, offsets: vec![entry] };
    super::check_golden(&committed, "40016705010174 01ac0201 01016d".replace(' ', "").as_str());
}
