//! Commits: a group departs, is written and synced, and lands; the watermark follows in order.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use stele_io::{DiskError, DiskFile};

use super::flight::{Departure, Flight, Stage};
use super::{FileLane, LaneFile};
use crate::format::commit::FLAG_CLEAN_STOP;
use crate::format::file_header::FILE_HEADER_BYTES;
use crate::group::{Marks, PendingGroup};
use crate::{Lsn, Step, StopReason};

/// So many syncs are in the mean that says whether commits overlap.
const SYNCS: u32 = 8;

/// The position of the one writer.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) epoch: u64,
    pub(super) active: Arc<LaneFile>,
    /// Where the active file ends by plan; a single group that is larger than a file gets one of its size.
    pub(super) capacity: u64,
    /// Handles of the active file that no flight has.
    handles: Vec<Arc<dyn DiskFile>>,
    /// Everything below is synced.
    durable: u64,
    /// Where the next group goes.
    departed: u64,
    /// What departed from `durable` on, in order.
    flights: VecDeque<Departed>,
    /// Of the flight that departs next.
    number: u64,
    /// How long a sync takes, as a moving mean.
    sync_mean: Duration,
    /// When the last frames were committed that no later commit record calls known synced.
    unmarked_since: Option<Instant>,
}

/// A flight as the writer remembers it.
#[derive(Debug)]
struct Departed {
    end: u64,
    log_start: u64,
    /// Given back when it is synced; it passes when all before it are.
    landed: Option<PendingGroup>,
}

/// A file to write to: where its groups go, where it ends by plan, and its handles.
pub(super) struct Active {
    pub(super) file: Arc<LaneFile>,
    pub(super) capacity: u64,
    pub(super) handles: Vec<Arc<dyn DiskFile>>,
}

impl Writer {
    /// Everything below `durable` is synced, and the next group goes there.
    pub(super) fn new(epoch: u64, active: Active, durable: u64) -> Self {
        Self {
            epoch,
            active: active.file,
            capacity: active.capacity,
            handles: active.handles,
            durable,
            departed: durable,
            flights: VecDeque::new(),
            number: 0,
            sync_mean: Duration::ZERO,
            unmarked_since: None,
        }
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    /// Whether a group of so many bytes may depart without a new file, or now that nothing is in the air.
    fn takes(&self, bytes: u64) -> bool {
        self.flights.is_empty() || self.fits(bytes)
    }

    fn fits(&self, bytes: u64) -> bool {
        self.active.position(self.departed) + bytes <= self.capacity
    }

    /// Lets everything pass that is synced with all before it. True when that is something.
    fn pass(&mut self, lane: &FileLane, now: Instant) -> bool {
        let before = self.durable;
        while let Some(group) = self.flights.front_mut().and_then(|front| front.landed.take()) {
            let Some(passed) = self.flights.pop_front() else { break };
            self.durable = passed.end;
            self.unmarked_since = if group.is_empty() { None } else { Some(now) };
            // Only now: a log start in a record that a recovery may still cut must not cost a file.
            lane.log_start_durable.store(passed.log_start, Ordering::Release);
            lane.queue.give_back(group);
        }
        self.durable > before
    }
}

impl FileLane {
    /// Takes the next group out of the queue, if one waits, a flight is free, and it is worth a commit of its own.
    /// Does not block on the disk but where a new file begins. [`Lane::step`](crate::Lane::step) is this, the
    /// flight, and [`FileLane::land`] in one; a simulation keeps them apart, so that flights overlap.
    pub fn depart(&self, now: Instant) -> Departure {
        let mut slot = self.writer();
        if slot.is_some() && !self.air.has_crash() {
            match self.take_off(&mut slot, now) {
                Ok(departure) => return departure,
                Err(_) => *slot = None,
            }
        } else if slot.take().is_none() {
            return Departure::Nothing(Step::Stopped(self.queue.stopped().unwrap_or(StopReason::Closed)));
        }
        drop(slot);
        self.stop(StopReason::Poisoned);
        Departure::Nothing(Step::Stopped(StopReason::Poisoned))
    }

    /// Takes back a flight that is over, moves the watermark as far as all before it are durable, and tells the
    /// subscribers. A flight that failed, or that was not synced, poisons the lane.
    pub fn land(&self, flight: Flight, now: Instant) -> Step {
        let mut slot = self.writer();
        let Some(writer) = slot.as_mut().filter(|writer| writer.epoch == flight.epoch) else {
            flight.airborne.land();
            return Step::Stopped(self.queue.stopped().unwrap_or(StopReason::Closed));
        };
        if !matches!(flight.stage, Stage::Synced) || self.air.has_crash() {
            *slot = None;
            flight.airborne.land();
            drop(slot);
            self.stop(StopReason::Poisoned);
            return Step::Stopped(StopReason::Poisoned);
        }
        writer.handles.push(flight.file);
        writer.sync_mean = (writer.sync_mean * (SYNCS - 1) + flight.sync) / SYNCS;
        self.queue.landed(&flight.group, self.flights_wanted(writer.sync_mean));
        let first = writer.number - writer.flights.len() as u64;
        let index = usize::try_from(flight.number - first).expect("a few flights are in the air");
        writer.flights[index].landed = Some(flight.group);
        let moved = writer.pass(self, now);
        if moved {
            self.note_room(writer);
        }
        let durable = writer.durable;
        flight.airborne.land();
        drop(slot);
        if moved {
            self.watch.advance(durable);
        }
        Step::Durable(Lsn(durable))
    }

    /// Commits all that waits and then a record that says that the end is clean. False when the lane stopped.
    pub(super) fn commit_rest(&self, now: Instant) -> bool {
        loop {
            match self.depart(now) {
                Departure::Flight(flight) => drop(self.fly(flight, now)),
                Departure::Nothing(Step::Stopped(_)) => return false,
                // What is left is on its way with others, or waits for them.
                Departure::Nothing(_) if self.queue.is_empty() => break,
                Departure::Nothing(_) => self.air.wait_until_empty(),
            }
        }
        self.air.wait_until_empty();
        let last = self.writer().as_mut().and_then(|writer| {
            let group = self.queue.take_empty(writer.epoch)?;
            self.launch(writer, group, FLAG_CLEAN_STOP).ok()
        });
        last.is_some_and(|flight| !matches!(self.fly(flight, now), Step::Stopped(_)))
    }

    /// All of a flight, on this thread.
    pub(super) fn fly(&self, mut flight: Flight, now: Instant) -> Step {
        while flight.advance() {}
        self.land(flight, now)
    }

    fn take_off(&self, slot: &mut Option<Writer>, now: Instant) -> Result<Departure, DiskError> {
        let Some(writer) = slot else { return Ok(Departure::Nothing(Step::Stopped(StopReason::Closed))) };
        if let Some(group) = self.queue.take(|bytes| writer.takes(bytes)) {
            return self.launch(writer, group, 0).map(Departure::Flight);
        }
        if !writer.flights.is_empty() {
            // Whoever lands looks again.
            return Ok(Departure::Nothing(Step::Idle { wake_at: None }));
        }
        let wake_at = writer.unmarked_since.map(|since| since + self.settings.idle_mark_after);
        let due = wake_at.is_some_and(|wake_at| wake_at <= now);
        if (due || self.queue.log_start().1)
            && let Some(group) = self.queue.take_empty(writer.epoch)
        {
            return self.launch(writer, group, 0).map(Departure::Flight);
        }
        Ok(Departure::Nothing(Step::Idle { wake_at }))
    }

    fn launch(&self, writer: &mut Writer, group: PendingGroup, flags: u32) -> Result<Flight, DiskError> {
        assert_eq!(group.start(), writer.departed, "groups follow each other without gaps");
        if !writer.fits(group.stored_bytes()) {
            assert!(writer.flights.is_empty(), "a file begins when all before it is synced");
            let active = self.next_file(writer, group.stored_bytes())?;
            writer.active = active.file;
            writer.capacity = active.capacity;
            writer.handles = active.handles;
        }
        let (log_start, _) = self.queue.log_start();
        self.queue.log_start_written(log_start);
        let position = writer.active.position(writer.departed);
        let number = writer.number;
        writer.number += 1;
        writer.departed = group.end();
        writer.flights.push_back(Departed { end: group.end(), log_start, landed: None });
        let here = writer.active.position(writer.departed);
        self.spare_wanted.store(here > writer.capacity / 2, Ordering::Release);
        Ok(Flight {
            number,
            epoch: writer.epoch,
            file: writer.handles.pop().expect("the queue gives no more groups than there are handles"),
            incarnation: writer.active.incarnation,
            position,
            group,
            marks: Marks { known_synced: writer.durable, log_start, flags },
            stage: Stage::Departed,
            sync: Duration::ZERO,
            airborne: self.air.enter(),
        })
    }

    /// While the disk is full, the queue may take only what fits into blocks that exist.
    pub(super) fn note_room(&self, writer: &Writer) {
        if !self.disk_full.load(Ordering::Acquire) {
            self.queue.set_room(None);
            return;
        }
        // From the durable position on, because the queue counts what is in the air, too.
        let here = writer.active.allocated.saturating_sub(writer.active.position(writer.durable));
        let spare = self.spares().largest().saturating_sub(FILE_HEADER_BYTES as u64);
        self.queue.set_room(Some((here.max(spare), self.settings.reserve_bytes)));
    }

    fn stop(&self, reason: StopReason) {
        self.queue.stop(reason);
        self.watch.stop(reason);
    }

    /// Closes for good what [`FileLane::commit_rest`] left.
    pub(super) fn shut(&self, reason: StopReason) {
        if self.writer().take().is_some() {
            self.stop(reason);
        }
        // No flight may touch a file that another owner of the directory writes to.
        self.air.wait_until_empty();
        self.files.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.released().clear();
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
