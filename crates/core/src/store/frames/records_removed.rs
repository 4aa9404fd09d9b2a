//! Records of a partition went, by age, purge, deletion or acknowledgement.

use super::Delta;
use serde::{Deserialize, Serialize};

/// Kind 3.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordsRemoved {
    /// The stream's number.
    pub stream: u64,
    /// The partition.
    pub partition: u32,
    /// The log starts here from now on; absent: where it started.
    pub log_start: Option<u64>,
    /// Runs of removed offsets, rising: distance from the end of the run before (from 0 for the first), and length.
    pub runs: Vec<(u64, u64)>,
}

impl RecordsRemoved {
    /// Packs rising offsets.
    pub(crate) fn new(stream: u64, partition: u32, log_start: Option<u64>, offsets: &[u64]) -> Self {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        let mut end = 0;
        for offset in offsets {
            match runs.last_mut() {
                Some((_, length)) if *offset == end => *length += 1,
                _ => runs.push((offset - end, 1)),
            }
            end = offset + 1;
        }
        Self { stream, partition, log_start, runs }
    }

    /// The offsets again.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = u64> {
        let mut end = 0_u64;
        self.runs.iter().flat_map(move |(skip, length)| {
            let start = end.saturating_add(*skip);
            end = start.saturating_add(*length);
            start..end
        })
    }
}

impl Delta for RecordsRemoved {
    const KIND: u8 = 3;

    fn log(&self) -> u64 {
        super::stream_log(self.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden() {
        let removed = RecordsRemoved::new(1, 0, Some(4), &[5, 6, 9]);
        assert_eq!(removed.runs, [(5, 2), (2, 1)]);
        assert_eq!(removed.offsets().collect::<Vec<_>>(), [5, 6, 9]);
        crate::store::frames::check_golden(&removed, "03010001040205020201");
    }
}
