//! A start: images of machines first, then the frames behind them, one by one.
//!
//! ```text
//!  snapshots ─ restore ─→ machines, each tagged with the position that its image covers
//!  lane ─ frame ─→ skipped below the machine's tag, else applied
//!       └ damage ─→ what it names is offline; a frame that does not fit its machine takes that offline, too
//!  finish ─→ Store
//! ```

use super::context::Context;
use super::faults::{Damaged, Fault};
use super::frames::{Delta, GROUPS_LOG, SESSIONS_LOG, SHARD_LOG, StreamDeleted, StreamPut};
use super::groups::Groups;
use super::image::Unreadable;
use super::machine::{Machine, Target};
use super::sessions::Sessions;
use super::shard::Shard;
use super::stream::Stream;
use super::{Captures, Settings, Store};
use crate::journal::{FrameKind, Journal, JournalFrame, Lsn, StoredFrame};
use crate::lane_journal::BATCH;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use stele_log::{Damage, Replay};
use stele_model::Now;

/// A store under construction. Frames go in in their order, as the lane gives them: it is the lane's [`Replay`].
pub struct Opening {
    journal: Arc<dyn Journal>,
    captures: Arc<dyn Captures>,
    settings: Arc<Settings>,
    shards: Vec<Shard>,
    /// What images cover: frames of these machines count from here on.
    covered: BTreeMap<Machine, u64>,
    /// Streams below this number that are not there were deleted before their shard's image; by shard.
    deleted_below: BTreeMap<u16, u64>,
    /// No machine needs frames below.
    from: Lsn,
    faults: Vec<Found>,
}

/// What a store is made of.
pub(crate) struct Parts {
    pub journal: Arc<dyn Journal>,
    pub captures: Arc<dyn Captures>,
    pub settings: Arc<Settings>,
    pub shards: Vec<Shard>,
    pub faults: Vec<Fault>,
}

/// Damage before it has a name.
struct Found {
    target: Target,
    position: u64,
    reason: &'static str,
}

impl Opening {
    /// Nothing yet. The journal is read by the finished store only.
    pub fn new(journal: Arc<dyn Journal>, captures: Arc<dyn Captures>, settings: Settings) -> Self {
        let mut opening = Self {
            journal,
            captures,
            settings: Arc::new(settings),
            shards: Vec::new(),
            covered: BTreeMap::new(),
            deleted_below: BTreeMap::new(),
            from: Lsn(0),
            faults: Vec::new(),
        };
        opening.grow(opening.settings.shards.max(1) - 1);
        opening
    }

    /// A frame of the journal. What does not fit takes its machine offline.
    pub fn frame(&mut self, stored: StoredFrame, frame: &JournalFrame) {
        let JournalFrame { shard, kind, log, payload, .. } = frame;
        let Some(target) = Target::of(*shard, *kind, *log, payload) else {
            let target = Target { machine: Machine { shard: *shard, log: SHARD_LOG }, partition: None };
            return self.note(target, stored.position, "a frame of no machine");
        };
        if self.wants(target, stored.position) {
            self.apply(target, stored, frame);
        }
    }

    /// Something of the lane cannot be read. Only what lies at or behind the replayed part counts here.
    pub fn damage(&mut self, damage: Damage) {
        match damage {
            Damage::Frame { lsn, shard, partition, .. } => {
                let shard = u16::try_from(shard).unwrap_or(u16::MAX);
                let whole = Target { machine: Machine { shard, log: SHARD_LOG }, partition: None };
                let target = Target::of_log(shard, partition).unwrap_or(whole);
                if self.misses(target, lsn.0) {
                    self.note(target, lsn.0, "a stored frame is damaged");
                }
            }
            Damage::Range { from, to } => {
                if to.0 > self.from.0 {
                    self.note_everything(from.0, "a part of the log is lost that any partition may miss");
                }
            }
            Damage::CommitRecord { .. } | Damage::FileHeader { .. } => {}
        }
    }

    /// The lane was read, and holds what is above `log_start`. Where that is not enough, everything is offline.
    pub fn log_starts_at(&mut self, log_start: Lsn) {
        if log_start > self.from {
            self.note_everything(log_start.0, "the log begins behind the newest readable snapshot");
        }
    }

    /// The store, with the leader epoch that batches are stamped with from now on.
    pub fn finish(mut self, now: Now, leader_epoch: i32) -> Store {
        let settings = Arc::new(Settings { leader_epoch, ..(*self.settings).clone() });
        for shard in &mut self.shards {
            shard.context.settings = settings.clone();
        }
        let mut faults: Vec<Fault> = Vec::new();
        for found in std::mem::take(&mut self.faults) {
            for what in self.named(found.target) {
                if faults.iter().all(|fault| fault.what != what) {
                    let (position, reason) = (found.position, found.reason);
                    tracing::error!(%what, position, reason, "damage in the log: it is offline, the rest serves");
                    faults.push(Fault { what, reason });
                }
            }
        }
        let Self { journal, captures, shards, .. } = self;
        Store::assemble(Parts { journal, captures, settings, shards, faults }, now)
    }

    /// The first frame that did not fit.
    pub(crate) fn first_fault(&self) -> Option<(u64, &'static str)> {
        self.faults.first().map(|found| (found.position, found.reason))
    }

    /// Takes a machine over from its image, which covers all frames that start below `lsn`.
    pub(crate) fn restore(&mut self, machine: Machine, lsn: Lsn, image: &[u8]) -> Result<(), Unreadable> {
        self.grow(machine.shard);
        let shard = &mut self.shards[usize::from(machine.shard)];
        match (machine.log, machine.number()) {
            (SHARD_LOG, _) => {
                shard.read_image(image)?;
                self.deleted_below.insert(machine.shard, shard.next_stream);
            }
            (GROUPS_LOG, _) => shard.groups = Groups::read_image(image)?,
            (SESSIONS_LOG, _) => shard.sessions = Sessions::read_image(image)?,
            (_, Some(number)) => {
                let mut stream = Stream::read_image(number, image, &self.settings)?;
                stream.covers(lsn);
                shard.context.clock.replay(stream.newest_ns());
                // As a replay of their batches would say it.
                let produced = stream.produced().into_iter();
                shard.context.unrelayed.extend(produced.map(|(at, first)| ((number, at), first)));
                shard.next_stream = shard.next_stream.max(number.saturating_add(1));
                shard.streams.insert(number, stream);
            }
            (_, None) => return Err(Unreadable),
        }
        self.covered.insert(machine, lsn.0);
        Ok(())
    }

    /// Frames are replayed from here on: no machine needs older ones.
    pub(crate) fn begin_at(&mut self, from: Lsn) {
        self.from = from;
    }

    /// A machine whose images are lost, and with them what the log does not hold any more.
    pub(crate) fn lost(&mut self, machine: Machine) {
        self.grow(machine.shard);
        self.note(Target { machine, partition: None }, 0, "its snapshots are damaged");
    }

    /// Does the frame at this position change the machine?
    fn wants(&self, target: Target, position: u64) -> bool {
        self.covered.get(&target.machine).is_none_or(|covered| position >= *covered)
    }

    /// Does losing the frame at this position hurt? Below an image only where the frame is still read.
    fn misses(&self, target: Target, position: u64) -> bool {
        if position >= self.from.0 && self.wants(target, position) {
            return true;
        }
        let shard = self.shards.get(usize::from(target.machine.shard));
        let stream = target.machine.number().and_then(|number| shard?.streams.get(&number));
        stream.is_some_and(|stream| stream.positions().any(|(start, _)| start == position))
    }

    fn apply(&mut self, target: Target, stored: StoredFrame, frame: &JournalFrame) {
        let Target { machine, partition } = target;
        self.grow(machine.shard);
        let shard = &mut self.shards[usize::from(machine.shard)];
        if let Some(number) = machine.number() {
            let delta = frame.payload.first().filter(|_| frame.kind == FrameKind::Delta);
            let (makes, deletes) = (delta == Some(&StreamPut::KIND), delta == Some(&StreamDeleted::KIND));
            match shard.streams.get(&number) {
                None if makes || deletes => {}
                None if self.deleted_below.get(&machine.shard).is_some_and(|below| number < *below) => return,
                None if self.faults.iter().any(|found| found.target.machine == machine) => return,
                None => return self.note(target, stored.position, "a frame of an unknown stream"),
                Some(stream) => {
                    let at = partition.and_then(|partition| stream.partitions.get(partition as usize));
                    if at.is_some_and(|partition| partition.is_offline()) {
                        return;
                    }
                }
            }
            if deletes {
                self.faults.retain(|found| found.target.machine != machine);
            }
        }
        if let Err(reason) = shard.replay(stored, frame) {
            self.note(target, stored.position, reason);
        }
    }

    /// Takes what is damaged offline.
    fn note(&mut self, target: Target, position: u64, reason: &'static str) {
        let known = |found: &Found| found.target == target;
        if self.faults.iter().any(known) {
            return;
        }
        self.grow(target.machine.shard);
        let shard = &self.shards[usize::from(target.machine.shard)];
        let streams = shard.streams.values();
        let whole_shard = target.machine.log == SHARD_LOG;
        for stream in streams.filter(|stream| whole_shard || Some(stream.number) == target.machine.number()) {
            let chosen = (0..).zip(&stream.partitions);
            let chosen = chosen.filter(|(at, _)| target.partition.is_none_or(|partition| partition == *at));
            chosen.for_each(|(_, partition)| partition.take_offline());
        }
        self.faults.push(Found { target, position, reason });
    }

    fn note_everything(&mut self, position: u64, reason: &'static str) {
        for shard in 0..self.shards.len() as u16 {
            self.note(
                Target { machine: Machine { shard, log: SHARD_LOG }, partition: None },
                position,
                reason,
            );
        }
    }

    /// What a target is called now.
    fn named(&self, target: Target) -> Vec<Damaged> {
        let shard = target.machine.shard;
        match (target.machine.log, target.machine.number()) {
            (GROUPS_LOG, _) => vec![Damaged::Groups { shard }],
            (SESSIONS_LOG, _) => vec![Damaged::Sessions { shard }],
            (log, number) => {
                let streams = self.shards[usize::from(shard)].streams.values();
                let chosen = streams.filter(|stream| log == SHARD_LOG || Some(stream.number) == number);
                let offline = chosen.flat_map(|stream| {
                    let parts = (0..).zip(&stream.partitions).filter(|(_, partition)| partition.is_offline());
                    parts.map(|(partition, _)| Damaged::Partition {
                        stream: stream.spec.name.clone(),
                        partition,
                    })
                });
                let mut named: Vec<Damaged> = offline.collect();
                match number {
                    Some(number) if named.is_empty() => named.push(Damaged::Stream { shard, number }),
                    Some(_) => {}
                    None => named.extend([Damaged::Groups { shard }, Damaged::Sessions { shard }]),
                }
                named
            }
        }
    }

    fn grow(&mut self, shard: u16) {
        while self.shards.len() <= usize::from(shard) {
            let number = self.shards.len() as u16;
            let context = Context::new(self.journal.clone(), number, self.settings.clone());
            self.shards.push(Shard::new(context));
        }
    }
}

impl Replay for Opening {
    fn frame(&mut self, frame: stele_log::StoredFrame<'_>) {
        let kind = if frame.kind == BATCH { FrameKind::Batch } else { FrameKind::Delta };
        let shard = u16::try_from(frame.shard).unwrap_or(u16::MAX);
        let target = Target::of(shard, kind, frame.partition, frame.payload);
        if target.is_some_and(|target| !self.wants(target, frame.lsn.0)) {
            return;
        }
        let stored = StoredFrame { lsn: Lsn(frame.end().0), position: frame.lsn.0 };
        let (base, count) = (frame.base_offset, frame.count);
        let payload = Bytes::copy_from_slice(frame.payload);
        Self::frame(self, stored, &JournalFrame { shard, log: frame.partition, kind, base, count, payload });
    }

    fn damage(&mut self, damage: Damage) {
        tracing::error!(?damage, "stored bytes are damaged");
        Self::damage(self, damage);
    }
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Opening").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}
