//! Producer ids that may be given out. They are reserved in blocks, so that few of them need a frame.

use super::Delta;
use serde::{Deserialize, Serialize};

/// Kind 67.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProducerIdsReserved {
    /// Ids below may have been given out; after a restart none of them is given out again.
    pub until: i64,
}

impl Delta for ProducerIdsReserved {
    const KIND: u8 = 67;
}

#[test]
fn golden() {
    super::check_golden(&ProducerIdsReserved { until: 1000 }, "43d00f");
}
