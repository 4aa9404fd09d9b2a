//! Reading groups back from bytes: strictly while all is well, frame by frame where something is damaged.

use std::ops::Range;

use crc_fast::crc32_iscsi;

use crate::format::commit::{Commit, CommitEntry, FLAG_EPOCH_START};
use crate::format::frame::{FrameHeader, HEADER_BYTES, HeaderFault, INCARNATION_AT, KIND_COMMIT};
use crate::format::u64_at;
use crate::lane::FRAME_BYTES_MAX;
use crate::{Epoch, Lsn, StoredFrame};

/// Bytes of one file (or object) and what they must say to belong to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Medium<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) lane: u16,
    pub(crate) incarnation: u64,
    /// Index of the first group's first byte, and its LSN.
    pub(crate) first: usize,
    pub(crate) first_lsn: u64,
}

/// A frame and where its payload lies.
#[derive(Debug, Clone)]
pub(crate) struct FoundFrame {
    pub(crate) header: FrameHeader,
    pub(crate) payload: Range<usize>,
}

/// A whole, valid group.
#[derive(Debug)]
pub(crate) struct FoundGroup {
    pub(crate) frames: Vec<FoundFrame>,
    pub(crate) commit: Commit,
    pub(crate) epoch: u64,
    pub(crate) end: u64,
}

/// A commit record that was searched for, not walked to.
#[derive(Debug)]
pub(crate) struct FoundCommit {
    pub(crate) lsn: u64,
    pub(crate) epoch: u64,
    pub(crate) commit: Commit,
    pub(crate) end: u64,
}

/// Why no group starts at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupFault {
    /// Nothing valid, or nothing of this place and epoch.
    Invalid,
    /// A valid header of a newer release.
    Newer(u8),
}

impl<'a> Medium<'a> {
    /// The group that starts at `lsn`. `epoch` is that of the group before: only a record that starts an epoch
    /// may have a higher one.
    pub(crate) fn group(&self, lsn: u64, epoch: u64) -> Result<FoundGroup, GroupFault> {
        let mut frames = Vec::new();
        let mut at = lsn;
        loop {
            let frame = self.frame(at)?;
            if frames.first().is_some_and(|first: &FoundFrame| first.header.epoch != frame.header.epoch) {
                return Err(GroupFault::Invalid);
            }
            at += frame.header.frame_bytes() as u64;
            if frame.header.kind != KIND_COMMIT {
                frames.push(frame);
                continue;
            }
            let commit = Commit::decode(&self.bytes[frame.payload]).ok_or(GroupFault::Invalid)?;
            let found = frame.header.epoch;
            let starts = commit.flags & FLAG_EPOCH_START != 0;
            let right_epoch = found == epoch || (found > epoch && starts);
            if !right_epoch || commit.group_start != lsn || !lists(&commit.entries, &frames) {
                return Err(GroupFault::Invalid);
            }
            return Ok(FoundGroup { frames, commit, epoch: found, end: at });
        }
    }

    /// The frame that starts at `lsn`, with both checksums checked.
    pub(crate) fn frame(&self, lsn: u64) -> Result<FoundFrame, GroupFault> {
        let header = self.header(lsn)?;
        let from = self.index(lsn).ok_or(GroupFault::Invalid)? + HEADER_BYTES;
        let payload = from..from + header.payload_bytes as usize;
        match self.bytes.get(payload.clone()) {
            Some(bytes) if crc32_iscsi(bytes) == header.payload_crc => Ok(FoundFrame { header, payload }),
            _ => Err(GroupFault::Invalid),
        }
    }

    /// The header at `lsn`, if it belongs there.
    pub(crate) fn header(&self, lsn: u64) -> Result<FrameHeader, GroupFault> {
        let index = self.index(lsn).ok_or(GroupFault::Invalid)?;
        let bytes = self.bytes.get(index..).ok_or(GroupFault::Invalid)?;
        match FrameHeader::decode(bytes) {
            Ok(header)
                if header.lsn == lsn
                    && header.lane == self.lane
                    && header.incarnation == self.incarnation
                    && header.payload_bytes <= FRAME_BYTES_MAX =>
            {
                Ok(header)
            }
            // A newer header keeps the incarnation where it is; without it these are old bytes of a recycled file.
            Err(HeaderFault::Newer(version))
                if bytes.len() >= HEADER_BYTES && u64_at(bytes, INCARNATION_AT) == self.incarnation =>
            {
                Err(GroupFault::Newer(version))
            }
            _ => Err(GroupFault::Invalid),
        }
    }

    /// Positions at or after `from` where a valid header stands, wherever payloads may lie.
    pub(crate) fn headers(&self, from: u64) -> impl Iterator<Item = (u64, FrameHeader)> + use<'a> {
        let medium = *self;
        let start = self.index(from).unwrap_or(usize::MAX).min(self.bytes.len());
        let pattern = self.incarnation.to_le_bytes();
        // Owned, because the iterator outlives this call's stack.
        let finder = memchr::memmem::Finder::new(&pattern).into_owned();
        let mut at = start;
        std::iter::from_fn(move || {
            loop {
                let hit = at + finder.find(medium.bytes.get(at..)?)?;
                at = hit + 1;
                if hit < start + INCARNATION_AT {
                    continue;
                }
                let lsn = medium.lsn(hit - INCARNATION_AT);
                if let Ok(header) = medium.header(lsn) {
                    return Some((lsn, header));
                }
            }
        })
    }

    /// The commit records at or after `from` with at least this epoch, by position.
    pub(crate) fn commits(&self, from: u64, epoch: u64) -> impl Iterator<Item = FoundCommit> + use<'a> {
        let medium = *self;
        self.headers(from).filter_map(move |(lsn, header)| {
            if header.kind != KIND_COMMIT || header.epoch < epoch {
                return None;
            }
            let frame = medium.frame(lsn).ok()?;
            let commit = Commit::decode(&medium.bytes[frame.payload.clone()])?;
            let end = lsn + header.frame_bytes() as u64;
            Some(FoundCommit { lsn, epoch: header.epoch, commit, end })
        })
    }

    /// Whether a writer of `epoch` or later began something at or behind `lsn` that is not whole.
    pub(crate) fn is_torn(&self, lsn: u64, epoch: u64) -> bool {
        if self.headers(lsn).any(|(_, header)| header.epoch >= epoch) {
            return true;
        }
        // A whole one of an older epoch is a leftover that this epoch ended in front of.
        if self.header(lsn).is_ok() {
            return false;
        }
        // A header that is damaged itself still has two of these three where they belong.
        let Some(bytes) = self.index(lsn).and_then(|index| self.bytes.get(index..index + HEADER_BYTES))
        else {
            return false;
        };
        let signs = [
            u64_at(bytes, INCARNATION_AT) == self.incarnation,
            u64_at(bytes, 24) == epoch,
            u64_at(bytes, 32) == lsn,
        ];
        signs.iter().filter(|sign| **sign).count() >= 2
    }

    pub(crate) fn stored<'b>(&'b self, frame: &FoundFrame) -> StoredFrame<'b> {
        StoredFrame {
            lsn: Lsn(frame.header.lsn),
            epoch: Epoch(frame.header.epoch),
            kind: frame.header.kind,
            shard: frame.header.shard,
            partition: frame.header.partition,
            base_offset: frame.header.base_offset,
            count: frame.header.count,
            payload: &self.bytes[frame.payload.clone()],
        }
    }

    /// Index of the byte at `lsn`; `None` outside of what the medium can hold.
    pub(crate) fn index(&self, lsn: u64) -> Option<usize> {
        let distance = usize::try_from(lsn.checked_sub(self.first_lsn)?).ok()?;
        let index = distance.checked_add(self.first)?;
        (index <= self.bytes.len()).then_some(index)
    }

    fn lsn(&self, index: usize) -> u64 {
        self.first_lsn.wrapping_add(index as u64).wrapping_sub(self.first as u64)
    }
}

fn lists(entries: &[CommitEntry], frames: &[FoundFrame]) -> bool {
    let same = |(entry, frame): (&CommitEntry, &FoundFrame)| {
        let header = &frame.header;
        *entry
            == CommitEntry {
                shard: header.shard,
                count: header.count,
                partition: header.partition,
                base_offset: header.base_offset,
                lsn: header.lsn,
            }
    };
    entries.len() == frames.len() && entries.iter().zip(frames).all(same)
}
