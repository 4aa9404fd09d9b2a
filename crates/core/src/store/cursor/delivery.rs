//! Records go to the pulls that wait: first what is to be delivered again, then what is new.

use super::machine::Cursor;
use super::pending::Held;
use super::pulls::WaitingPull;
use crate::store::context::Context;
use crate::store::stream::{Partition, Stream};
use bytes::Bytes;
use stele_model::{AckPolicy, Delivered, DeliveryEnd, Now, Offset, PartitionIndex, Retention, StoredRecord};

/// Records that one round gives out at most; the next round follows at once.
const ROUND_RECORDS: usize = 4096;
/// Bytes that one round gives out at most.
const ROUND_BYTES: u64 = 4 << 20;
/// The pause before the next round when receivers are full (ns).
const ROUND_PAUSE_NS: u64 = 1_000_000;
/// The pause after a record could not be read (ns).
const FAULT_PAUSE_NS: u64 = 1_000_000_000;

/// The record that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Again(Offset),
    Listed(Offset),
    New(Offset),
}

impl Next {
    fn offset(self) -> Offset {
        match self {
            Self::Again(offset) | Self::Listed(offset) | Self::New(offset) => offset,
        }
    }
}

impl Stream {
    /// Delivers to whoever waits at cursors of this partition.
    pub(crate) fn deliver_all(&mut self, context: &mut Context, now: Now, partition: PartitionIndex) {
        for number in self.cursors.waiting(partition) {
            self.deliver(context, now, number);
        }
    }

    /// Delivers to whoever waits at any cursor.
    pub(crate) fn deliver_everywhere(&mut self, context: &mut Context, now: Now) {
        for partition in 0..self.partitions.len() {
            self.deliver_all(context, now, partition as PartitionIndex);
        }
    }

    /// Delivers to the pulls that wait at one cursor.
    pub(crate) fn deliver(&mut self, context: &mut Context, now: Now, number: u64) {
        let Some(cursor) = self.cursors.get_mut(number) else { return };
        let at = cursor.partition as usize;
        if self.partitions[at].is_offline() {
            return self.arm_cursor(context, now, number);
        }
        let moved = cursor.round(context, now, &self.partitions[at], self.spec.name.as_str().len());
        let released = self.spec.retention != Retention::Limits && cursor.spec.ack_policy == AckPolicy::None;
        if !moved.is_empty() {
            self.cursors.soil(number);
            context.ride(now, self.number);
        }
        if released {
            moved.into_iter().for_each(|offset| self.release(at, offset));
        }
        self.arm_cursor(context, now, number);
    }
}

impl Cursor {
    /// One round; the offsets whose state changed.
    fn round(&mut self, context: &mut Context, now: Now, partition: &Partition, name: usize) -> Vec<Offset> {
        let mut moved = Vec::new();
        let mut bytes = 0;
        let mut left = None;
        self.pending.wake(now.monotonic_ns);
        let ready = now.wall_ns >= self.spec.paused_until_ns && now.monotonic_ns >= self.held_until_ns;
        while ready && !self.pulls.is_empty() {
            if moved.len() >= ROUND_RECORDS || bytes >= ROUND_BYTES || !self.turn_to_credit() {
                self.held_until_ns = now.monotonic_ns.saturating_add(ROUND_PAUSE_NS);
                break;
            }
            let Some(next) = self.next_record(partition, &mut moved) else { break };
            let record = match partition.record(context, next.offset()) {
                Ok(record) => record,
                Err(error) => {
                    tracing::error!(cursor = %self.spec.name, offset = next.offset(), %error, "a record cannot be read");
                    self.held_until_ns = now.monotonic_ns.saturating_add(FAULT_PAUSE_NS);
                    break;
                }
            };
            if !matches!(next, Next::Again(_)) && !self.in_pace(now, record.append_time_ns) {
                break;
            }
            let size = delivered_bytes(&record, name + self.spec.name.as_str().len());
            if !self.fits(context, now, size) {
                continue;
            }
            let pending = *left.get_or_insert_with(|| self.count_pending(partition));
            let offset = next.offset();
            let delivered = self.take(now, next, record, pending);
            if !matches!(next, Next::Again(_)) {
                left = Some(pending.saturating_sub(1));
            }
            self.hand(context, now, delivered, size);
            bytes += size;
            moved.push(offset);
        }
        self.finish_round(context, now);
        moved
    }

    /// The next record, if there is one. Records delivered too often leave.
    fn next_record(&mut self, partition: &Partition, moved: &mut Vec<Offset>) -> Option<Next> {
        while let Some(offset) = self.pending.next_again() {
            let count = self.pending.get(offset).map_or(0, |held| held.count);
            let spent = self.spec.deliveries_max.is_some_and(|max| count >= max);
            if !spent && partition.table.is_live(offset) {
                return Some(Next::Again(offset));
            }
            self.pending.remove(offset);
            self.touched.insert(offset);
            moved.push(offset);
        }
        let full = self.spec.pending_max.is_some_and(|max| self.pending.len() as u64 >= max);
        if full && self.spec.ack_policy != AckPolicy::None {
            return None;
        }
        if let Some(offset) = self.listed.front() {
            return (*offset < partition.visible()).then_some(Next::Listed(*offset));
        }
        let from = self.next.max(self.scanned);
        let found = partition.next(&self.spec.filters, from, partition.visible());
        if found.is_none() {
            self.scanned = partition.visible().max(from);
        }
        found.map(Next::New)
    }

    /// Moves on over this record: its delivery.
    fn take(&mut self, now: Now, next: Next, record: StoredRecord, pending: u64) -> Delivered {
        let offset = next.offset();
        self.delivered.0 += 1;
        self.delivered.2 = now.wall_ns;
        let delivery = self.delivered.0;
        let before = self.pending.get(offset).copied();
        let count = before.map_or(0, |held| held.count) + 1;
        match next {
            Next::Again(_) => {}
            Next::Listed(_) => {
                self.listed.pop_front();
            }
            Next::New(_) => self.passed(offset),
        }
        if !matches!(next, Next::Again(_)) {
            self.delivered.1 = self.delivered.1.max(offset + 1);
            if self.spec.replay_original {
                self.pace = Some((record.append_time_ns, now.monotonic_ns));
            }
        }
        if self.spec.ack_policy != AckPolicy::None {
            let due = Some(now.monotonic_ns.saturating_add(self.wait_ns(count)));
            let first = before.map_or(delivery, |held| held.delivery);
            self.pending.set(offset, Held { delivery: first, count, time_ns: now.wall_ns, due });
            self.touched.insert(offset);
        }
        let pending = if matches!(next, Next::Again(_)) { pending } else { pending.saturating_sub(1) };
        Delivered { record, delivery, count, pending }
    }

    /// With the pace of the appends: may the record of this append time come yet?
    fn in_pace(&mut self, now: Now, append_ns: u64) -> bool {
        let Some((last_ns, at_ns)) = self.pace.filter(|_| self.spec.replay_original) else { return true };
        let due = at_ns.saturating_add(append_ns.saturating_sub(last_ns));
        if due > now.monotonic_ns {
            self.held_until_ns = due;
        }
        due <= now.monotonic_ns
    }

    /// Brings a pull to the front whose receiver can take more.
    fn turn_to_credit(&mut self) -> bool {
        for _ in 0..self.pulls.len() {
            let served = self.pulls.front().is_some_and(|pull| !pull.ready.is_empty() || pull.has_credit());
            if served {
                return true;
            }
            self.pulls.rotate_left(1);
        }
        false
    }

    /// Does a record of this size fit the first pull? Else the pull ends.
    fn fits(&mut self, context: &mut Context, now: Now, size: u64) -> bool {
        let last = (self.delivered.0, self.delivered.1);
        let Some(pull) = self.pulls.front_mut() else { return false };
        let Some(bytes_left) = pull.bytes_left.filter(|left| size > *left) else { return true };
        let end = DeliveryEnd::TooLarge { batch_left: pull.batch_left, bytes_left };
        pull.send(context, now, last, Some(end));
        self.pulls.pop_front();
        false
    }

    /// Gives a delivery to the first pull; it goes to the end of the line, or is complete. What its connection got through
    /// another pull leaves first: a client with overlapping pulls reads all of them in one row.
    fn hand(&mut self, context: &mut Context, now: Now, delivered: Delivered, size: u64) {
        let last = (self.delivered.0, self.delivered.1);
        let Some(mut pull) = self.pulls.pop_front() else { return };
        let before =
            |other: &&mut WaitingPull| !other.ready.is_empty() && other.caller.link.id == pull.caller.link.id;
        self.pulls.iter_mut().filter(before).for_each(|other| other.send(context, now, last, None));
        pull.ready.push(delivered);
        pull.served = true;
        pull.batch_left = pull.batch_left.saturating_sub(1);
        pull.bytes_left = pull.bytes_left.map(|left| left.saturating_sub(size));
        if pull.batch_left == 0 || pull.bytes_left == Some(0) {
            pull.send(context, now, last, Some(DeliveryEnd::Complete));
        } else {
            self.pulls.push_back(pull);
        }
    }

    /// Sends what pulls got; those that do not wait end.
    fn finish_round(&mut self, context: &mut Context, now: Now) {
        let last = (self.delivered.0, self.delivered.1);
        let more = now.monotonic_ns < self.held_until_ns;
        self.pulls.retain_mut(|pull| {
            if !pull.no_wait || more {
                if !pull.ready.is_empty() {
                    pull.send(context, now, last, None);
                }
                return true;
            }
            let end = match pull.served {
                true => Some(pull.expired()),
                false => pull.deadline_ns.is_none().then_some(DeliveryEnd::Empty),
            };
            let waits = end.is_none();
            if !waits {
                pull.send(context, now, last, end);
            }
            waits
        });
    }
}

/// Bytes of a delivery as a pull counts them: subject, acknowledgement subject, headers, payload.
fn delivered_bytes(record: &StoredRecord, names: usize) -> u64 {
    /// Prefix, dots and numbers of an acknowledgement subject, about.
    const ACK_SUBJECT_BYTES: usize = 48;
    let value = record.value.as_ref().map_or(0, Bytes::len);
    let mut headers = Vec::new();
    record.headers().each(&mut |header| headers.push(header));
    let block = crate::store::stream::block_length(headers.into_iter());
    (record.subject.len() + names + ACK_SUBJECT_BYTES + block + value) as u64
}
