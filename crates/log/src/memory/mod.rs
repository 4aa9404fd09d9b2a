//! A lane as it will stand on an object store: the proof that the seam holds (design §6).
//!
//! ```text
//!  lane/<lane>/<epoch>/<index>    one group each, created once, never changed
//!  … the last one of an epoch is a fence: it names the only epoch that may follow
//! ```
//! Groups are put several at a time and acked strictly in index order. Whoever opens the lane walks it to its
//! first missing index and creates a fence there; the store lets exactly one object win each index, so an
//! older writer finds a strange object where its next one should be and stops. Objects behind a fence were
//! never acked and do not count. A put that timed out may have landed: its id is read back.
//!
//! Trimmed objects shrink to their header and keep their name, so that the walk never meets a gap.
//! Epoch 0 holds nothing but the fence that elects the first writer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use bytes::Bytes;
use stele_io::DiskError;

use crate::format::commit::FLAG_CLEAN_STOP;
use crate::format::frame::HEADER_BYTES;
use crate::group::{Marks, PendingGroup};
use crate::lane::{
    Class, FRAME_BYTES_MAX, Frame, Lane, Maintenance, OpenLane, Placed, Recovery, Replay, Step, StopReason,
    Subscriber, Subscription,
};
use crate::queue::Queue;
use crate::scan::Medium;
use crate::watch::Watch;
use crate::{LaneId, Lsn, OpenError, ReadError, SubmitError};

mod bucket;
mod object;
mod open;
mod settings;

use bucket::PutAnswer;
pub use bucket::{Bucket, BucketFaults};
use object::{OBJECT_HEADER_BYTES, ObjectHeader};
pub use settings::MemoryLaneSettings;

/// A [`Lane`] on a [`Bucket`].
pub struct MemoryLane {
    id: LaneId,
    bucket: Bucket,
    settings: MemoryLaneSettings,
    queue: Queue,
    watch: Watch,
    objects: RwLock<BTreeMap<u64, Stored>>,
    writer: Mutex<Option<Writer>>,
    log_start_durable: AtomicU64,
    put_ids: AtomicU64,
}

/// Where an object stands and what it must be.
#[derive(Debug, Clone)]
struct Stored {
    key: String,
    put_id: u64,
    end: u64,
}

#[derive(Debug)]
struct Writer {
    epoch: u64,
    next_index: u64,
    /// End of the last group that was put.
    put_end: u64,
    in_flight: VecDeque<InFlight>,
}

#[derive(Debug)]
struct InFlight {
    stored: Stored,
    first_lsn: u64,
    object: Bytes,
    log_start: u64,
    /// `None`: landed.
    ticket: Option<u64>,
    /// Kept for the count of queued bytes.
    group: Option<PendingGroup>,
}

struct Fenced;

/// The put id of an object that was emptied because it is trimmed.
const TRIMMED: u64 = 0;

impl MemoryLane {
    /// A closed lane.
    #[must_use]
    pub fn new(id: LaneId, bucket: Bucket, settings: MemoryLaneSettings) -> Self {
        Self {
            id,
            bucket,
            queue: Queue::new(id, settings.queue_bytes_max),
            settings,
            watch: Watch::default(),
            objects: RwLock::default(),
            writer: Mutex::default(),
            log_start_durable: AtomicU64::new(0),
            put_ids: AtomicU64::new(0),
        }
    }

    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, epoch: u64, index: u64) -> String {
        format!("lane/{:04x}/{epoch:020}/{index:020}", self.id.0)
    }

    /// Unique among all puts of all writers, as long as their salts differ.
    fn put_id(&self) -> u64 {
        let count = self.put_ids.fetch_add(1, Ordering::Relaxed);
        let mut random = stele_io::Random::new(self.settings.salt ^ count.wrapping_mul(0x9e37_79b9));
        random.bits().max(1)
    }

    /// Acks what is answered in order, then puts what waits. Returns whether the watermark moved.
    fn advance(&self, writer: &mut Writer, flags: u32, now: Instant) -> Result<bool, Fenced> {
        self.collect(writer, now)?;
        let mut acked = None;
        while writer.in_flight.front().is_some_and(|put| put.ticket.is_none()) {
            let Some(put) = writer.in_flight.pop_front() else { break };
            acked = Some(put.stored.end);
            self.log_start_durable.fetch_max(put.log_start, Ordering::AcqRel);
            if let Some(group) = put.group {
                self.queue.landed(&group, self.settings.puts_max.max(1));
                self.queue.give_back(group);
            }
            let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
            objects.insert(put.first_lsn, put.stored);
        }
        if let Some(durable) = acked {
            self.watch.advance(durable);
        }
        while writer.in_flight.len() < self.settings.puts_max {
            let group = match self.queue.take(|_| true) {
                Some(group) => group,
                None if self.queue.log_start().1 || flags != 0 && writer.in_flight.is_empty() => {
                    match self.queue.take_empty(writer.epoch) {
                        Some(group) => group,
                        None => break,
                    }
                }
                None => break,
            };
            let last = flags != 0 && group.is_empty();
            self.put(writer, group, flags, now);
            if last {
                break;
            }
        }
        Ok(acked.is_some())
    }

    fn put(&self, writer: &mut Writer, mut group: PendingGroup, flags: u32, now: Instant) {
        assert_eq!(group.start(), writer.put_end, "groups follow each other without gaps");
        let (log_start, _) = self.queue.log_start();
        self.queue.log_start_written(log_start);
        let put_id = self.put_id();
        let flags = if group.is_empty() { flags } else { 0 };
        group.finish(put_id, Marks { known_synced: self.watch.durable().0, log_start, flags });
        let header = ObjectHeader {
            put_id,
            epoch: writer.epoch,
            index: writer.next_index,
            first_lsn: group.start(),
            end_lsn: group.end(),
            successor: 0,
        };
        let object = header.encode(&group.slices());
        let key = self.key(writer.epoch, writer.next_index);
        let ticket = self.bucket.put(now, &key, object.clone());
        writer.next_index += 1;
        writer.put_end = group.end();
        writer.in_flight.push_back(InFlight {
            stored: Stored { key, put_id, end: group.end() },
            first_lsn: group.start(),
            object,
            log_start,
            ticket: Some(ticket),
            group: Some(group),
        });
    }

    fn collect(&self, writer: &mut Writer, now: Instant) -> Result<(), Fenced> {
        for put in &mut writer.in_flight {
            let Some(ticket) = put.ticket else { continue };
            match self.bucket.answer(now, ticket) {
                Err(_) => {}
                Ok(PutAnswer::Created) => put.ticket = None,
                Ok(PutAnswer::Exists | PutAnswer::TimedOut) => match self.bucket.get(&put.stored.key) {
                    Some(object) if is_put(&object, put.stored.put_id) => put.ticket = None,
                    Some(_) => return Err(Fenced),
                    // It did not land, or not yet: the same object again, so that either may win.
                    None => {
                        put.ticket = Some(self.bucket.put(now, &put.stored.key, put.object.clone()));
                    }
                },
            }
        }
        Ok(())
    }

    /// Puts all that waits, and a last record with `flags`, and lets time run until all is answered.
    fn settle(&self, writer: &mut Writer, flags: u32, now: Instant) -> Result<Instant, Fenced> {
        let (mut flags, mut now) = (flags, now);
        loop {
            self.advance(writer, flags, now)?;
            flags = 0;
            match self.wake_at(writer, now) {
                Some(wake_at) => now = now.max(wake_at),
                None => return Ok(now),
            }
        }
    }

    fn wake_at(&self, writer: &Writer, now: Instant) -> Option<Instant> {
        let tickets = writer.in_flight.iter().filter_map(|put| put.ticket);
        tickets.map(|ticket| self.bucket.answer_at(now, ticket)).min()
    }

    fn stop(&self, writer: &mut Option<Writer>, reason: StopReason) {
        *writer = None;
        self.queue.stop(reason);
        self.watch.stop(reason);
    }
}

fn is_put(object: &[u8], put_id: u64) -> bool {
    ObjectHeader::decode(object).is_ok_and(|header| header.put_id == put_id)
}

impl Lane for MemoryLane {
    fn id(&self) -> LaneId {
        self.id
    }

    fn open(&self, request: OpenLane, replay: &mut dyn Replay) -> Result<Recovery, OpenError> {
        let mut slot = self.writer();
        if slot.is_some() {
            return Err(OpenError::AlreadyOpen);
        }
        let (writer, recovery) = self.recover(request, replay)?;
        self.queue.start(
            recovery.epoch.0,
            writer.put_end,
            recovery.log_start.0,
            self.settings.puts_max.max(1),
        );
        self.watch.reset(writer.put_end);
        self.log_start_durable.store(recovery.log_start.0, Ordering::Release);
        *slot = Some(writer);
        Ok(recovery)
    }

    fn submit(&self, frames: &[Frame], class: Class) -> Result<Placed, SubmitError> {
        self.queue.submit(frames, class)
    }

    fn hold(&self, bytes: u64) -> Result<(), SubmitError> {
        self.queue.hold(bytes)
    }

    fn submit_held(&self, frames: &[Frame]) -> Result<Placed, SubmitError> {
        self.queue.submit_held(frames)
    }

    fn let_go(&self) {
        self.queue.let_go();
    }

    fn durable(&self) -> Lsn {
        self.watch.durable()
    }

    fn subscribe(&self, subscriber: Subscriber) -> Subscription {
        self.watch.subscribe(subscriber)
    }

    fn unsubscribe(&self, subscription: Subscription) {
        self.watch.unsubscribe(subscription);
    }

    fn bytes_queued(&self) -> u64 {
        self.queue.bytes()
    }

    fn step(&self, now: Instant) -> Step {
        let mut slot = self.writer();
        let Some(writer) = slot.as_mut() else {
            return Step::Stopped(self.queue.stopped().unwrap_or(StopReason::Closed));
        };
        match self.advance(writer, 0, now) {
            Ok(true) => Step::Durable(self.durable()),
            Ok(false) => match self.wake_at(writer, now) {
                Some(wake_at) => Step::Waiting { wake_at },
                None => Step::Idle { wake_at: None },
            },
            Err(Fenced) => {
                self.stop(&mut slot, StopReason::Fenced);
                Step::Stopped(StopReason::Fenced)
            }
        }
    }

    /// Empties one trimmed object down to its header.
    ///
    /// Deleting it would be wrong: a put that timed out long ago could land under the free name, and a slow
    /// opener could fence in the gap. An object store needs a manifest to get rid of the headers as well.
    fn maintain(&self) -> Result<Maintenance, DiskError> {
        if !self.has_chores() {
            return Ok(Maintenance::Nothing);
        }
        let oldest = self.objects.write().unwrap_or_else(PoisonError::into_inner).pop_first();
        if let Some((_, stored)) = oldest
            && let Some(object) = self.bucket.get(&stored.key)
            && let Ok(header) = ObjectHeader::decode(&object)
        {
            self.bucket.replace(&stored.key, ObjectHeader { put_id: TRIMMED, ..header }.encode(&[]));
        }
        Ok(Maintenance::Worked)
    }

    fn has_chores(&self) -> bool {
        let log_start = self.log_start_durable.load(Ordering::Acquire);
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        objects.len() > 1 && objects.first_key_value().is_some_and(|(_, stored)| stored.end <= log_start)
    }

    fn read(&self, lsn: Lsn, payload_bytes: u32) -> Result<Bytes, ReadError> {
        if payload_bytes > FRAME_BYTES_MAX {
            return Err(ReadError::Damaged(lsn));
        }
        let frame_bytes = HEADER_BYTES + payload_bytes as usize;
        if lsn.0.saturating_add(frame_bytes as u64) > self.watch.durable().0 {
            return Err(ReadError::NotDurable(lsn));
        }
        let (first_lsn, stored) = {
            let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
            match objects.range(..=lsn.0).next_back() {
                Some((first, stored)) => (*first, stored.clone()),
                None if objects.is_empty() => return Err(ReadError::Closed),
                None => return Err(ReadError::Trimmed(lsn)),
            }
        };
        let object = self.bucket.get(&stored.key).ok_or(ReadError::Trimmed(lsn))?;
        let medium = Medium {
            bytes: &object,
            lane: self.id.0,
            incarnation: stored.put_id,
            first: OBJECT_HEADER_BYTES,
            first_lsn,
        };
        match medium.frame(lsn.0) {
            Ok(found) if found.header.payload_bytes == payload_bytes => Ok(object.slice(found.payload)),
            _ => Err(ReadError::Damaged(lsn)),
        }
    }

    fn trim(&self, lsn: Lsn) {
        self.queue.trim(lsn.min(self.durable()).0);
    }

    /// Waits for all puts by letting the simulated time run.
    fn close(&self, now: Instant) -> bool {
        let mut slot = self.writer();
        let Some(writer) = slot.as_mut() else { return false };
        self.queue.drain();
        let closed = self.settle(writer, 0, now).and_then(|now| self.settle(writer, FLAG_CLEAN_STOP, now));
        let closed = closed.is_ok();
        self.stop(&mut slot, if closed { StopReason::Closed } else { StopReason::Fenced });
        closed
    }

    fn set_driver(&self, wake: Arc<dyn Fn() + Send + Sync>) {
        self.queue.set_driver(wake);
    }
}

impl std::fmt::Debug for MemoryLane {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MemoryLane").field("id", &self.id).field("durable", &self.durable()).finish()
    }
}
