//! One machine's state in a snapshot file.
//!
//! A file is a 16-byte head («stelsnap», u32 version, u32 CRC32C of the 12 bytes before) and entries:
//! ```text
//!  0 u32 CRC32C of bytes 4..32 and the machine's id   12 u64 LSN that the state covers
//!  4 u16 bytes of the id                              20 u64 first LSN that the state before lacked
//!  6 u16 flags (1: the machine is gone)               28 u32 CRC32C of the state
//!  8 u32 bytes of the state                           32 id, then state
//! ```

use crc_fast::crc32_iscsi;

use crate::format::{u16_at, u32_at, u64_at};

pub(super) const FILE_HEAD_BYTES: usize = 16;
pub(super) const ENTRY_HEAD_BYTES: usize = 32;
pub(super) const FILE_VERSION: u32 = 1;
pub(super) const FLAG_GONE: u16 = 1;
const MAGIC: &[u8; 8] = b"stelsnap";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) machine: Vec<u8>,
    pub(super) flags: u16,
    pub(super) state_bytes: u32,
    pub(super) lsn: u64,
    pub(super) since: u64,
    pub(super) state_crc: u32,
}

impl Entry {
    /// Appends everything but the state.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let from = out.len();
        let id_bytes = u16::try_from(self.machine.len()).expect("checked against MACHINE_BYTES_MAX");
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&id_bytes.to_le_bytes());
        out.extend_from_slice(&self.flags.to_le_bytes());
        out.extend_from_slice(&self.state_bytes.to_le_bytes());
        out.extend_from_slice(&self.lsn.to_le_bytes());
        out.extend_from_slice(&self.since.to_le_bytes());
        out.extend_from_slice(&self.state_crc.to_le_bytes());
        out.extend_from_slice(&self.machine);
        let crc = crc32_iscsi(&out[from + 4..]);
        out[from..from + 4].copy_from_slice(&crc.to_le_bytes());
    }

    /// `None` for anything that is not a whole, valid head with its id.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..ENTRY_HEAD_BYTES)?;
        let end = ENTRY_HEAD_BYTES + usize::from(u16_at(head, 4));
        let covered = bytes.get(4..end)?;
        if crc32_iscsi(covered) != u32_at(head, 0) {
            return None;
        }
        Some(Self {
            machine: bytes[ENTRY_HEAD_BYTES..end].to_vec(),
            flags: u16_at(head, 6),
            state_bytes: u32_at(head, 8),
            lsn: u64_at(head, 12),
            since: u64_at(head, 20),
            state_crc: u32_at(head, 28),
        })
    }

    /// Bytes before the state.
    pub(super) fn head_bytes(&self) -> usize {
        ENTRY_HEAD_BYTES + self.machine.len()
    }
}

pub(super) fn file_head() -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&FILE_VERSION.to_le_bytes());
    let crc = crc32_iscsi(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// The version of a file, `None` when its head is damaged.
pub(super) fn file_version(bytes: &[u8]) -> Option<u32> {
    let head = bytes.get(..FILE_HEAD_BYTES)?;
    (&head[..8] == MAGIC && crc32_iscsi(&head[..12]) == u32_at(head, 12)).then(|| u32_at(head, 8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Entry, file_head, file_version};

    #[test]
    fn golden_bytes() {
        let entry =
            Entry { machine: b"abc".to_vec(), flags: 1, state_bytes: 4, lsn: 5, since: 6, state_crc: 7 };
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, include_str!("../golden/snapshot_entry_1.hex").trim());
        assert_eq!(file_version(&file_head()), Some(1));
    }

    proptest! {
        #[test]
        fn roundtrip(
            machine in proptest::collection::vec(any::<u8>(), 0..40),
            (flags, state_bytes, lsn, since, state_crc) in any::<(u16, u32, u64, u64, u32)>(),
        ) {
            let entry = Entry { machine, flags, state_bytes, lsn, since, state_crc };
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            prop_assert_eq!(Entry::decode(&bytes), Some(entry));
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Entry::decode(&bytes);
            let _ = file_version(&bytes);
        }
    }
}
