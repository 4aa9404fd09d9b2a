//! The commit record: the payload of a frame of kind 0 that ends a group (semantics 1 and 2).
//!
//! ```text
//!  0 u64 LSN where the group starts            then per frame of the group, 32 bytes:
//!  8 u64 highest LSN known synced when written   0 u32 shard     8 u64 partition   24 u64 LSN
//! 16 u64 log start: frames below are not needed  4 u32 count    16 u64 base offset
//! 24 u32 flags (1: an epoch starts here; 2: the writer stopped cleanly)
//! 28 u32 number of frames
//! ```

use super::{u32_at, u64_at};

const FIXED_BYTES: usize = 32;
const ENTRY_BYTES: usize = 32;

/// The writer of a new epoch begins: frames of older epochs behind this record do not count.
pub(crate) const FLAG_EPOCH_START: u32 = 1;
/// The writer closed the lane; nothing follows in its epoch.
pub(crate) const FLAG_CLEAN_STOP: u32 = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) group_start: u64,
    pub(crate) known_synced: u64,
    pub(crate) log_start: u64,
    pub(crate) flags: u32,
    pub(crate) entries: Vec<CommitEntry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommitEntry {
    pub(crate) shard: u32,
    pub(crate) count: u32,
    pub(crate) partition: u64,
    pub(crate) base_offset: u64,
    pub(crate) lsn: u64,
}

/// Payload bytes of a commit record over `entries` frames.
pub(crate) fn commit_payload_bytes(entries: usize) -> usize {
    FIXED_BYTES + entries * ENTRY_BYTES
}

impl Commit {
    /// Appends the payload to `out`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(commit_payload_bytes(self.entries.len()));
        out.extend_from_slice(&self.group_start.to_le_bytes());
        out.extend_from_slice(&self.known_synced.to_le_bytes());
        out.extend_from_slice(&self.log_start.to_le_bytes());
        out.extend_from_slice(&self.flags.to_le_bytes());
        let count = u32::try_from(self.entries.len()).expect("a group's frames are bounded");
        out.extend_from_slice(&count.to_le_bytes());
        for entry in &self.entries {
            out.extend_from_slice(&entry.shard.to_le_bytes());
            out.extend_from_slice(&entry.count.to_le_bytes());
            out.extend_from_slice(&entry.partition.to_le_bytes());
            out.extend_from_slice(&entry.base_offset.to_le_bytes());
            out.extend_from_slice(&entry.lsn.to_le_bytes());
        }
    }

    /// `None` unless the length is exactly what the record says.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let (fixed, entries) = payload.split_at_checked(FIXED_BYTES)?;
        // The count is checked against the bytes at hand before anything is allocated for it.
        if entries.len() as u64 != u64::from(u32_at(fixed, 28)) * ENTRY_BYTES as u64 {
            return None;
        }
        let entry = |bytes: &[u8]| CommitEntry {
            shard: u32_at(bytes, 0),
            count: u32_at(bytes, 4),
            partition: u64_at(bytes, 8),
            base_offset: u64_at(bytes, 16),
            lsn: u64_at(bytes, 24),
        };
        Some(Self {
            group_start: u64_at(fixed, 0),
            known_synced: u64_at(fixed, 8),
            log_start: u64_at(fixed, 16),
            flags: u32_at(fixed, 24),
            entries: entries.chunks_exact(ENTRY_BYTES).map(entry).collect(),
        })
    }
}
