//! Reading frames by their positions: those that stand close together in one call of the disk.

use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use bytes::{Bytes, BytesMut};

use super::{FileLane, LaneFile};
use crate::format::frame::HEADER_BYTES;
use crate::lane::{FRAME_BYTES_MAX, FrameAt};
use crate::scan::Medium;
use crate::{Lsn, ReadError};

/// So many bytes of a file are read at once, or one frame.
const SPAN_BYTES_MAX: u64 = 1 << 18;
/// Bytes between two frames that are rather read than cost another call.
const GAP_BYTES_MAX: u64 = 4096;

impl FileLane {
    /// In the order of `frames`; ends after the first that cannot be read.
    pub(super) fn read_frames(&self, frames: &[FrameAt]) -> Vec<Result<Bytes, ReadError>> {
        let mut read = Vec::with_capacity(frames.len());
        while let Some((first, rest)) = frames[read.len()..].split_first() {
            if let Err(error) = self.read_span(*first, rest, &mut read) {
                read.push(Err(error));
                break;
            }
        }
        read
    }

    /// Reads a frame, and with it those of `rest` that follow closely.
    fn read_span(
        &self,
        first: FrameAt,
        rest: &[FrameAt],
        read: &mut Vec<Result<Bytes, ReadError>>,
    ) -> Result<(), ReadError> {
        if first.payload_bytes > FRAME_BYTES_MAX {
            return Err(ReadError::Damaged(first.lsn));
        }
        let durable = self.watch.durable().0;
        if end_of(first) > durable {
            return Err(ReadError::NotDurable(first.lsn));
        }
        let (file, file_end) = self.file_at(first.lsn)?;
        let limit = first.lsn.0.saturating_add(SPAN_BYTES_MAX).min(file_end).min(durable);
        let mut end = end_of(first);
        let near = rest.iter().take_while(|next| {
            let fits = (end..=end + GAP_BYTES_MAX).contains(&next.lsn.0) && end_of(**next) <= limit;
            if fits {
                end = end_of(**next);
            }
            fits
        });
        let count = near.count();
        let mut buffer = BytesMut::zeroed((end - first.lsn.0) as usize); // a frame, or the span's bound
        let filled = file.file.read_at(file.position(first.lsn.0), &mut buffer)?;
        buffer.truncate(filled);
        let buffer = buffer.freeze();
        let medium = Medium {
            bytes: &buffer,
            lane: self.id.0,
            incarnation: file.incarnation,
            first: 0,
            first_lsn: first.lsn.0,
        };
        for wanted in std::iter::once(&first).chain(&rest[..count]) {
            match medium.frame(wanted.lsn.0) {
                Ok(found) if found.header.payload_bytes == wanted.payload_bytes => {
                    read.push(Ok(buffer.slice(found.payload)));
                }
                // The file may have been recycled while we read: then it is no longer in the list.
                _ if self.file_at(wanted.lsn)?.0.index == file.index => {
                    return Err(ReadError::Damaged(wanted.lsn));
                }
                _ => return Err(ReadError::Trimmed(wanted.lsn)),
            }
        }
        Ok(())
    }

    /// The file of a position, and the position where the next file starts.
    fn file_at(&self, lsn: Lsn) -> Result<(Arc<LaneFile>, u64), ReadError> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        if files.is_empty() {
            return Err(ReadError::Closed);
        }
        let Some((_, file)) = files.range(..=lsn.0).next_back() else {
            return Err(ReadError::Trimmed(lsn));
        };
        let next = files.range((Bound::Excluded(lsn.0), Bound::Unbounded)).next();
        Ok((Arc::clone(file), next.map_or(u64::MAX, |(first, _)| *first)))
    }
}

fn end_of(frame: FrameAt) -> u64 {
    frame.lsn.0.saturating_add(HEADER_BYTES as u64 + u64::from(frame.payload_bytes))
}
