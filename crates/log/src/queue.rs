//! The group builder: frames wait here, already placed and encoded, for the commit that takes them all.
//!
//! A group leaves at once when none is under way. Beside others it leaves where syncs take so long that the lane
//! lets them overlap, and when it is at least half as large as all that is under way: so under a steady load of
//! single records each leaves at once, and of many publishers that wait for their acks not a few make a group of
//! their own, which would part them into ever more and smaller groups. What is too small now waits for more, or until
//! something lands. No timer is involved.
//!
//! Positions are final at submission. That works because a group's commit record has a size that follows
//! from its number of frames, and because groups follow each other without gaps, over files, too.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crc_fast::crc32_iscsi;

use crate::format::frame::KIND_COMMIT;
use crate::group::{PendingGroup, commit_record_bytes};
use crate::lane::{Class, FRAME_BYTES_MAX, Frame, GROUP_BYTES_MAX, GROUP_FRAMES_MAX, Placed};
use crate::{LaneId, Lsn, StopReason, SubmitError};

/// A group that has this many bytes takes no further submission: it bounds what one sync has to carry.
const COMMIT_BYTES_MAX: u64 = 8 << 20;
/// A group leaves beside others when so many of its size make up for all that is under way. With syncs of 4 ms this
/// made a third fewer commits than no limit, at the same rate.
const FLIGHT_SHARE: u64 = 2;
/// Buffers up to this capacity are used again, and so many of them.
const KEPT_BYTES_MAX: usize = 1 << 20;
const KEPT_MAX: usize = 5;

mod hold;

pub(crate) struct Queue {
    lane: LaneId,
    bytes_max: u64,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// Where the next frame goes.
    next_lsn: u64,
    closed: VecDeque<PendingGroup>,
    open: Option<PendingGroup>,
    /// Emptied groups, kept for their buffers.
    kept: Vec<PendingGroup>,
    /// Charge of everything submitted and not yet durable.
    bytes: u64,
    /// With a full disk: what may still be charged in all, and how much of it only essential frames may use.
    room: Option<(u64, u64)>,
    /// Somebody adds to the open group what must become durable with it.
    held: Option<Held>,
    log_start: u64,
    log_start_changed: bool,
    /// Groups that may be under way.
    flights_max: usize,
    /// Groups under way, and their charge.
    flights: usize,
    flights_bytes: u64,
    /// The driver was woken and has not come for a group yet.
    woken: bool,
    driver: Option<Arc<dyn Fn() + Send + Sync>>,
}

#[derive(Clone, Copy)]
struct Held {
    /// What is charged for [`Queue::submit_held`] and not used yet.
    reserved: u64,
    /// The driver came for the group meanwhile.
    wanted: bool,
}

#[derive(Clone, Copy)]
enum Phase {
    Open { epoch: u64 },
    Stopped(StopReason),
}

impl Queue {
    pub(crate) fn new(lane: LaneId, bytes_max: u64) -> Self {
        let state = State {
            phase: Phase::Stopped(StopReason::Closed),
            next_lsn: 0,
            closed: VecDeque::new(),
            open: None,
            kept: Vec::new(),
            bytes: 0,
            room: None,
            held: None,
            log_start: 0,
            log_start_changed: false,
            flights_max: 1,
            flights: 0,
            flights_bytes: 0,
            woken: false,
            driver: None,
        };
        Self { lane, bytes_max, state: Mutex::new(state) }
    }

    /// Begins to accept frames of `epoch` from position `next_lsn` on, with so many groups under way at a time.
    pub(crate) fn start(&self, epoch: u64, next_lsn: u64, log_start: u64, flights_max: usize) {
        let mut state = self.state();
        state.phase = Phase::Open { epoch };
        state.next_lsn = next_lsn;
        state.log_start = log_start;
        state.log_start_changed = false;
        state.room = None;
        (state.flights, state.flights_bytes, state.woken) = (0, 0, false);
        state.flights_max = flights_max;
        state.held = None;
        assert!(state.open.is_none() && state.closed.is_empty(), "stopping empties the queue");
    }

    /// Refuses frames from now on and drops those that wait.
    pub(crate) fn stop(&self, reason: StopReason) {
        let mut state = self.state();
        state.phase = Phase::Stopped(reason);
        state.open = None;
        state.closed.clear();
        state.bytes = 0;
        state.held = None;
    }

    /// Refuses frames from now on; those that wait can still be taken, but for a group that is held: it misses what was
    /// to come with it.
    pub(crate) fn drain(&self) {
        let mut state = self.state();
        state.phase = Phase::Stopped(StopReason::Closed);
        if state.held.take().is_some()
            && let Some(group) = state.open.take()
        {
            state.next_lsn = group.start();
        }
    }

    /// Why frames are refused; `None` while they are accepted.
    pub(crate) fn stopped(&self) -> Option<StopReason> {
        match self.state().phase {
            Phase::Open { .. } => None,
            Phase::Stopped(reason) => Some(reason),
        }
    }

    pub(crate) fn submit(&self, frames: &[Frame], class: Class) -> Result<Placed, SubmitError> {
        self.place(frames, |state, charge| state.admit(charge, class, self.bytes_max))
    }

    fn place(
        &self,
        frames: &[Frame],
        admit: impl FnOnce(&mut State, u64) -> Result<(), SubmitError>,
    ) -> Result<Placed, SubmitError> {
        let bytes = check(frames)?;
        // The checksums of payloads are the larger part of the work and need no lock.
        let mut few = [0; 8];
        let many: Vec<u32>;
        let crcs: &[u32] = if frames.len() <= few.len() {
            for (crc, frame) in few.iter_mut().zip(frames) {
                *crc = crc32_iscsi(&frame.payload);
            }
            &few[..frames.len()]
        } else {
            many = frames.iter().map(|frame| crc32_iscsi(&frame.payload)).collect();
            &many
        };
        let charge = bytes + commit_record_bytes(frames.len());
        let mut state = self.state();
        let epoch = match state.phase {
            Phase::Open { epoch } => epoch,
            Phase::Stopped(reason) => return Err(SubmitError::Stopped(reason)),
        };
        admit(&mut state, charge)?;
        state.bytes += charge;
        let group = state.group_for(bytes, frames.len(), self.lane.0, epoch);
        let first = group.start() + group.bytes;
        for (frame, crc) in frames.iter().zip(crcs) {
            group.push(frame, *crc);
        }
        group.charge += charge;
        let end = group.start() + group.bytes;
        state.next_lsn = end;
        let ready = state.is_ready();
        wake_if(ready, state);
        Ok(Placed { first: Lsn(first), end: Lsn(end) })
    }

    /// The next group to commit, if it is worth it now and `takes` agrees with its stored bytes. `None` also notes
    /// that the driver is to be woken when it is. Each group taken is to be [landed](Self::landed).
    pub(crate) fn take(&self, takes: impl FnOnce(u64) -> bool) -> Option<PendingGroup> {
        let mut state = self.state();
        state.woken = false;
        if state.closed.is_empty()
            && let Some(held) = &mut state.held
        {
            held.wanted = true;
            return None;
        }
        let next = state.closed.front().or(state.open.as_ref()).map(PendingGroup::stored_bytes)?;
        if !state.is_ready() || !takes(next) {
            return None;
        }
        let group = match state.closed.pop_front() {
            Some(group) => group,
            None => {
                let group = state.open.take()?;
                state.next_lsn = group.end();
                group
            }
        };
        state.flights += 1;
        state.flights_bytes += group.charge;
        // More than one group may wait: the next one is for another thread.
        let ready = state.is_ready();
        wake_if(ready, state);
        Some(group)
    }

    /// A group that was taken is synced, or is in the hands of the object store; another may leave, and from now on so
    /// many may be under way.
    pub(crate) fn landed(&self, group: &PendingGroup, flights_max: usize) {
        let mut state = self.state();
        state.flights_max = flights_max;
        state.flights = state.flights.saturating_sub(1);
        state.flights_bytes = state.flights_bytes.saturating_sub(group.charge);
    }

    /// Nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.state();
        state.open.is_none() && state.closed.is_empty()
    }

    /// A group without frames, unless some frames wait: they carry the marks as well.
    pub(crate) fn take_empty(&self, epoch: u64) -> Option<PendingGroup> {
        let mut state = self.state();
        if state.open.is_some() || !state.closed.is_empty() || state.held.is_some() {
            return None;
        }
        state.flights += 1;
        let mut group = state.kept.pop().unwrap_or_default();
        group.reset(state.next_lsn, self.lane.0, epoch);
        state.next_lsn = group.end();
        Some(group)
    }

    /// Gives back a group that is durable, or of which nothing is known any more.
    pub(crate) fn give_back(&self, mut group: PendingGroup) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_sub(group.charge);
        if group.release() <= KEPT_BYTES_MAX && state.kept.len() < KEPT_MAX {
            state.kept.push(group);
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.state().bytes
    }

    /// `Some((room, reserve))` while the disk is full.
    pub(crate) fn set_room(&self, room: Option<(u64, u64)>) {
        self.state().room = room;
    }

    pub(crate) fn set_driver(&self, wake: Arc<dyn Fn() + Send + Sync>) {
        self.state().driver = Some(wake);
    }

    pub(crate) fn trim(&self, lsn: u64) {
        let mut state = self.state();
        if lsn <= state.log_start {
            return;
        }
        state.log_start = lsn;
        state.log_start_changed = true;
        // Whoever lands looks at the log start as well.
        let idle = state.flights == 0;
        wake_if(idle, state);
    }

    /// The log start for the next commit record, and whether it waits to be written.
    pub(crate) fn log_start(&self) -> (u64, bool) {
        let state = self.state();
        (state.log_start, state.log_start_changed)
    }

    /// Notes that a commit record with this log start was taken for writing.
    pub(crate) fn log_start_written(&self, log_start: u64) {
        let mut state = self.state();
        if state.log_start == log_start {
            state.log_start_changed = false;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the driver, once until it comes.
fn wake_if(wanted: bool, mut state: MutexGuard<'_, State>) {
    if wanted && !std::mem::replace(&mut state.woken, true) {
        let driver = state.driver.clone();
        drop(state);
        if let Some(wake) = driver {
            wake();
        }
    }
}

impl State {
    /// Whether a group should leave now.
    fn is_ready(&self) -> bool {
        let Some(open) = self.open.as_ref().filter(|_| self.held.is_none()) else {
            return !self.closed.is_empty() && self.flights < self.flights_max;
        };
        let worth_it = open.charge.saturating_mul(FLIGHT_SHARE) >= self.flights_bytes;
        self.flights == 0 || (self.flights < self.flights_max && (worth_it || !self.closed.is_empty()))
    }

    fn admit(&self, charge: u64, class: Class, bytes_max: u64) -> Result<(), SubmitError> {
        // Essential frames may fill the queue twice as far: acks must pass where publishes wait.
        let bytes_max = if class == Class::Essential { bytes_max.saturating_mul(2) } else { bytes_max };
        if self.bytes > 0 && self.bytes + charge > bytes_max {
            return Err(SubmitError::Busy);
        }
        if let Some((room, reserve)) = self.room {
            let room = if class == Class::Essential { room } else { room.saturating_sub(reserve) };
            if self.bytes + charge > room {
                return Err(SubmitError::DiskFull);
            }
        }
        Ok(())
    }

    /// The open group takes no more.
    fn close_group(&mut self) {
        if let Some(group) = self.open.take() {
            self.next_lsn = group.end();
            self.closed.push_back(group);
        }
    }

    fn group_for(&mut self, bytes: u64, frames: usize, lane: u16, epoch: u64) -> &mut PendingGroup {
        let full = |group: &PendingGroup| {
            group.bytes + bytes > COMMIT_BYTES_MAX || group.frames() + frames > GROUP_FRAMES_MAX
        };
        // A held group grows beyond its size for a moment rather than be torn.
        if self.held.is_none() && self.open.as_ref().is_some_and(full) {
            self.close_group();
        }
        let Self { open, kept, next_lsn, .. } = self;
        open.get_or_insert_with(|| {
            let mut group = kept.pop().unwrap_or_default();
            group.reset(*next_lsn, lane, epoch);
            group
        })
    }
}

fn check(frames: &[Frame]) -> Result<u64, SubmitError> {
    if frames.is_empty() || frames.len() > GROUP_FRAMES_MAX {
        return Err(SubmitError::Size);
    }
    let mut bytes = 0;
    for frame in frames {
        if frame.kind == KIND_COMMIT {
            return Err(SubmitError::Kind);
        }
        if frame.payload.len() as u64 > u64::from(FRAME_BYTES_MAX) {
            return Err(SubmitError::Size);
        }
        bytes += frame.stored_bytes();
    }
    if bytes > GROUP_BYTES_MAX { Err(SubmitError::Size) } else { Ok(bytes) }
}
