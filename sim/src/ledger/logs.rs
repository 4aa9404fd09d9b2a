//! Logs: which message stands at which offset.

use super::{Check, Ledger, MessageId, Storing};
use std::collections::{BTreeMap, BTreeSet};

/// A stream or topic, and the partition.
pub(crate) type LogName = (String, u32);

/// One log as far as it is known: from acknowledgements and from readers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// Old values go when new ones come.
    pub(crate) keeps_last_only: bool,
    /// Publishes carry the sequence that they expect to be their subject's last.
    pub(crate) compares: bool,
    known: BTreeMap<u64, MessageId>,
    /// Acknowledged without an offset.
    acked_somewhere: BTreeSet<MessageId>,
    /// For compared publishes: subject and expected sequence.
    expected: BTreeMap<MessageId, (String, u64)>,
}

impl Log {
    /// The offset after the last one that anybody knows of: a reader must be shown at least so much.
    pub(crate) fn end(&self) -> u64 {
        self.known.last_key_value().map_or(0, |(offset, _)| offset + 1)
    }

    /// Was something acknowledged without an offset?
    pub(crate) fn has_unplaced(&self) -> bool {
        !self.acked_somewhere.is_empty()
    }

    /// How many messages are known.
    pub(crate) fn count(&self) -> u64 {
        self.known.len() as u64
    }

    /// Offsets of all that is known.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = u64> + '_ {
        self.known.keys().copied()
    }
}

impl Ledger {
    /// A log that is written to.
    pub(crate) fn log(&mut self, name: &str, partition: u32) -> &mut Log {
        self.logs.entry((name.to_owned(), partition)).or_default()
    }

    /// The broker said that this message stands at this offset.
    pub(crate) fn acked_at(&mut self, name: &str, partition: u32, offset: u64, id: &MessageId) {
        self.acked += 1;
        self.know(name, partition, offset, id);
    }

    /// The broker said that this message is stored in the log.
    pub(crate) fn acked_in(&mut self, name: &str, id: &MessageId) {
        self.log(name, 0).acked_somewhere.insert(id.clone());
    }

    /// A reader was given this payload at this offset.
    pub(crate) fn read(
        &mut self,
        name: &str,
        partition: u32,
        offset: u64,
        payload: &[u8],
    ) -> Option<MessageId> {
        let id = self.identify(payload, &format!("{name}/{partition} at {offset}"))?;
        self.know(name, partition, offset, &id);
        Some(id)
    }

    /// A compared publish is sent.
    pub(crate) fn compares(&mut self, name: &str, id: &MessageId, subject: &str, expected: u64) {
        self.log(name, 0).expected.insert(id.clone(), (subject.to_owned(), expected));
    }

    /// A reader that asked when the log ended at `end` at least was told that it ends at `shown`.
    pub(crate) fn shown_to(&mut self, name: &LogName, end: u64, shown: u64) {
        self.expect(shown >= end, Check::AckedRecovered, || {
            format!("{}/{} ends at {shown}, and {end} records were there", name.0, name.1)
        });
    }

    /// A reader at `position` was given `offset` next.
    pub(crate) fn follows(&mut self, name: &LogName, position: u64, offset: u64) {
        let skips = self.logs.get(name).is_some_and(|log| log.keeps_last_only);
        self.expect(offset == position || (skips && offset > position), Check::OffsetsRise, || {
            format!("{}/{}: a reader at {position} was given {offset}", name.0, name.1)
        });
    }

    fn know(&mut self, name: &str, partition: u32, offset: u64, id: &MessageId) {
        let log = self.log(name, partition);
        let before = log.known.insert(offset, id.clone());
        if let Some(before) = before.filter(|before| before != id) {
            let text = format!("{name}/{partition} at {offset} holds {id}, and held {before}");
            self.broken(Check::AckedRecovered, text);
        }
    }

    pub(super) fn judge_log(&mut self, name: &LogName, log: &Log) {
        let place = |offset: u64| format!("{}/{} at {offset}", name.0, name.1);
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        let mut seen: BTreeMap<&MessageId, u64> = BTreeMap::new();
        for (offset, id) in &log.known {
            if let Some(first) = seen.insert(id, *offset) {
                seen.insert(id, first);
                let once = self.publishers.get(&id.publisher) != Some(&Storing::AtLeastOnce);
                self.expect(!once, Check::NoDuplicates, || {
                    format!("{id} stands at {first} and again in {}", place(*offset))
                });
                continue;
            }
            if self.refused.contains(id) || self.was_sent_before_capture(name, id) {
                continue;
            }
            if let Some(before) = last.insert(&id.publisher, id.number).filter(|before| *before > id.number) {
                let text = format!("{id} stands after number {before} in {}", place(*offset));
                self.broken(Check::PublisherOrder, text);
            }
        }
        if let Some(lost) = log.acked_somewhere.iter().find(|id| !seen.contains_key(id)) {
            self.broken(Check::AckedRecovered, format!("{lost} was acknowledged and is not in {}", name.0));
        }
        if log.compares {
            self.judge_compared(name, log);
        }
    }

    /// Each compared publish stands right behind the sequence that it expected.
    fn judge_compared(&mut self, name: &LogName, log: &Log) {
        let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
        for (offset, id) in &log.known {
            let Some((subject, expected)) = log.expected.get(id) else { continue };
            let found = newest.insert(subject, offset + 1).unwrap_or(0);
            self.expect(found == *expected, Check::CompareAndSet, || {
                format!("{id} in {} expected {expected} as the last of {subject}, which was {found}", name.0)
            });
        }
    }
}
