//! The first page of a lane file.
//!
//! ```text
//!  0 [8] "stelelan"                 24 u64 index, also in the name    48 u64 epoch when it began
//!  8 u32 CRC32C of bytes 12..64     32 u64 incarnation                56 u64 log start when it began
//! 12 u32 format version             40 u64 LSN of the first group     64 zeros up to 4,096
//! 16 u16 lane, 6 zeros
//! ```
//! A file gets its name only after its header is durable, and a file begins only after everything before it
//! is: so a header also says that all below its first LSN is known synced. Bytes 0 to 16 keep their meaning.

use crc_fast::crc32_iscsi;

use super::{u16_at, u32_at, u64_at};

/// The version that this code writes, and the newest it reads.
pub(crate) const FILE_VERSION: u32 = 1;
/// Where the first group begins: a page of its own, so that no group shares a page with the header.
pub(crate) const FILE_HEADER_BYTES: usize = 4096;
const USED_BYTES: usize = 64;
const MAGIC: &[u8; 8] = b"stelelan";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub(crate) lane: u16,
    pub(crate) index: u64,
    pub(crate) incarnation: u64,
    pub(crate) first_lsn: u64,
    pub(crate) epoch: u64,
    pub(crate) log_start: u64,
}

/// Why bytes are no file header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileHeaderFault {
    Damaged,
    Newer(u32),
}

impl FileHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; FILE_HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[12..16].copy_from_slice(&FILE_VERSION.to_le_bytes());
        bytes[16..18].copy_from_slice(&self.lane.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.index.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.incarnation.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.first_lsn.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.log_start.to_le_bytes());
        let crc = crc32_iscsi(&bytes[12..USED_BYTES]);
        bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FileHeaderFault> {
        let bytes = bytes.get(..USED_BYTES).ok_or(FileHeaderFault::Damaged)?;
        if &bytes[..8] != MAGIC || u32_at(bytes, 8) != crc32_iscsi(&bytes[12..]) {
            return Err(FileHeaderFault::Damaged);
        }
        let version = u32_at(bytes, 12);
        if version != FILE_VERSION {
            return Err(FileHeaderFault::Newer(version));
        }
        Ok(Self {
            lane: u16_at(bytes, 16),
            index: u64_at(bytes, 24),
            incarnation: u64_at(bytes, 32),
            first_lsn: u64_at(bytes, 40),
            epoch: u64_at(bytes, 48),
            log_start: u64_at(bytes, 56),
        })
    }
}
