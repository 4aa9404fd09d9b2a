//! What the machines of one shard share: the journal, time, caches, timers, and answers on their way out.

use super::Settings;
use super::clock::ShardClock;
use super::frames::{ClockJumped, Delta, GROUPS_LOG, SESSIONS_LOG};
use super::relay::Unrelayed;
use super::stream::Decoded;
use crate::journal::{FrameKind, Journal, JournalFrame, Lsn, StoredFrame};
use crate::link::Link;
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use stele_model::{ConnectionId, CursorInfo, Error, Now, Offset, Outcome, Ticket};

/// Shared by the machines of a shard.
pub(crate) struct Context {
    /// Where frames go.
    pub journal: Arc<dyn Journal>,
    /// The shard's number.
    pub shard: u16,
    /// The store's settings.
    pub settings: Arc<Settings>,
    /// The shard's time.
    pub clock: ShardClock,
    /// The end of the last frame appended; what negative answers depend on.
    pub lsn: Lsn,
    /// The end of the last frame about groups.
    pub groups_lsn: Lsn,
    /// The end of the last frame about stored sessions.
    pub sessions_lsn: Lsn,
    /// Logs in which a read found damage; the store takes them offline and tells of them.
    pub damaged: RefCell<Vec<u64>>,
    /// Recent and decoded batches.
    pub cache: Cache,
    /// Streams whose appends are not all durable.
    pub unsettled: BTreeSet<u64>,
    /// When something happens by itself: (monotonic ns, stream, cursor or 0).
    pub timers: BTreeSet<(u64, u64, u64)>,
    /// Which cursor a waiting pull waits at: (stream, cursor).
    pub pulls: BTreeMap<(ConnectionId, Ticket), (u64, u64)>,
    /// Streams with delivery state that rides on the next commit.
    pub lazy: BTreeSet<u64>,
    /// When the state of `lazy` is written at the latest (monotonic ns).
    pub lazy_due: Option<u64>,
    /// The latest reading of the monotonic clock, for calls that bring none.
    pub monotonic_ns: u64,
    /// Answers, in order, for when the lock is free.
    pub answers: Vec<(Arc<Link>, Ticket, Outcome)>,
    /// Pushing cursors that came, changed or went.
    pub pushes: Vec<(CursorInfo, bool)>,
    /// Partitions (by stream and index) with produced records that were not relayed, and the offset from which on.
    pub unrelayed: Unrelayed,
}

impl Context {
    /// Nothing happened yet.
    pub(crate) fn new(journal: Arc<dyn Journal>, shard: u16, settings: Arc<Settings>) -> Self {
        let tail_bytes = settings.tail_bytes / usize::from(settings.shards.max(1));
        let cache = Cache { tail_max: tail_bytes, decoded_max: settings.decoded_bytes, ..Cache::default() };
        Self {
            journal,
            shard,
            settings,
            clock: ShardClock::default(),
            lsn: Lsn(0),
            groups_lsn: Lsn(0),
            sessions_lsn: Lsn(0),
            damaged: RefCell::default(),
            cache,
            unsettled: BTreeSet::new(),
            timers: BTreeSet::new(),
            pulls: BTreeMap::new(),
            lazy: BTreeSet::new(),
            lazy_due: None,
            monotonic_ns: 0,
            answers: Vec::new(),
            pushes: Vec::new(),
            unrelayed: Unrelayed::new(),
        }
    }

    /// The shard's time for a frame; a jump of the clock is written down first.
    pub(crate) fn time(&mut self, now: Now) -> u64 {
        let (time, jump) = self.clock.read(now);
        if let Some((at_ns, by_ns)) = jump {
            let frame = self.delta(&ClockJumped { at_ns, by_ns });
            // Where the journal refuses, the jump is forgotten by a restart; later appends will tell their callers.
            if let Err(error) = self.append(&[frame]) {
                tracing::error!(%error, "a jump of the clock could not be written");
            }
        }
        time
    }

    /// A frame for a delta.
    pub(crate) fn delta(&self, delta: &impl Delta) -> JournalFrame {
        let payload = delta.encode();
        let log = delta.log();
        JournalFrame { shard: self.shard, log, kind: FrameKind::Delta, base: 0, count: 0, payload }
    }

    /// Appends frames; the last one's place.
    pub(crate) fn append(&mut self, frames: &[JournalFrame]) -> Result<StoredFrame, Error> {
        let mut stored = Vec::with_capacity(frames.len());
        self.journal.append(frames, &mut stored)?;
        self.appended(frames, &stored)
    }

    /// As `append`, out of what the hold on the journal reserved.
    pub(crate) fn append_held(&mut self, frames: &[JournalFrame]) -> Result<StoredFrame, Error> {
        let mut stored = Vec::with_capacity(frames.len());
        self.journal.append_held(frames, &mut stored)?;
        self.appended(frames, &stored)
    }

    fn appended(&mut self, frames: &[JournalFrame], stored: &[StoredFrame]) -> Result<StoredFrame, Error> {
        let last = *stored.last().ok_or(Error::Internal("the journal stored nothing"))?;
        self.lsn = last.lsn;
        for frame in frames {
            self.note_change(frame.log);
        }
        Ok(last)
    }

    /// The newest frame changed groups or sessions, if it is theirs; streams know it themselves.
    pub(crate) fn note_change(&mut self, log: u64) {
        match log {
            GROUPS_LOG => self.groups_lsn = self.lsn,
            SESSIONS_LOG => self.sessions_lsn = self.lsn,
            _ => {}
        }
    }

    /// The monotonic time at which a wall time of this shard comes.
    pub(crate) fn monotonic(now: Now, wall_ns: u64) -> u64 {
        now.monotonic_ns.saturating_add(wall_ns.saturating_sub(now.wall_ns))
    }

    /// Delivery state of this stream waits for a commit.
    pub(crate) fn ride(&mut self, now: Now, stream: u64) {
        self.lazy.insert(stream);
        self.lazy_due.get_or_insert(now.monotonic_ns.saturating_add(self.settings.lazy_ns));
    }
}

/// Batches in memory, bounded by bytes: the newest as they are, and the last decoded.
#[derive(Default)]
pub(crate) struct Cache {
    tail: BTreeMap<(u64, Offset), Bytes>,
    tail_order: VecDeque<(u64, Offset, Lsn)>,
    tail_bytes: usize,
    tail_max: usize,
    decoded: VecDeque<(u64, Offset, Arc<Decoded>)>,
    decoded_bytes: usize,
    decoded_max: usize,
}

impl Cache {
    /// Keeps a batch that was just appended and ends at `lsn`. What is not `durable` yet stays in any case: answers
    /// that wait for it are made of it, and the journal reads only what is durable. The journal's queue bounds it.
    pub(crate) fn keep(&mut self, log: u64, base: Offset, batch: Bytes, lsn: Lsn, durable: Lsn) {
        self.tail_bytes += batch.len();
        self.tail.insert((log, base), batch);
        self.tail_order.push_back((log, base, lsn));
        while self.tail_bytes > self.tail_max {
            let Some((log, base, _)) = self.tail_order.pop_front_if(|(.., lsn)| *lsn <= durable) else {
                break;
            };
            if let Some(batch) = self.tail.remove(&(log, base)) {
                self.tail_bytes -= batch.len();
            }
        }
    }

    /// A batch, if it is here.
    pub(crate) fn get(&self, log: u64, base: Offset) -> Option<Bytes> {
        self.tail.get(&(log, base)).cloned()
    }

    /// The batches of a partition that are here, from one on, in order.
    pub(crate) fn from(&self, log: u64, base: Offset) -> impl Iterator<Item = (Offset, &Bytes)> {
        self.tail.range((log, base)..=(log, Offset::MAX)).map(|((_, base), batch)| (*base, batch))
    }

    /// A decoded batch, if it is here.
    pub(crate) fn decoded(&self, log: u64, base: Offset) -> Option<Arc<Decoded>> {
        self.decoded.iter().rev().find(|entry| (entry.0, entry.1) == (log, base)).map(|entry| entry.2.clone())
    }

    /// Keeps a decoded batch.
    pub(crate) fn keep_decoded(&mut self, log: u64, base: Offset, decoded: Arc<Decoded>) {
        self.decoded_bytes += decoded.cost();
        self.decoded.push_back((log, base, decoded));
        while self.decoded.len() > 1 && (self.decoded_bytes > self.decoded_max || self.decoded.len() > 64) {
            let Some((.., decoded)) = self.decoded.pop_front() else { break };
            self.decoded_bytes -= decoded.cost();
        }
    }
}
