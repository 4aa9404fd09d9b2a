//! A journal on a lane of the log: the shards' frames become the lane's.

use crate::journal::{FrameKind, Journal, JournalFrame, Lsn, StoredFrame};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stele_log::{Class, Damage, Frame, FrameAt, Lane, Placed, ReadError, Replay, SubmitError};
use stele_model::Error;

pub(crate) const BATCH: u8 = 1;
const DELTA: u8 = 2;

/// The shards' view of a lane.
pub struct LaneJournal {
    lane: Arc<dyn Lane>,
    /// Where reads found changed bytes, bounded by `DAMAGED_MAX`.
    damaged: Mutex<BTreeSet<u64>>,
}

/// Damaged positions that are remembered; beyond it they only fail.
const DAMAGED_MAX: usize = 4096;

impl LaneJournal {
    /// The lane must be open before the first call.
    pub fn new(lane: Arc<dyn Lane>) -> Self {
        Self { lane, damaged: Mutex::default() }
    }

    fn place(
        &self,
        frames: &[JournalFrame],
        stored: &mut Vec<StoredFrame>,
        submit: impl FnOnce(&[Frame]) -> Result<Placed, SubmitError>,
    ) -> Result<(), Error> {
        let frames: Vec<Frame> = frames.iter().map(lane_frame).collect();
        let placed = submit(&frames).map_err(|error| neutral(&error))?;
        let mut position = placed.first.0;
        for frame in &frames {
            let end = position + frame.stored_bytes();
            // The group is durable as a whole.
            stored.push(StoredFrame { lsn: Lsn(placed.end.0), position });
            position = end;
        }
        Ok(())
    }

    fn unreadable(&self, position: u64, error: &ReadError) -> Error {
        tracing::error!(position, %error, "a stored frame cannot be read");
        if matches!(error, ReadError::Damaged(_)) {
            let mut damaged = self.damaged();
            if damaged.len() < DAMAGED_MAX {
                damaged.insert(position);
            }
        }
        Error::Storage
    }

    fn damaged(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for LaneJournal {
    fn append(&self, frames: &[JournalFrame], stored: &mut Vec<StoredFrame>) -> Result<(), Error> {
        let new_data = frames.iter().any(|frame| frame.kind == FrameKind::Batch);
        let class = if new_data { Class::Publish } else { Class::Essential };
        self.place(frames, stored, |frames| self.lane.submit(frames, class))
    }

    fn hold(&self, bytes: u64) -> Result<(), Error> {
        self.lane.hold(bytes).map_err(|error| neutral(&error))
    }

    fn append_held(&self, frames: &[JournalFrame], stored: &mut Vec<StoredFrame>) -> Result<(), Error> {
        self.place(frames, stored, |frames| self.lane.submit_held(frames))
    }

    fn let_go(&self) {
        self.lane.let_go();
    }

    fn read(&self, position: u64, length: u32) -> Result<Bytes, Error> {
        self.lane.read(stele_log::Lsn(position), length).map_err(|error| self.unreadable(position, &error))
    }

    fn read_all(&self, frames: &[(u64, u32)]) -> Vec<Result<Bytes, Error>> {
        let wanted = frames
            .iter()
            .map(|(position, length)| FrameAt { lsn: stele_log::Lsn(*position), payload_bytes: *length });
        let read = self.lane.read_all(&wanted.collect::<Vec<_>>());
        let each = read.into_iter().zip(frames);
        each.map(|(read, (position, _))| read.map_err(|error| self.unreadable(*position, &error))).collect()
    }

    fn is_damaged(&self, position: u64) -> bool {
        self.damaged().contains(&position)
    }

    fn durable(&self) -> Lsn {
        Lsn(self.lane.durable().0)
    }
}

fn lane_frame(frame: &JournalFrame) -> Frame {
    Frame {
        kind: match frame.kind {
            FrameKind::Batch => BATCH,
            FrameKind::Delta => DELTA,
        },
        shard: u32::from(frame.shard),
        partition: frame.log,
        base_offset: frame.base,
        count: frame.count,
        payload: frame.payload.clone(),
    }
}

fn neutral(error: &SubmitError) -> Error {
    match error {
        SubmitError::Busy => Error::Overloaded,
        SubmitError::DiskFull => Error::DiskFull,
        SubmitError::Size => Error::MessageTooLarge,
        error => {
            tracing::debug!(%error, "the log refuses");
            Error::Storage
        }
    }
}

/// Collects a lane's frames at its opening, all in memory, for tests and tools; a broker streams them through
/// [`Opening`](crate::store::Opening).
#[derive(Debug, Default)]
pub struct Replayed {
    /// In the order of the log.
    pub frames: Vec<(StoredFrame, JournalFrame)>,
    /// What could not be read.
    pub damage: Vec<Damage>,
}

impl Replay for Replayed {
    fn frame(&mut self, frame: stele_log::StoredFrame<'_>) {
        let kind = if frame.kind == BATCH { FrameKind::Batch } else { FrameKind::Delta };
        let stored = StoredFrame { lsn: Lsn(frame.end().0), position: frame.lsn.0 };
        let journal = JournalFrame {
            shard: u16::try_from(frame.shard).unwrap_or(u16::MAX),
            log: frame.partition,
            kind,
            base: frame.base_offset,
            count: frame.count,
            payload: Bytes::copy_from_slice(frame.payload),
        };
        self.frames.push((stored, journal));
    }

    fn damage(&mut self, damage: Damage) {
        self.damage.push(damage);
    }
}
