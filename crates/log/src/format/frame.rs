//! The frame header, 64 bytes before every payload.
//!
//! ```text
//!  0 u32 CRC32C of bytes 4..64      16 u64 file incarnation    40 u32 shard
//!  4 u8  format version             24 u64 epoch               44 u32 count
//!  5 u8  kind                       32 u64 LSN of byte 0       48 u64 partition (machine)
//!  6 u16 lane                                                  56 u64 base offset
//!  8 u32 payload bytes
//! 12 u32 CRC32C of the payload
//! ```
//! A header is valid only where its incarnation and LSN say that it belongs, so recycled files may hold old
//! frames behind the new ones. Positions 0 to 8 keep their meaning in every later version.

use crc_fast::crc32_iscsi;

use super::{u16_at, u32_at, u64_at};

/// The version that this code writes, and the newest it reads.
pub(crate) const FRAME_VERSION: u8 = 1;
/// Bytes of a header.
pub(crate) const HEADER_BYTES: usize = 64;
/// The kind of commit records; all others belong to the lane's user.
pub(crate) const KIND_COMMIT: u8 = 0;
/// Where a search for headers looks: the incarnation is the field that no peer can guess.
pub(crate) const INCARNATION_AT: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: u8,
    pub(crate) lane: u16,
    pub(crate) payload_bytes: u32,
    pub(crate) payload_crc: u32,
    pub(crate) incarnation: u64,
    pub(crate) epoch: u64,
    pub(crate) lsn: u64,
    pub(crate) shard: u32,
    pub(crate) count: u32,
    pub(crate) partition: u64,
    pub(crate) base_offset: u64,
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// Fewer than 64 bytes.
    Short,
    /// The checksum does not fit.
    Checksum,
    /// A valid header of a version that this code does not know.
    Newer(u8),
}

impl FrameHeader {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = self.encode_unsealed();
        seal(&mut bytes, self.incarnation);
        bytes
    }

    /// Without incarnation and checksum: for a frame whose file is not known yet. To be [sealed](seal).
    pub(crate) fn encode_unsealed(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[4] = FRAME_VERSION;
        bytes[5] = self.kind;
        bytes[6..8].copy_from_slice(&self.lane.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.payload_crc.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.lsn.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.shard.to_le_bytes());
        bytes[44..48].copy_from_slice(&self.count.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.partition.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.base_offset.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeaderFault> {
        let Some(bytes) = bytes.get(..HEADER_BYTES) else { return Err(HeaderFault::Short) };
        if u32_at(bytes, 0) != crc32_iscsi(&bytes[4..]) {
            return Err(HeaderFault::Checksum);
        }
        if bytes[4] != FRAME_VERSION {
            return Err(HeaderFault::Newer(bytes[4]));
        }
        Ok(Self {
            kind: bytes[5],
            lane: u16_at(bytes, 6),
            payload_bytes: u32_at(bytes, 8),
            payload_crc: u32_at(bytes, 12),
            incarnation: u64_at(bytes, INCARNATION_AT),
            epoch: u64_at(bytes, 24),
            lsn: u64_at(bytes, 32),
            shard: u32_at(bytes, 40),
            count: u32_at(bytes, 44),
            partition: u64_at(bytes, 48),
            base_offset: u64_at(bytes, 56),
        })
    }

    /// Bytes of header and payload.
    pub(crate) fn frame_bytes(&self) -> usize {
        HEADER_BYTES + self.payload_bytes as usize
    }
}

/// Sets the incarnation and, last of all, the header's checksum. `header` has at least 64 bytes.
pub(crate) fn seal(header: &mut [u8], incarnation: u64) {
    header[INCARNATION_AT..INCARNATION_AT + 8].copy_from_slice(&incarnation.to_le_bytes());
    let crc = crc32_iscsi(&header[4..HEADER_BYTES]);
    header[..4].copy_from_slice(&crc.to_le_bytes());
}
