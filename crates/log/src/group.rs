//! A group under construction: headers and small payloads in one buffer, large payloads by reference.

use std::io::IoSlice;

use bytes::Bytes;
use crc_fast::crc32_iscsi;

use crate::format::commit::{Commit, CommitEntry, commit_payload_bytes};
use crate::format::frame::{FrameHeader, HEADER_BYTES, KIND_COMMIT, seal};
use crate::lane::Frame;

/// Payloads up to this size are copied into the group's buffer; larger ones are written from where they are.
const COPY_BYTES_MAX: usize = 4096;

/// Frames that will become durable together.
#[derive(Debug, Default)]
pub(crate) struct PendingGroup {
    start: u64,
    epoch: u64,
    lane: u16,
    entries: Vec<CommitEntry>,
    /// Where in `buffer` the header of each entry stands.
    heads: Vec<usize>,
    buffer: Vec<u8>,
    /// Payloads that follow the buffer's byte at the given index.
    shared: Vec<(usize, Bytes)>,
    /// Bytes of the frames, without the commit record.
    pub(crate) bytes: u64,
    /// What this group adds to the queue's bytes.
    pub(crate) charge: u64,
}

/// What the commit record says beside the list of frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    pub(crate) known_synced: u64,
    pub(crate) log_start: u64,
    pub(crate) flags: u32,
}

impl PendingGroup {
    /// A group without frames.
    pub(crate) fn empty(start: u64, lane: u16, epoch: u64) -> Self {
        Self { start, lane, epoch, ..Self::default() }
    }

    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Where the commit record ends.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.stored_bytes()
    }

    /// Bytes with the commit record.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.bytes + commit_record_bytes(self.entries.len())
    }

    /// Number of frames.
    pub(crate) fn frames(&self) -> usize {
        self.entries.len()
    }

    /// Drops the payloads and returns the capacity that is worth keeping, or not.
    pub(crate) fn release(&mut self) -> usize {
        self.shared.clear();
        self.buffer.capacity()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Seals the headers for the file that the group goes to and appends the commit record.
    pub(crate) fn finish(&mut self, incarnation: u64, marks: Marks) {
        for head in &self.heads {
            seal(&mut self.buffer[*head..*head + HEADER_BYTES], incarnation);
        }
        let at = self.buffer.len();
        self.buffer.extend_from_slice(&[0; HEADER_BYTES]);
        let commit = Commit {
            group_start: self.start,
            known_synced: marks.known_synced,
            log_start: marks.log_start,
            flags: marks.flags,
            entries: std::mem::take(&mut self.entries),
        };
        commit.encode(&mut self.buffer);
        self.entries = commit.entries;
        let payload = &self.buffer[at + HEADER_BYTES..];
        let header = FrameHeader {
            kind: KIND_COMMIT,
            lane: self.lane,
            payload_bytes: u32::try_from(payload.len()).expect("a group's frames are bounded"),
            payload_crc: crc32_iscsi(payload),
            incarnation,
            epoch: self.epoch,
            lsn: self.start + self.bytes,
            shard: 0,
            count: 0,
            partition: 0,
            base_offset: 0,
        };
        self.buffer[at..at + HEADER_BYTES].copy_from_slice(&header.encode());
    }

    /// The finished group's bytes, in order.
    pub(crate) fn slices(&self) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(self.shared.len() * 2 + 1);
        let mut from = 0;
        for (at, payload) in &self.shared {
            slices.push(IoSlice::new(&self.buffer[from..*at]));
            slices.push(IoSlice::new(payload));
            from = *at;
        }
        slices.push(IoSlice::new(&self.buffer[from..]));
        slices
    }

    pub(crate) fn reset(&mut self, start: u64, lane: u16, epoch: u64) {
        self.start = start;
        self.lane = lane;
        self.epoch = epoch;
        self.entries.clear();
        self.heads.clear();
        self.buffer.clear();
        self.shared.clear();
        self.bytes = 0;
        self.charge = 0;
    }

    pub(crate) fn push(&mut self, frame: &Frame, payload_crc: u32) {
        let lsn = self.start + self.bytes;
        let header = FrameHeader {
            kind: frame.kind,
            lane: self.lane,
            payload_bytes: u32::try_from(frame.payload.len()).expect("checked against FRAME_BYTES_MAX"),
            payload_crc,
            incarnation: 0,
            epoch: self.epoch,
            lsn,
            shard: frame.shard,
            count: frame.count,
            partition: frame.partition,
            base_offset: frame.base_offset,
        };
        self.heads.push(self.buffer.len());
        self.buffer.extend_from_slice(&header.encode_unsealed());
        if frame.payload.len() <= COPY_BYTES_MAX {
            self.buffer.extend_from_slice(&frame.payload);
        } else {
            self.shared.push((self.buffer.len(), frame.payload.clone()));
        }
        self.entries.push(CommitEntry {
            shard: frame.shard,
            count: frame.count,
            partition: frame.partition,
            base_offset: frame.base_offset,
            lsn,
        });
        self.bytes += frame.stored_bytes();
    }
}

/// Bytes of a commit record over `frames` frames, with its header.
pub(crate) fn commit_record_bytes(frames: usize) -> u64 {
    (HEADER_BYTES + commit_payload_bytes(frames)) as u64
}
