//! A stream was made or changed.

use super::Delta;
use serde::{Deserialize, Serialize};
use stele_model::StreamSpec;

/// Kind 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamPut {
    /// Its number within the shard; never reused.
    pub stream: u64,
    /// Its name for ever: Kafka's topic id.
    pub id: [u8; 16],
    /// When it was made (ns).
    pub created_ns: u64,
    /// What it is from now on.
    pub spec: StreamSpec,
}

impl Delta for StreamPut {
    const KIND: u8 = 1;

    fn log(&self) -> u64 {
        super::stream_log(self.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::spec;

    #[test]
    fn golden() {
        let put = StreamPut { stream: 1, id: [7; 16], created_ns: 300, spec: spec("S", &["a.>"]) };
        crate::store::frames::check_golden(&put, GOLDEN);
    }

    const GOLDEN: &str = concat!(
        "0101070707070707070707070707070707",
        "07ac020153000103612e3e010100000000000000000000000080e0ba84bf03000001010000000000",
    );
}
