//! Reads of batches, at once or waiting for more.

use super::directory::Place;
use super::stream::{PartView, hole, load_all};
use super::{Answer, Caller, Store};
use crate::journal::Lsn;
use std::collections::{BTreeMap, BTreeSet};
use stele_model::{
    ConnectionId, Error, Now, Outcome, PartitionIndex, Read, ReadPartReply, ReadReply, Ticket,
};

/// Reads that wait.
#[derive(Default)]
pub(crate) struct Reads {
    next: u64,
    waiting: BTreeMap<u64, WaitingRead>,
    /// Who waits for a partition: (shard, stream, partition, read).
    by_partition: BTreeSet<(u16, u64, PartitionIndex, u64)>,
    by_deadline: BTreeSet<(u64, u64)>,
    by_caller: BTreeMap<(ConnectionId, Ticket), u64>,
}

struct WaitingRead {
    caller: Caller,
    read: Read,
    places: Vec<(u16, u64, PartitionIndex)>,
}

impl Reads {
    fn add(&mut self, caller: &Caller, read: Read, places: Vec<(u16, u64, PartitionIndex)>) -> u64 {
        self.next += 1;
        let id = self.next;
        self.by_partition.extend(places.iter().map(|place| (place.0, place.1, place.2, id)));
        self.by_deadline.insert((read.deadline_ns, id));
        self.by_caller.insert((caller.link.id, caller.ticket), id);
        self.waiting.insert(id, WaitingRead { caller: caller.clone(), read, places });
        id
    }

    fn take(&mut self, id: u64) -> Option<WaitingRead> {
        let waiting = self.waiting.remove(&id)?;
        for place in &waiting.places {
            self.by_partition.remove(&(place.0, place.1, place.2, id));
        }
        self.by_deadline.remove(&(waiting.read.deadline_ns, id));
        self.by_caller.remove(&(waiting.caller.link.id, waiting.caller.ticket));
        Some(waiting)
    }

    fn of(&self, shard: u16, stream: u64, partition: PartitionIndex) -> Vec<u64> {
        let range = (shard, stream, partition, 0)..=(shard, stream, partition, u64::MAX);
        self.by_partition.range(range).map(|entry| entry.3).collect()
    }

    /// When the first one ends (monotonic ns).
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.by_deadline.first().map(|entry| entry.0)
    }

    /// Withdraws one.
    pub(crate) fn cancel(&mut self, link: ConnectionId, ticket: Ticket) {
        if let Some(id) = self.by_caller.get(&(link, ticket)).copied() {
            self.take(id);
        }
    }

    /// Withdraws all of a connection.
    pub(crate) fn detach(&mut self, link: ConnectionId) {
        let all = self.by_caller.range((link, Ticket(0))..=(link, Ticket(u64::MAX)));
        for id in all.map(|(_, id)| *id).collect::<Vec<_>>() {
            self.take(id);
        }
    }
}

impl Store {
    /// Answers a read at once, or keeps it.
    pub(crate) fn read(&self, now: Now, caller: &Caller, read: Read) -> Answer {
        if let Some(reply) = self.try_read(now, &read) {
            return Answer::Ready { lsn: Lsn(0), outcome: Outcome::Read(reply) };
        }
        let places = read.parts.iter().filter_map(|part| {
            let place = self.find(&part.stream)?;
            Some((place.shard, place.stream, place.view.unwrap_or(part.partition)))
        });
        let places = places.collect();
        let id = self.reads().add(caller, read.clone(), places);
        // What became durable between the first look and now was not told.
        let Some(reply) = self.try_read(now, &read) else { return Answer::Waiting };
        match self.reads().take(id) {
            Some(_) => Answer::Ready { lsn: Lsn(0), outcome: Outcome::Read(reply) },
            None => Answer::Waiting,
        }
    }

    /// The first record at or after a wire time.
    pub(crate) fn lookup(&self, lookup: &stele_model::TimeLookup) -> Answer {
        let missing = || Error::StreamNotFound(lookup.stream.clone());
        let found = self.find(&lookup.stream).ok_or_else(missing).and_then(|place| {
            self.enter(place.shard, |shard| {
                let (stream, context) = shard.stream(place).ok_or_else(missing)?;
                stream.lookup(context, lookup)
            })
        });
        let outcome = match found {
            Ok(found) => Outcome::Found(found),
            Err(error) => Outcome::Failed(error),
        };
        Answer::Ready { lsn: Lsn(0), outcome }
    }

    /// Partitions show more: answers reads that have enough now.
    pub(crate) fn settle_reads(&self, now: Now, shard: u16, moved: &[(u64, PartitionIndex)]) {
        let mut ids = BTreeSet::new();
        {
            let reads = self.reads();
            for (stream, partition) in moved {
                ids.extend(reads.of(shard, *stream, *partition));
            }
        }
        ids.into_iter().for_each(|id| self.retry_read(now, id));
    }

    /// Answers reads whose wait is over.
    pub(crate) fn wake_reads(&self, now: Now) {
        let due: Vec<u64> = {
            let reads = self.reads();
            reads
                .by_deadline
                .iter()
                .take_while(|entry| entry.0 <= now.monotonic_ns)
                .map(|entry| entry.1)
                .collect()
        };
        due.into_iter().for_each(|id| self.retry_read(now, id));
    }

    fn retry_read(&self, now: Now, id: u64) {
        let read = self.reads().waiting.get(&id).map(|waiting| waiting.read.clone());
        let Some(reply) = read.and_then(|read| self.try_read(now, &read)) else { return };
        // Whoever takes it answers.
        if let Some(waiting) = self.reads().take(id) {
            waiting.caller.link.complete(waiting.caller.ticket, Outcome::Read(reply));
        }
    }

    /// The answer, where it need not wait any longer.
    fn try_read(&self, now: Now, read: &Read) -> Option<ReadReply> {
        let mut views = Vec::with_capacity(read.parts.len());
        let (mut bytes, mut failed) = (0_u64, false);
        for part in &read.parts {
            let left = read.bytes_max.saturating_sub(bytes);
            let view = match self.find(&part.stream) {
                None => Err(Error::StreamNotFound(part.stream.clone())),
                Some(place) => self.view(place, part, left, bytes == 0),
            };
            match &view {
                Ok(view) => bytes += view.bytes,
                Err(_) => failed = true,
            }
            views.push(view);
        }
        let over = now.monotonic_ns >= read.deadline_ns || bytes >= read.bytes_max;
        if !failed && !over && bytes < read.bytes_min {
            return None;
        }
        Some(ReadReply { parts: views.into_iter().map(|view| self.load(view)).collect() })
    }

    fn view(
        &self,
        place: Place,
        part: &stele_model::ReadPart,
        bytes_max: u64,
        first: bool,
    ) -> Result<PartView, Error> {
        self.enter(place.shard, |shard| {
            let found = shard.stream(place).filter(|(stream, _)| stream.is_named(part.id));
            let Some((stream, context)) = found else {
                return Err(Error::StreamNotFound(part.stream.clone()));
            };
            let partition = place.view.unwrap_or(part.partition);
            let part = stele_model::ReadPart { partition, ..part.clone() };
            stream.view(context, &part, bytes_max, first)
        })
    }

    /// Loads batches, the lock let go.
    fn load(&self, view: Result<PartView, Error>) -> ReadPartReply {
        let failed = |error| ReadPartReply { error: Some(error), ..ReadPartReply::default() };
        let view = match view {
            Ok(view) => view,
            Err(error) => return failed(error),
        };
        let mut reply = ReadPartReply {
            high_watermark: view.visible,
            last_stable: view.visible,
            log_start: view.log_start,
            ..ReadPartReply::default()
        };
        if let Some(span) = view.hole {
            reply.batches.push(hole(span, self.settings().leader_epoch));
        }
        let (batches, failed) = load_all(view.batches, self.journal(), self.settings().plain_bytes_max);
        reply.batches.extend(batches);
        let Some((position, error)) = failed else { return reply };
        let damaged = self.journal().is_damaged(position);
        if damaged {
            self.take_offline(view.log.0, view.log.1);
        }
        // What was loaded before still goes out; the next read meets the error first.
        if reply.batches.is_empty() {
            reply.error = Some(if damaged { Error::Quarantined } else { error });
        }
        reply
    }
}
