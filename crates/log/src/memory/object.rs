//! An object of a lane in a bucket: 64 bytes of header, then one group, or nothing in a fence.
//!
//! ```text
//!  0 [8] "steleobj"      16 u64 put id      32 u64 index        48 u64 end LSN
//!  8 u32 CRC of 12..64   24 u64 epoch       40 u64 first LSN    56 u64 successor epoch (0: a group)
//! 12 u32 version
//! ```

use bytes::{Bytes, BytesMut};
use crc_fast::crc32_iscsi;

use crate::format::{u32_at, u64_at};

pub(super) const OBJECT_HEADER_BYTES: usize = 64;
const OBJECT_VERSION: u32 = 1;
const MAGIC: &[u8; 8] = b"steleobj";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ObjectHeader {
    /// Unique per put, also the incarnation of the frames: tells our object from another writer's.
    pub(super) put_id: u64,
    pub(super) epoch: u64,
    pub(super) index: u64,
    pub(super) first_lsn: u64,
    pub(super) end_lsn: u64,
    /// A fence ends its epoch and names the only one that may follow.
    pub(super) successor: u64,
}

impl ObjectHeader {
    pub(super) fn encode(&self, group: &[std::io::IoSlice<'_>]) -> Bytes {
        let length = OBJECT_HEADER_BYTES + group.iter().map(|part| part.len()).sum::<usize>();
        let mut bytes = BytesMut::with_capacity(length);
        bytes.resize(OBJECT_HEADER_BYTES, 0);
        bytes[..8].copy_from_slice(MAGIC);
        bytes[12..16].copy_from_slice(&OBJECT_VERSION.to_le_bytes());
        let fields = [self.put_id, self.epoch, self.index, self.first_lsn, self.end_lsn, self.successor];
        for (place, field) in fields.into_iter().enumerate() {
            bytes[16 + place * 8..24 + place * 8].copy_from_slice(&field.to_le_bytes());
        }
        let crc = crc32_iscsi(&bytes[12..]);
        bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        for part in group {
            bytes.extend_from_slice(part);
        }
        bytes.freeze()
    }

    /// `Err` holds the version of a valid header that is newer, or 0 for damage.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, u32> {
        let bytes = bytes.get(..OBJECT_HEADER_BYTES).ok_or(0_u32)?;
        if &bytes[..8] != MAGIC || u32_at(bytes, 8) != crc32_iscsi(&bytes[12..]) {
            return Err(0);
        }
        match u32_at(bytes, 12) {
            OBJECT_VERSION => Ok(Self {
                put_id: u64_at(bytes, 16),
                epoch: u64_at(bytes, 24),
                index: u64_at(bytes, 32),
                first_lsn: u64_at(bytes, 40),
                end_lsn: u64_at(bytes, 48),
                successor: u64_at(bytes, 56),
            }),
            version => Err(version),
        }
    }
}

pub(super) const OBJECT_VERSION_MAX: u32 = OBJECT_VERSION;

#[cfg(test)]
mod tests {
    use super::ObjectHeader;

    #[test]
    fn golden() {
        let header =
            ObjectHeader { put_id: 1, epoch: 2, index: 3, first_lsn: 4, end_lsn: 5, successor: 0x0607 };
        let bytes = header.encode(&[]);
        assert_eq!(ObjectHeader::decode(&bytes), Ok(header));
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, include_str!("../golden/object_header_1.hex").trim());
    }
}
