//! Breaking the broker on purpose, to see that the checks see it.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use stele_core::{FrameKind, Journal, JournalFrame, LaneJournal, Lsn, StoredFrame};
use stele_io::{Disk, DiskError, DiskFile, DiskLock};
use stele_log::{FileLane, Lane};
use stele_model::Error;

/// What is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutation {
    /// Nothing.
    #[default]
    None,
    /// The storage driver acknowledges what waits for its sync.
    AckBeforeSync,
    /// The disk says that it has synced, and has not.
    SyncSkipped,
    /// Recovery forgets the newest batch of the log.
    NewestBatchLost,
    /// Recovery forgets a batch in the middle of the log.
    BatchLost,
    /// Answers to fetches lack a batch.
    FetchSkips,
    /// Recovery forgets the first frame of the log.
    HeadLost,
    /// Recovery forgets where cursors stand.
    CursorMovesLost,
    /// Recovery forgets committed offsets of groups.
    OffsetsLost,
    /// Recovery forgets every other change of the stored sessions.
    SessionDeltasLost,
    /// Message ids do not reach the broker.
    MessageIdsIgnored,
    /// Expected sequences do not reach the broker.
    ExpectationsIgnored,
    /// Batches reach the broker without their producer's id.
    ProducerIdsIgnored,
    /// A QoS 2 message that is sent again reaches the broker under another packet id.
    PacketIdsIgnored,
    /// Some messages of JetStream publishers reach the broker with another byte.
    BytesChanged,
    /// Messages of one publisher reach the broker in another order.
    Reordered,
    /// The broker takes deliveries of a work queue as acknowledged that nobody saw.
    DeliveriesSwallowed,
    /// A checkpoint gives back files of which something is needed.
    LiveFilesLost,
    /// The broker stops to commit while it still takes messages.
    CommitsStop,
}

impl Mutation {
    /// All that break something.
    pub const ALL: &'static [Self] = &[
        Self::AckBeforeSync,
        Self::SyncSkipped,
        Self::NewestBatchLost,
        Self::BatchLost,
        Self::HeadLost,
        Self::FetchSkips,
        Self::BytesChanged,
        Self::CursorMovesLost,
        Self::OffsetsLost,
        Self::SessionDeltasLost,
        Self::MessageIdsIgnored,
        Self::ExpectationsIgnored,
        Self::ProducerIdsIgnored,
        Self::PacketIdsIgnored,
        Self::Reordered,
        Self::DeliveriesSwallowed,
        Self::LiveFilesLost,
        Self::CommitsStop,
    ];

    /// The disk that the broker gets.
    pub(crate) fn disk(self, disk: Arc<dyn Disk>) -> Arc<dyn Disk> {
        if self == Self::SyncSkipped { Arc::new(LyingDisk(disk)) } else { disk }
    }

    /// The journal that the broker gets.
    pub(crate) fn journal(self, journal: LaneJournal) -> Arc<dyn Journal> {
        if self == Self::AckBeforeSync {
            return Arc::new(HastyJournal { journal, end: AtomicU64::new(0) });
        }
        Arc::new(journal)
    }

    /// After a checkpoint.
    pub(crate) fn checkpoint(self, lane: &FileLane) {
        if self == Self::LiveFilesLost {
            lane.trim(lane.durable());
        }
    }

    /// What recovery gets to see of the log.
    pub(crate) fn replay(self, frames: &mut Vec<(StoredFrame, JournalFrame)>) {
        // The kinds of deltas on disk, which are never reused: see the table in the store.
        let delta = |frame: &JournalFrame, from: u8, to: u8| {
            frame.kind == FrameKind::Delta
                && frame.payload.first().is_some_and(|kind| (from..to).contains(kind))
        };
        let mut count = 0;
        let mut every_second = || {
            count += 1;
            count % 2 == 0
        };
        match self {
            Self::NewestBatchLost => {
                if let Some(newest) = frames.iter().rposition(|(_, frame)| frame.kind == FrameKind::Batch) {
                    frames.remove(newest);
                }
            }
            Self::BatchLost => {
                let of_batches = |(_, frame): &(StoredFrame, JournalFrame)| frame.kind == FrameKind::Batch;
                let count = frames.iter().filter(|frame| of_batches(frame)).count();
                let middle = frames.iter().enumerate().filter(|(_, frame)| of_batches(frame)).nth(count / 2);
                if let Some(index) = middle.map(|(index, _)| index) {
                    frames.remove(index);
                }
            }
            Self::HeadLost => drop(frames.drain(..1.min(frames.len()))),
            Self::CursorMovesLost => {
                frames.retain(|(_, frame)| !delta(frame, CURSOR_MOVED, CURSOR_MOVED + 1))
            }
            Self::OffsetsLost => frames.retain(|(_, frame)| !delta(frame, 64, 96)),
            Self::SessionDeltasLost => frames.retain(|(_, frame)| !delta(frame, 96, 128) || every_second()),
            _ => {}
        }
    }
}

/// The kind of the delta that says where a cursor stands.
const CURSOR_MOVED: u8 = 34;

/// Says that everything appended is durable.
struct HastyJournal {
    journal: LaneJournal,
    end: AtomicU64,
}

impl HastyJournal {
    fn note(&self, stored: &[StoredFrame]) {
        if let Some(last) = stored.last() {
            self.end.fetch_max(last.lsn.0, Ordering::AcqRel);
        }
    }
}

impl Journal for HastyJournal {
    fn append(&self, frames: &[JournalFrame], stored: &mut Vec<StoredFrame>) -> Result<(), Error> {
        self.journal.append(frames, stored)?;
        self.note(stored);
        Ok(())
    }

    fn hold(&self, bytes: u64) -> Result<(), Error> {
        self.journal.hold(bytes)
    }

    fn append_held(&self, frames: &[JournalFrame], stored: &mut Vec<StoredFrame>) -> Result<(), Error> {
        self.journal.append_held(frames, stored)?;
        self.note(stored);
        Ok(())
    }

    fn let_go(&self) {
        self.journal.let_go();
    }

    fn read(&self, position: u64, length: u32) -> Result<bytes::Bytes, Error> {
        self.journal.read(position, length)
    }

    fn durable(&self) -> Lsn {
        self.journal.durable().max(Lsn(self.end.load(Ordering::Acquire)))
    }
}

/// Syncs nothing but what makes a file a file: without those there is no log at all.
#[derive(Debug)]
struct LyingDisk(Arc<dyn Disk>);

#[derive(Debug)]
struct LyingFile(Arc<dyn DiskFile>, AtomicU64);

impl Disk for LyingDisk {
    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        Ok(Arc::new(LyingFile(self.0.create(name)?, AtomicU64::new(0))))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        Ok(Arc::new(LyingFile(self.0.open(name)?, AtomicU64::new(0))))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.0.remove(name)
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.0.list()
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        self.0.sync_dir()
    }

    fn lock(&self, name: &str) -> Result<Box<dyn DiskLock>, DiskError> {
        self.0.lock(name)
    }
}

impl DiskFile for LyingFile {
    fn write_at(&self, position: u64, parts: &[IoSlice<'_>]) -> Result<(), DiskError> {
        self.0.write_at(position, parts)
    }

    fn read_at(&self, position: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.0.read_at(position, into)
    }

    fn sync_data(&self) -> Result<Duration, DiskError> {
        // The first two make its header; a commit comes after them.
        if self.1.fetch_add(1, Ordering::AcqRel) < 2 { self.0.sync_data() } else { Ok(Duration::ZERO) }
    }

    fn length(&self) -> Result<u64, DiskError> {
        self.0.length()
    }

    fn preallocate(&self, length: u64) -> Result<(), DiskError> {
        self.0.preallocate(length)
    }
}
