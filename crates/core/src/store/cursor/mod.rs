//! Cursors: durable positions with pending acknowledgements (JetStream consumers).
//!
//! ```text
//!  new record ─ deliver ─→ pending ─ ack, term ─→ settled (work queue, interest: the record goes)
//!                             │  ↑
//!             wait over, nak  ↓  │ deliver again
//!                            again
//! ```
//!
//! What a cursor delivered and what was acknowledged is written with the next frame of its stream, or after
//! [`crate::store::Settings::lazy_ns`]; a crash before that means redelivery (semantics 18). Waiting pulls, deadlines
//! and the queue of records to deliver again live in memory only.

mod ack;
mod count;
mod delivery;
mod image;
mod machine;
mod pending;
mod pulls;
mod put;
mod wake;

pub(crate) use machine::Cursor;

use super::context::Context;
use super::frames::CursorMoved;
use super::stream::Partition;
use crate::journal::JournalFrame;
use std::collections::{BTreeMap, BTreeSet};
use stele_model::{CursorName, Offset, PartitionIndex};

/// The cursors of a stream.
#[derive(Default)]
pub(crate) struct Cursors {
    by_number: BTreeMap<u64, Cursor>,
    names: BTreeMap<(PartitionIndex, CursorName), u64>,
    /// Numbers are never reused.
    next: u64,
    dirty: BTreeSet<u64>,
}

impl Cursors {
    /// How many a partition has.
    pub(crate) fn count(&self, partition: PartitionIndex) -> u64 {
        self.of(partition).count() as u64
    }

    /// Those of a partition, by name.
    pub(crate) fn of(&self, partition: PartitionIndex) -> impl Iterator<Item = &Cursor> {
        let names = self.names.range((partition, CursorName::new(""))..);
        let names = names.take_while(move |((of, _), _)| *of == partition);
        names.filter_map(|(_, number)| self.by_number.get(number))
    }

    /// The number of a named one.
    pub(crate) fn find(&self, partition: PartitionIndex, name: &CursorName) -> Option<u64> {
        self.names.get(&(partition, name.clone())).copied()
    }

    /// One by number.
    pub(crate) fn get(&self, number: u64) -> Option<&Cursor> {
        self.by_number.get(&number)
    }

    /// One by number, to change.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Cursor> {
        self.by_number.get_mut(&number)
    }

    /// All, to change, by number.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Cursor> {
        self.by_number.values_mut()
    }

    /// Numbers of those of a partition for which somebody waits.
    pub(crate) fn waiting(&self, partition: PartitionIndex) -> Vec<u64> {
        self.of(partition).filter(|cursor| !cursor.pulls.is_empty()).map(|cursor| cursor.number).collect()
    }

    /// A new one, or a changed one.
    pub(crate) fn insert(&mut self, cursor: Cursor) {
        self.next = self.next.max(cursor.number + 1);
        self.names.insert((cursor.partition, cursor.spec.name.clone()), cursor.number);
        self.by_number.insert(cursor.number, cursor);
    }

    /// The number of the next one; 0 is the stream's own timer.
    pub(crate) fn next_number(&self) -> u64 {
        self.next.max(1)
    }

    /// Forgets one.
    pub(crate) fn forget(&mut self, number: u64) -> Option<Cursor> {
        let cursor = self.by_number.remove(&number)?;
        self.names.remove(&(cursor.partition, cursor.spec.name.clone()));
        self.dirty.remove(&number);
        Some(cursor)
    }

    /// Its state must be written.
    pub(crate) fn soil(&mut self, number: u64) {
        self.dirty.insert(number);
    }

    /// Must something be written?
    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Frames for what changed.
    pub(crate) fn frames(&self, context: &Context, stream: u64) -> Vec<JournalFrame> {
        let dirty = self.dirty.iter().filter_map(|number| self.by_number.get(number));
        dirty
            .filter(|cursor| cursor.is_written())
            .map(|cursor| context.delta(&cursor.moved(stream)))
            .collect()
    }

    /// It was written.
    pub(crate) fn clean(&mut self) {
        for number in std::mem::take(&mut self.dirty) {
            if let Some(cursor) = self.by_number.get_mut(&number) {
                cursor.touched.clear();
            }
        }
    }

    /// A record goes: no cursor waits for it any more.
    pub(crate) fn removed(&mut self, of: PartitionIndex, partition: &Partition, offset: Offset) {
        for cursor in self.by_number.values_mut().filter(|cursor| cursor.partition == of) {
            cursor.removed(partition, offset);
        }
    }

    /// Does some cursor want this subject?
    pub(crate) fn interest(&self, partition: PartitionIndex, subject: &[u8]) -> bool {
        self.by_number.values().any(|cursor| cursor.partition == partition && cursor.matches(subject))
    }

    /// Does some cursor still need this record?
    pub(crate) fn need(&self, partition: PartitionIndex, subject: &[u8], offset: Offset) -> bool {
        let own = self.by_number.values().filter(|cursor| cursor.partition == partition);
        own.into_iter().any(|cursor| cursor.matches(subject) && cursor.needs(offset))
    }

    /// A frame says what was delivered and acknowledged.
    pub(crate) fn apply_moved(&mut self, moved: &CursorMoved) {
        if let Some(cursor) = self.by_number.get_mut(&moved.cursor) {
            cursor.apply_moved(moved);
        }
    }
}
