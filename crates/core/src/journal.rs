//! The log as the shards see it: frames in, a position that becomes durable, payloads back by position.

use bytes::Bytes;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use stele_model::Error;

/// A position in a journal. A result that depends on a frame may leave when the durable position is at or beyond the
/// position that appending the frame returned.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Lsn(pub u64);

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A record batch of one partition; `base` and `count` are its offsets.
    Batch,
    /// A change of a machine's state.
    Delta,
}

/// A frame to append.
#[derive(Clone, Debug)]
pub struct JournalFrame {
    /// Which shard's state it belongs to.
    pub shard: u16,
    /// Which log within the shard: a partition's id, or 0 for machine deltas.
    pub log: u64,
    /// What it is.
    pub kind: FrameKind,
    /// First offset of a batch; 0 for a delta.
    pub base: u64,
    /// Offsets that a batch covers; 0 for a delta.
    pub count: u32,
    /// The bytes.
    pub payload: Bytes,
}

/// Where a frame's payload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredFrame {
    /// Its end: what an acknowledgement waits for.
    pub lsn: Lsn,
    /// Its start, for reading it back.
    pub position: u64,
}

/// The lane as the shards see it. Calls never wait for the disk, but for `read` of cold bytes.
pub trait Journal: Send + Sync {
    /// Appends frames in order, all of one shard. They reach the disk with the next commit.
    ///
    /// # Errors
    /// `Storage` when the lane is poisoned, `DiskFull`, `Overloaded` when too many bytes wait.
    fn append(&self, frames: &[JournalFrame], stored: &mut Vec<StoredFrame>) -> Result<(), Error>;

    /// Everything appended until [`Journal::let_go`] becomes durable together or not at all, of whichever shard it is.
    /// `bytes` are reserved for the payload of one frame of [`Journal::append_held`]. One hold at a time; only for
    /// decisions in memory, because commits wait for its end.
    ///
    /// # Errors
    /// As `append`.
    fn hold(&self, bytes: u64) -> Result<(), Error>;

    /// As `append` for deltas, while the caller holds, out of what it reserved.
    ///
    /// # Errors
    /// As `append`; for want of room only beyond what was reserved.
    fn append_held(&self, frames: &[JournalFrame], stored: &mut Vec<StoredFrame>) -> Result<(), Error>;

    /// Ends a hold.
    fn let_go(&self);

    /// The payload of the frame at this position.
    ///
    /// # Errors
    /// `Storage` when it cannot be read or its checksum is wrong.
    fn read(&self, position: u64, length: u32) -> Result<Bytes, Error>;

    /// The payloads of the frames at these positions and of these lengths, up to and with the first that cannot
    /// be read; cheaper than one by one where they stand close together.
    fn read_all(&self, frames: &[(u64, u32)]) -> Vec<Result<Bytes, Error>> {
        let mut read = Vec::with_capacity(frames.len());
        for (position, length) in frames {
            read.push(self.read(*position, *length));
            if read.last().is_some_and(Result::is_err) {
                break;
            }
        }
        read
    }

    /// Did reading the frame at this position find that its bytes have changed?
    fn is_damaged(&self, position: u64) -> bool {
        let _ = position;
        false
    }

    /// Everything at or below is on disk.
    fn durable(&self) -> Lsn;
}

/// A journal in memory, for tests: durability is moved by hand.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    frames: Mutex<Vec<(u64, JournalFrame)>>,
    end: AtomicU64,
    durable: AtomicU64,
}

impl MemoryJournal {
    /// Everything appended so far becomes durable.
    pub fn sync(&self) {
        self.durable.store(self.end.load(Ordering::Acquire), Ordering::Release);
    }

    /// The end of what was appended.
    pub fn end(&self) -> Lsn {
        Lsn(self.end.load(Ordering::Acquire))
    }

    /// The durable frames with their start, for a replay into fresh state.
    pub fn replay(&self) -> Vec<(StoredFrame, JournalFrame)> {
        let durable = self.durable.load(Ordering::Acquire);
        let frames = self.frames.lock().expect("no panic holds the lock");
        frames
            .iter()
            .map(|(position, frame)| {
                let lsn = Lsn(position + frame.payload.len() as u64 + 1);
                (StoredFrame { lsn, position: *position }, frame.clone())
            })
            .filter(|(stored, _)| stored.lsn.0 <= durable)
            .collect()
    }
}

impl Journal for MemoryJournal {
    fn append(&self, frames: &[JournalFrame], stored: &mut Vec<StoredFrame>) -> Result<(), Error> {
        let mut all = self.frames.lock().expect("no panic holds the lock");
        for frame in frames {
            let position = self.end.load(Ordering::Acquire);
            let end = position + frame.payload.len() as u64 + 1;
            all.push((position, frame.clone()));
            self.end.store(end, Ordering::Release);
            stored.push(StoredFrame { lsn: Lsn(end), position });
        }
        Ok(())
    }

    // Durability is moved by hand, between calls: nothing can be torn.
    fn hold(&self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn append_held(&self, frames: &[JournalFrame], stored: &mut Vec<StoredFrame>) -> Result<(), Error> {
        self.append(frames, stored)
    }

    fn let_go(&self) {}

    fn read(&self, position: u64, length: u32) -> Result<Bytes, Error> {
        let all = self.frames.lock().expect("no panic holds the lock");
        let index = all.binary_search_by_key(&position, |(start, _)| *start).map_err(|_| Error::Storage)?;
        let payload = &all[index].1.payload;
        if payload.len() == length as usize { Ok(payload.clone()) } else { Err(Error::Storage) }
    }

    fn durable(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }
}
