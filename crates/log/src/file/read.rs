//! Reading one frame by its position.

use std::sync::{Arc, PoisonError};

use bytes::{Bytes, BytesMut};

use super::{FileLane, LaneFile};
use crate::format::frame::HEADER_BYTES;
use crate::lane::FRAME_BYTES_MAX;
use crate::scan::Medium;
use crate::{Lsn, ReadError};

impl FileLane {
    pub(super) fn read_frame(&self, lsn: Lsn, payload_bytes: u32) -> Result<Bytes, ReadError> {
        if payload_bytes > FRAME_BYTES_MAX {
            return Err(ReadError::Damaged(lsn));
        }
        let frame_bytes = HEADER_BYTES + payload_bytes as usize;
        if lsn.0.saturating_add(frame_bytes as u64) > self.watch.durable().0 {
            return Err(ReadError::NotDurable(lsn));
        }
        let file = self.file_at(lsn)?;
        let mut buffer = BytesMut::zeroed(frame_bytes);
        let count = file.file.read_at(file.position(lsn.0), &mut buffer)?;
        let medium = Medium {
            bytes: &buffer[..count],
            lane: self.id.0,
            incarnation: file.incarnation,
            first: 0,
            first_lsn: lsn.0,
        };
        match medium.frame(lsn.0) {
            Ok(found) if found.header.payload_bytes == payload_bytes => {
                Ok(buffer.freeze().slice(HEADER_BYTES..))
            }
            // The file may have been recycled while we read: then it is no longer in the list.
            _ if self.file_at(lsn)?.index == file.index => Err(ReadError::Damaged(lsn)),
            _ => Err(ReadError::Trimmed(lsn)),
        }
    }

    fn file_at(&self, lsn: Lsn) -> Result<Arc<LaneFile>, ReadError> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        if files.is_empty() {
            return Err(ReadError::Closed);
        }
        match files.range(..=lsn.0).next_back() {
            Some((_, file)) => Ok(Arc::clone(file)),
            None => Err(ReadError::Trimmed(lsn)),
        }
    }
}
