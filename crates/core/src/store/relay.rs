//! Produced records for live receivers and stored sessions (semantics 22).
//!
//! ```text
//!  produce ─→ Context::unrelayed ── durable ─→ has_wanted ─┬─ nobody wants one: passed over, nothing is decoded
//!                                                          └─ tell_relay ─→ Request::Relay ─→ collect ─→ published
//! ```
//!
//! Live receivers get what becomes durable while they are there: nothing of that is written down. A stored session gets
//! every record that was appended behind its SUBSCRIBE, once: a queued record says where it came from, so that after a
//! crash the search goes on behind the last one ([`Store::relay_missed`]).
//!
//! A record that its stream has removed again before it became durable is not shown.

use super::shard::Shard;
use super::store::SESSIONS_SHARD;
use super::stream::{BatchEntry, Partition, Stream};
use super::{Answer, Caller, Capture, Captures, Store};
use crate::relay::message_of;
use std::collections::BTreeMap;
use stele_model::{
    Conditions, ConnectionId, Filter, Now, Offset, Outcome, PartitionIndex, RecordOrigin, Relayed,
    is_literal_subject,
};

/// Records of one answer.
const COUNT_MAX: usize = 512;
/// Bytes of one answer, but for its last record.
const BYTES_MAX: usize = 256 << 10;

/// Who passes records on, and where it goes on.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    waiting: Option<Caller>,
    /// The partition at which the last answer was full: the others come first.
    last: Place,
}

/// A partition: shard, stream, index.
type Place = (u16, u64, PartitionIndex);

impl Relay {
    /// Its connection is gone.
    pub(crate) fn detach(&mut self, link: ConnectionId) {
        if self.waiting.as_ref().is_some_and(|waiting| waiting.link.id == link) {
            self.waiting = None;
        }
    }
}

/// What an answer holds so far.
#[derive(Default)]
struct Collected {
    records: Vec<Relayed>,
    bytes: usize,
}

impl Collected {
    fn is_full(&self) -> bool {
        self.records.len() >= COUNT_MAX || self.bytes >= BYTES_MAX
    }

    fn push(&mut self, relayed: Relayed) {
        let record = &relayed.record;
        self.bytes += record.headers_raw.len() + record.value.as_ref().map_or(0, bytes::Bytes::len);
        self.records.push(relayed);
    }
}

impl Store {
    /// Answers through the link, so that one answer is published before the next is collected.
    pub(crate) fn relay(&self, caller: &Caller) -> Answer {
        self.relay_waiting().waiting = Some(caller.clone());
        let wanted = (0..self.shards()).any(|number| {
            let captures = self.captures();
            self.enter(number, |shard| shard.has_wanted(captures))
        });
        if wanted {
            self.tell_relay();
        }
        Answer::Waiting
    }

    /// Somebody wants a durable record: whoever passes them on gets some.
    pub(crate) fn tell_relay(&self) {
        let (caller, last) = {
            let mut relay = self.relay_waiting();
            let Some(caller) = relay.waiting.take() else { return };
            (caller, relay.last)
        };
        let mut collected = Collected::default();
        let mut stopped = None;
        // The shard of the partition at which the last answer ended comes first and last: it has others, too.
        let shards = self.shards();
        for step in 0..=shards {
            let number = (last.0 + step) % shards;
            let from = (step == 0).then_some((last.1, last.2));
            stopped = stopped.or(self.enter(number, |shard| {
                shard.collect(from, self.captures(), &mut collected).map(|(stream, at)| (number, stream, at))
            }));
            if stopped.is_some() {
                break;
            }
        }
        self.relay_waiting().last = stopped.unwrap_or(last);
        caller.link.complete(caller.ticket, Outcome::Relayed(collected.records));
    }

    /// What was stored before the last stop and did not reach the stored sessions any more. Live receivers begin with
    /// what comes from now on.
    pub(crate) fn relay_missed(&self, now: Now) {
        let filters = self.enter(SESSIONS_SHARD, |shard| shard.sessions.state.wanted());
        for number in 0..self.shards() {
            let places = self.enter(number, |shard| shard.context.unrelayed.clone());
            for (key, first) in places.into_iter().filter(|_| !filters.is_empty()) {
                self.relay_missed_of(now, number, key, first, &filters);
            }
            self.enter(number, |shard| shard.context.unrelayed.clear());
        }
    }

    fn relay_missed_of(
        &self,
        now: Now,
        number: u16,
        key: (u64, PartitionIndex),
        first: Offset,
        filters: &[Filter],
    ) {
        let log = self.enter(number, |shard| Some(shard.streams.get(&key.0)?.partition(key.1).ok()?.log));
        let Some(log) = log else { return };
        let mut from = self.enter(SESSIONS_SHARD, |shard| {
            shard.sessions.state.relayed.get(&(number, log)).map_or(first, |relayed| first.max(*relayed))
        });
        loop {
            let mut collected = Collected::default();
            let wants = |subject: &[u8]| filters.iter().any(|filter| filter.matches(subject));
            from = self.enter(number, |shard| shard.collect_from(key, from, &wants, &mut collected));
            if collected.records.is_empty() {
                return;
            }
            self.enqueue_missed(now, &collected.records);
        }
    }

    fn enqueue_missed(&self, now: Now, records: &[Relayed]) {
        let headers: Vec<Vec<u8>> =
            records.iter().map(|relayed| crate::relay::headers_of(&relayed.record)).collect();
        let conditions: Vec<Conditions<'_>> = records
            .iter()
            .map(|relayed| Conditions { origin: Some(relayed.origin), ..Conditions::default() })
            .collect();
        let messages: Vec<Capture<'_>> = records
            .iter()
            .zip(headers.iter().zip(&conditions))
            .map(|(relayed, (headers, conditions))| Capture {
                message: message_of(&relayed.record, headers),
                conditions: Some(conditions),
            })
            .collect();
        let mut results = Vec::with_capacity(messages.len());
        self.enqueue(now, &messages, &mut results);
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            tracing::error!(%error, "a produced record does not reach the stored sessions");
        }
    }
}

impl Shard {
    /// Passes over what nobody wants. Is there a durable record that somebody does?
    pub(crate) fn has_wanted(&mut self, captures: &dyn Captures) -> bool {
        if self.context.unrelayed.is_empty() {
            return false;
        }
        let mut found = false;
        let keys: Vec<_> = self.context.unrelayed.iter().map(|(key, from)| (*key, *from)).collect();
        for (key, from) in keys {
            let wants = |subject: &[u8]| captures.wants(subject);
            let next = self.streams.get(&key.0).and_then(|stream| {
                let partition = stream.partition(key.1).ok()?;
                let next = each_wanted(partition, from, &wants, &mut |_, _| {
                    found = true;
                    false
                });
                Some((next, partition.table.end()))
            });
            self.relayed_to(key, next);
        }
        found
    }

    /// Collects from the partitions behind `after`. The partition at which it was full.
    fn collect(
        &mut self,
        after: Option<(u64, PartitionIndex)>,
        captures: &dyn Captures,
        collected: &mut Collected,
    ) -> Option<(u64, PartitionIndex)> {
        let unrelayed = self.context.unrelayed.iter().map(|(key, from)| (*key, *from));
        let keys: Vec<_> = unrelayed.filter(|(key, _)| after.is_none_or(|after| *key > after)).collect();
        for (key, from) in keys {
            let wants = |subject: &[u8]| captures.wants(subject);
            let next = self.collect_from(key, from, &wants, collected);
            let end =
                self.streams.get(&key.0).and_then(|stream| Some(stream.partition(key.1).ok()?.table.end()));
            self.relayed_to(key, end.map(|end| (next, end)));
            if collected.is_full() {
                return Some(key);
            }
        }
        None
    }

    /// Collects from one partition. Where it goes on.
    fn collect_from(
        &mut self,
        key: (u64, PartitionIndex),
        from: Offset,
        wants: &dyn Fn(&[u8]) -> bool,
        collected: &mut Collected,
    ) -> Offset {
        let Self { streams, context, .. } = self;
        let Some(stream) = streams.get(&key.0) else { return from };
        let Ok(partition) = stream.partition(key.1) else { return from };
        let position =
            |entry: &BatchEntry| if stream.is_volatile() { RecordOrigin::IN_MEMORY } else { entry.position };
        let shard = context.shard;
        each_wanted(partition, from, wants, &mut |offset, entry| {
            if collected.is_full() {
                return false;
            }
            match partition.record(context, offset) {
                Ok(record) => {
                    let origin =
                        RecordOrigin { shard, log: partition.log, offset, position: position(entry) };
                    collected.push(Relayed { record, origin });
                }
                Err(error) => tracing::error!(%error, offset, "a produced record cannot be passed on"),
            }
            true
        })
    }

    /// Everything before `next` is done; `end` is where the partition ends. Nothing: the stream is gone.
    fn relayed_to(&mut self, key: (u64, PartitionIndex), next_and_end: Option<(Offset, Offset)>) {
        match next_and_end {
            Some((next, end)) if next < end => {
                self.context.unrelayed.insert(key, next);
            }
            _ => {
                self.context.unrelayed.remove(&key);
            }
        }
    }
}

impl Stream {
    /// Are its produced records shown to others? What Kafka's own programs keep for themselves is not.
    pub(crate) fn is_relayed(&self) -> bool {
        let name = self.spec.name.as_str();
        !(name.starts_with('_') || name.ends_with("-changelog") || name.ends_with("-repartition"))
    }
}

/// Calls `take` with every produced record from an offset on that is there, durable and wanted, until it says no. The
/// offset of the record to which it said no; else the end of what is durable.
fn each_wanted(
    partition: &Partition,
    from: Offset,
    wants: &dyn Fn(&[u8]) -> bool,
    take: &mut dyn FnMut(Offset, &BatchEntry) -> bool,
) -> Offset {
    let visible = partition.visible();
    let wants = |subject: &[u8]| is_literal_subject(subject) && wants(subject);
    let single = partition.subjects.is_none();
    if from >= visible || single && !wants(&partition.subject) {
        return visible.max(from);
    }
    for entry in partition.batches.from(from).take_while(|entry| entry.base < visible) {
        if !entry.produced {
            continue;
        }
        let mut at = from.max(entry.base);
        while let Some(offset) = partition.table.next_live(at).filter(|offset| *offset < entry.end()) {
            if (single || wants(partition.subject_of(offset))) && !take(offset, entry) {
                return offset;
            }
            at = offset + 1;
        }
    }
    visible
}

/// Partitions with records that were not passed on, by stream and index, and from which offset on.
pub(crate) type Unrelayed = BTreeMap<(u64, PartitionIndex), Offset>;
