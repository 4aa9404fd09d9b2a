//! Checkpoints: images of all machines that changed, so that a start reads them and the log behind, and so that the log
//! below can go.
//!
//! ```text
//!  begin ─→ per machine, under its shard's lock: write what waits, image, where its records stand
//!        wait until the journal is durable up to the last image
//!  finish ─→ store images, then the list of machines; older states that rest are stored twice
//!         ─→ trim and release the files of the log that nothing needs
//! ```
//! Machines are not atomic with each other: each image is tagged with its own position, and replay skips what it covers.
//! All of them cover what was durable when the checkpoint began. The newest two checkpoints can both be started from, and
//! the log reaches back to what the older of them lacks; so a damaged image costs a longer replay, nothing else.
//!
//! Invariants: an image is stored only when the journal is durable up to its position, so that no state is ahead of the
//! log; a file of the log goes only when the stored images, not the living state, have no record in it; with damage found
//! at the start nothing is stored, trimmed or released, so that whoever acts finds everything.

mod manifest;

use super::machine::Machine;
use super::opening::Opening;
use super::{Settings, Store};
use crate::journal::Lsn;
use bytes::Bytes;
use manifest::{Listed, Manifest};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stele_log::{Lane, Segment, Snapshot, SnapshotError, SnapshotStore};
use stele_model::Error;

/// Images from this size on get a file of their own, so that a small one never keeps a large old one alive.
const OWN_FILE_BYTES: usize = 64 << 10;
/// `since` of a state of which an equal one is stored already: it needs no log to fall back.
const NEVER: stele_log::Lsn = stele_log::Lsn(u64::MAX);

/// Why there is no new checkpoint. What was stored before holds.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The snapshots' disk.
    #[error(transparent)]
    Snapshots(#[from] SnapshotError),
    /// The journal refused what had to be written first.
    #[error(transparent)]
    Journal(#[from] Error),
    /// The journal is not durable up to the draft yet. Call again after the next commit.
    #[error("the journal is not durable up to the images")]
    NotDurable,
    /// The start found damage: everything stays as it is until somebody acts.
    #[error("the log is damaged; nothing of it is given back")]
    Damaged,
}

/// What begins a checkpoint: images in memory, to be stored by [`Checkpoints::finish`].
#[derive(Debug)]
pub struct Draft {
    /// All images cover what is below.
    start: Lsn,
    /// All images are durable here.
    lsn: Lsn,
    /// Of machines that changed.
    images: Vec<(Machine, Lsn, Vec<u8>)>,
    /// Of every machine.
    machines: BTreeSet<Machine>,
    segments: Vec<Segment>,
    /// Bytes of live frames, by segment.
    live: Vec<u64>,
}

impl Draft {
    /// The journal must be durable up to here before [`Checkpoints::finish`].
    pub fn lsn(&self) -> Lsn {
        self.lsn
    }

    fn add_live(&mut self, positions: impl Iterator<Item = (u64, u32)>) {
        let mut at = 0;
        for (position, bytes) in positions {
            // Records of a machine mostly stand in the order of the log.
            let holds = |segment: &Segment| (segment.first.0..segment.end.0).contains(&position);
            if !self.segments.get(at).is_some_and(holds) {
                at = self.segments.partition_point(|segment| segment.end.0 <= position);
            }
            if let Some(live) = self.live.get_mut(at) {
                *live += u64::from(bytes).max(1);
            }
        }
    }
}

/// The checkpoints of one store and its lane.
pub struct Checkpoints {
    snapshots: SnapshotStore,
    lane: Arc<dyn Lane>,
    /// Where the newest began.
    start: Lsn,
    /// What the newest state of each machine covers, and its bytes.
    stored: BTreeMap<Machine, (Lsn, usize)>,
    /// Bytes of images that the last one stored.
    written: usize,
}

impl Checkpoints {
    /// Those that are in `snapshots`, which nobody else uses.
    pub fn new(snapshots: SnapshotStore, lane: Arc<dyn Lane>) -> Self {
        Self { snapshots, lane, start: Lsn(0), stored: BTreeMap::new(), written: 0 }
    }

    /// Takes every machine over from its newest readable image. The lane is to be opened from the returned position.
    ///
    /// # Errors
    /// The disk's. A damaged image is none: an older one and a longer replay give the same.
    pub fn restore(&mut self, opening: &mut Opening) -> Result<Lsn, SnapshotError> {
        let Some(manifest) = self.manifest()? else { return Ok(Lsn(0)) };
        let mut from = manifest.start;
        for listed in &manifest.machines {
            from = from.min(self.restore_one(opening, &manifest, listed)?);
        }
        // What the next images say that they lack must be no less than what the fallen back ones do.
        self.start = from;
        opening.begin_at(from);
        Ok(from)
    }

    /// Takes one machine over; where its frames are to be replayed from, at least.
    fn restore_one(
        &mut self,
        opening: &mut Opening,
        manifest: &Manifest,
        listed: &Listed,
    ) -> Result<Lsn, SnapshotError> {
        let Listed { machine, lsn: expected, is_new } = *listed;
        if let Some(found) = self.snapshots.read(&machine.id())?
            && let Some(state) = found.state
        {
            let lsn = Lsn(found.lsn.0);
            if opening.restore(machine, lsn, &state).is_ok() {
                if lsn >= expected {
                    self.stored.insert(machine, (lsn, state.len()));
                    return Ok(manifest.start);
                }
                tracing::error!(?machine, "the newest image is damaged; starting from the one before");
                return Ok(lsn);
            }
        }
        if is_new || manifest.before == Lsn(0) {
            tracing::error!(?machine, "the only image is damaged; starting from the log alone");
            return Ok(manifest.before);
        }
        // Of a stream that was deleted since a checkpoint that had to be fallen back to, the log tells so.
        opening.lost(machine);
        Ok(manifest.start)
    }

    /// Bytes of log that a start would replay.
    pub fn log_bytes(&self) -> u64 {
        self.lane.durable().0.saturating_sub(self.start.0)
    }

    /// Bytes that the last checkpoint stored.
    pub fn written_bytes(&self) -> u64 {
        self.written as u64
    }

    /// Did some machine change since the newest?
    pub fn has_news(&self, store: &Store) -> bool {
        let stored = |shard| self.stored.get(&Machine { shard, log: super::frames::SHARD_LOG });
        let news = |shard| {
            let lsn = store.enter(shard, |shard| shard.context.lsn);
            stored(shard).is_none_or(|(stored, _)| lsn > *stored)
        };
        (0..store.shards()).any(news)
    }

    /// Images of all machines that changed. Holds each shard's lock once per machine, for as long as its image takes.
    ///
    /// # Errors
    /// `Damaged`; the journal's.
    pub fn begin(&self, store: &Store) -> Result<Draft, CheckpointError> {
        if store.was_damaged_at_start() {
            return Err(CheckpointError::Damaged);
        }
        let segments = self.lane.segments();
        let mut draft = Draft {
            start: Lsn(self.lane.durable().0),
            lsn: Lsn(0),
            images: Vec::new(),
            machines: BTreeSet::new(),
            live: vec![0; segments.len()],
            segments,
        };
        for shard in 0..store.shards() {
            self.draw_streams(store, shard, &mut draft)?;
            self.draw_rest(store, shard, &mut draft);
        }
        Ok(draft)
    }

    /// Stores a draft, and gives back what the log does not need any more.
    ///
    /// # Errors
    /// `NotDurable`; the disk's.
    pub fn finish(&mut self, draft: &Draft) -> Result<(), CheckpointError> {
        if self.lane.durable().0 < draft.lsn.0 {
            return Err(CheckpointError::NotDurable);
        }
        self.store_images(draft)?;
        self.start = draft.start;
        self.written = draft.images.iter().map(|(.., image)| image.len()).sum();
        let gone: Vec<Machine> =
            self.stored.keys().filter(|machine| !draft.machines.contains(machine)).copied().collect();
        self.stored.retain(|machine, _| draft.machines.contains(machine));
        self.snapshots.forget(&gone.iter().map(|machine| machine.id()).collect::<Vec<_>>())?;
        self.give_back(draft);
        Ok(())
    }

    fn draw_streams(&self, store: &Store, shard: u16, draft: &mut Draft) -> Result<(), CheckpointError> {
        let numbers: Vec<u64> = store.enter(shard, |shard| shard.streams.keys().copied().collect());
        for number in numbers {
            let drawn = store.enter(shard, |shard| {
                let super::shard::Shard { context, streams, .. } = shard;
                let Some(stream) = streams.get_mut(&number) else { return Ok(()) };
                // What is decided and not written would be in the image, and not in the log.
                stream.write(context, Vec::new())?;
                draft.add_live(stream.positions());
                let machine = Machine::stream(context.shard, number);
                let changed = || stream.write_image(&context.clock, context.clock.last_ns());
                self.draw(draft, machine, stream.lsn, context.lsn, changed);
                Ok::<(), Error>(())
            });
            drawn?;
        }
        Ok(())
    }

    fn draw_rest(&self, store: &Store, shard: u16, draft: &mut Draft) {
        use super::frames::{GROUPS_LOG, SESSIONS_LOG, SHARD_LOG};
        store.enter(shard, |shard| {
            let (number, lsn) = (shard.context.shard, shard.context.lsn);
            let machine = |log| Machine { shard: number, log };
            draft.add_live(shard.sessions.positions());
            let sessions = || shard.sessions.write_image();
            self.draw(draft, machine(SESSIONS_LOG), shard.context.sessions_lsn, lsn, sessions);
            let groups = || shard.groups.write_image();
            self.draw(draft, machine(GROUPS_LOG), shard.context.groups_lsn, lsn, groups);
            // Last, so that it knows of every number that a stream of this checkpoint has.
            self.draw(draft, machine(SHARD_LOG), lsn, lsn, || shard.write_image());
        });
    }

    /// Notes a machine, with its image where it changed since the stored one.
    fn draw(
        &self,
        draft: &mut Draft,
        machine: Machine,
        changed: Lsn,
        lsn: Lsn,
        image: impl FnOnce() -> Vec<u8>,
    ) {
        draft.machines.insert(machine);
        if self.stored.get(&machine).is_none_or(|(stored, _)| changed > *stored) {
            draft.lsn = draft.lsn.max(lsn);
            // A machine that rested while the shard did is covered up to the start all the same.
            draft.images.push((machine, lsn, image()));
        }
    }

    fn store_images(&mut self, draft: &Draft) -> Result<(), CheckpointError> {
        let since = stele_log::Lsn(self.start.0);
        let is_known = |machine: &&Machine| self.snapshots.generations(&machine.id()) > 0;
        let known: BTreeSet<Machine> = draft.machines.iter().filter(is_known).copied().collect();
        let mut small = Vec::new();
        let changed: BTreeSet<Machine> = draft.images.iter().map(|(machine, ..)| *machine).collect();
        for (machine, lsn, image) in &draft.images {
            let state = Bytes::copy_from_slice(image);
            let snapshot = snapshot(*machine, stele_log::Lsn(lsn.0), since, state);
            self.store_or_collect(snapshot, &mut small)?;
        }
        let resting = draft.machines.iter().filter(|machine| !changed.contains(machine));
        for machine in resting.copied().collect::<Vec<_>>() {
            let id = machine.id();
            if self.snapshots.since(&id).is_none_or(|since| since == NEVER) {
                continue;
            }
            let Some(found) = self.snapshots.read(&id)? else { continue };
            if let (Some(state), false) = (found.state, found.fell_back) {
                self.store_or_collect(snapshot(machine, found.lsn, NEVER, state), &mut small)?;
            }
        }
        let images = draft.images.iter().map(|(machine, lsn, _)| (*machine, *lsn));
        let images: BTreeMap<Machine, Lsn> = images.collect();
        let listed = |machine: &Machine| {
            let stored = self.stored.get(machine).map(|(lsn, _)| *lsn);
            let lsn = images.get(machine).copied().or(stored).unwrap_or_default();
            Listed { machine: *machine, lsn, is_new: !known.contains(machine) }
        };
        let machines = draft.machines.iter().map(listed).collect();
        let manifest = Manifest { start: draft.start, before: self.start, machines };
        small.push(Snapshot {
            machine: Bytes::from_static(manifest::ID),
            lsn: stele_log::Lsn(draft.start.0),
            since,
            state: Some(manifest.encode().into()),
        });
        self.snapshots.write(&small)?;
        for (machine, lsn, image) in &draft.images {
            self.stored.insert(*machine, (*lsn, image.len()));
        }
        Ok(())
    }

    fn store_or_collect(
        &mut self,
        snapshot: Snapshot,
        small: &mut Vec<Snapshot>,
    ) -> Result<(), SnapshotError> {
        if snapshot.state.as_ref().map_or(0, Bytes::len) < OWN_FILE_BYTES {
            small.push(snapshot);
            return Ok(());
        }
        self.snapshots.write(&[snapshot])
    }

    /// Trims the log up to the oldest segment that is needed, and releases those between that are not.
    fn give_back(&self, draft: &Draft) {
        let Some(needed) = self.snapshots.needed_from() else { return };
        let needed = needed.min(stele_log::Lsn(draft.start.0));
        let old = draft.segments.iter().zip(&draft.live).take_while(|(segment, _)| segment.end <= needed);
        // What was written to when the draft began may be sealed by now, and nobody counted what is live in it.
        let counted = draft.segments.last().map_or(stele_log::Lsn(0), |segment| segment.end);
        let (mut first, mut unneeded) = (needed.min(counted), Vec::new());
        for (segment, live) in old {
            if *live > 0 {
                first = first.min(segment.first);
            } else if segment.first >= first {
                unneeded.push(*segment);
            }
        }
        self.lane.release(&unneeded);
        self.lane.trim(first);
    }

    /// The newest readable list of machines.
    fn manifest(&self) -> Result<Option<Manifest>, SnapshotError> {
        let Some(found) = self.snapshots.read(manifest::ID)? else { return Ok(None) };
        let decoded = found.state.as_deref().and_then(Manifest::decode);
        if decoded.is_none() || found.fell_back {
            tracing::error!(
                "the newest checkpoint cannot be read; starting from the one before or the log alone"
            );
        }
        Ok(decoded)
    }
}

fn snapshot(machine: Machine, lsn: stele_log::Lsn, since: stele_log::Lsn, state: Bytes) -> Snapshot {
    Snapshot { machine: machine.id().into(), lsn, since, state: Some(state) }
}

impl std::fmt::Debug for Checkpoints {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Checkpoints");
        shown.field("start", &self.start).field("machines", &self.stored.len()).finish_non_exhaustive()
    }
}

/// Reads bytes as images of every kind, for fuzzing: nothing may panic, whatever they are.
pub fn read_any_image(bytes: &[u8]) {
    use super::groups::Groups;
    use super::sessions::Sessions;
    use super::stream::Stream;
    let _ = Stream::read_image(1, bytes, &Settings { partitions_max: 100, ..Settings::default() });
    let _ = (Groups::read_image(bytes), Sessions::read_image(bytes), Manifest::decode(bytes));
}
