//! Which records a subject has: first, last, next, how many; and which subjects a filter matches.
//!
//! Invariant: an entry has at least one record; its number is free again when the last one goes.

mod image;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use stele_model::{Filter, Offset};

/// The subjects of a partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subjects {
    /// By bytes, for the hot path. Peers choose subjects, so the hash is seeded; it is never iterated.
    numbers: HashMap<Arc<[u8]>, u32>,
    /// By order, for filters.
    order: BTreeMap<Arc<[u8]>, u32>,
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    name: Arc<[u8]>,
    posting: Posting,
}

/// The offsets of a subject's records, rising.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Posting {
    /// Most subjects of a bucket have one.
    One(Offset),
    /// Two or more, or fewer again.
    Many(VecDeque<Offset>),
}

impl Posting {
    /// How many.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(offsets) => offsets.len(),
        }
    }

    /// The oldest.
    pub(crate) fn first(&self) -> Option<Offset> {
        match self {
            Self::One(offset) => Some(*offset),
            Self::Many(offsets) => offsets.front().copied(),
        }
    }

    /// The oldest `count`.
    pub(crate) fn oldest(&self, count: usize) -> Vec<Offset> {
        match self {
            Self::One(offset) => (count > 0).then_some(*offset).into_iter().collect(),
            Self::Many(offsets) => offsets.iter().take(count).copied().collect(),
        }
    }

    /// The newest below `before`.
    pub(crate) fn last_below(&self, before: Offset) -> Option<Offset> {
        match self {
            Self::One(offset) => (*offset < before).then_some(*offset),
            Self::Many(offsets) => {
                let at = offsets.partition_point(|offset| *offset < before);
                at.checked_sub(1).map(|at| offsets[at])
            }
        }
    }

    /// The first at or after `from`.
    pub(crate) fn next(&self, from: Offset) -> Option<Offset> {
        match self {
            Self::One(offset) => (*offset >= from).then_some(*offset),
            Self::Many(offsets) => offsets.get(offsets.partition_point(|offset| *offset < from)).copied(),
        }
    }

    /// How many in `from..to`.
    pub(crate) fn count(&self, from: Offset, to: Offset) -> u64 {
        match self {
            Self::One(offset) => u64::from(*offset >= from && *offset < to),
            Self::Many(offsets) => {
                let below = |bound: Offset| offsets.partition_point(|offset| *offset < bound);
                (below(to.max(from)) - below(from)) as u64
            }
        }
    }

    /// Those in `from..to`, rising.
    pub(crate) fn offsets(&self, from: Offset, to: Offset) -> Vec<Offset> {
        match self {
            Self::One(offset) => (*offset >= from && *offset < to).then_some(*offset).into_iter().collect(),
            Self::Many(offsets) => {
                let at = offsets.partition_point(|offset| *offset < from);
                offsets.range(at..).copied().take_while(|offset| *offset < to).collect()
            }
        }
    }

    fn push(&mut self, offset: Offset) {
        match self {
            Self::One(first) => *self = Self::Many(VecDeque::from([*first, offset])),
            Self::Many(offsets) => offsets.push_back(offset),
        }
    }

    /// Says whether nothing is left.
    fn remove(&mut self, offset: Offset) -> bool {
        match self {
            Self::One(only) => *only == offset,
            Self::Many(offsets) => {
                if let Ok(at) = offsets.binary_search(&offset) {
                    offsets.remove(at);
                }
                if offsets.len() == 1 {
                    *self = Self::One(offsets[0]);
                    return false;
                }
                offsets.is_empty()
            }
        }
    }
}

impl Subjects {
    /// Notes a record, newer than all before; the number of its subject.
    pub(crate) fn add(&mut self, subject: &[u8], offset: Offset) -> u32 {
        if let Some(number) = self.numbers.get(subject) {
            let entry = self.entries[*number as usize].as_mut().expect("numbered entries exist");
            entry.posting.push(offset);
            return *number;
        }
        let name: Arc<[u8]> = subject.into();
        let entry = Some(Entry { name: name.clone(), posting: Posting::One(offset) });
        let number = match self.free.pop() {
            Some(number) => {
                self.entries[number as usize] = entry;
                number
            }
            None => {
                self.entries.push(entry);
                u32::try_from(self.entries.len() - 1).expect("memory ends before 2^32 subjects")
            }
        };
        self.numbers.insert(name.clone(), number);
        self.order.insert(name, number);
        number
    }

    /// Forgets a record.
    pub(crate) fn remove(&mut self, number: u32, offset: Offset) {
        let slot = &mut self.entries[number as usize];
        let Some(entry) = slot else { return };
        if entry.posting.remove(offset) {
            let name = entry.name.clone();
            *slot = None;
            self.numbers.remove(&name);
            self.order.remove(&name);
            self.free.push(number);
        }
    }

    /// The bytes of a numbered subject; empty for a free number.
    pub(crate) fn name(&self, number: u32) -> &[u8] {
        self.entries.get(number as usize).and_then(Option::as_ref).map_or(&[], |entry| &entry.name)
    }

    /// The records of a subject.
    pub(crate) fn get(&self, subject: &[u8]) -> Option<&Posting> {
        let number = self.numbers.get(subject)?;
        self.entries[*number as usize].as_ref().map(|entry| &entry.posting)
    }

    /// How many subjects.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The subjects that a filter matches, in byte order, those after `after` only.
    pub(crate) fn matching<'s>(
        &'s self,
        filter: &'s Filter,
        after: Option<&[u8]>,
    ) -> impl Iterator<Item = (&'s [u8], &'s Posting)> {
        let prefix = literal_prefix(filter.as_bytes());
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.order
            .range::<[u8], _>((from, Bound::Unbounded))
            .take_while(move |(name, _)| name.starts_with(prefix))
            .filter(move |(name, _)| filter.matches(name))
            .filter_map(|(name, number)| {
                let entry = self.entries[*number as usize].as_ref()?;
                Some((&**name, &entry.posting))
            })
    }
}

impl PartialEq for Subjects {
    /// Equal subjects with equal records; numbers may differ.
    fn eq(&self, other: &Self) -> bool {
        self.order.len() == other.order.len()
            && self.order.keys().all(|name| {
                let mine = self.get(name).map(|posting| posting.offsets(0, u64::MAX));
                mine == other.get(name).map(|posting| posting.offsets(0, u64::MAX))
            })
    }
}

/// The bytes with which every matching subject begins.
fn literal_prefix(filter: &[u8]) -> &[u8] {
    let mut end = 0;
    for token in stele_model::tokens(filter) {
        if token == b"*" || token == b">" {
            return &filter[..end];
        }
        end += token.len() + 1;
    }
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Filter {
        Filter::new(text.as_bytes()).expect("a good filter")
    }

    #[test]
    fn finds_by_subject_and_filter() {
        let mut subjects = Subjects::default();
        let a = subjects.add(b"a.x", 0);
        subjects.add(b"a.y", 1);
        assert_eq!(subjects.add(b"a.x", 2), a);
        subjects.add(b"b", 3);
        let names = |pattern: &str, after: Option<&[u8]>| {
            subjects.matching(&filter(pattern), after).map(|(name, _)| name.to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(names("a.*", None), [b"a.x", b"a.y"]);
        assert_eq!(names(">", Some(b"a.x")), [&b"a.y"[..], b"b"]);
        assert_eq!(names("b", None), [b"b"]);
        assert_eq!(names("a", None), Vec::<Vec<u8>>::new());
        let posting = subjects.get(b"a.x").expect("it has records");
        assert_eq!(
            (posting.first(), posting.last_below(9), posting.last_below(2)),
            (Some(0), Some(2), Some(0))
        );
        assert_eq!((posting.next(1), posting.next(3), posting.count(1, 9)), (Some(2), None, 1));
    }

    #[test]
    fn forgets_empty_subjects_and_reuses_numbers() {
        let mut subjects = Subjects::default();
        let a = subjects.add(b"a", 0);
        subjects.add(b"a", 1);
        subjects.remove(a, 0);
        assert_eq!(subjects.get(b"a").map(Posting::len), Some(1));
        subjects.remove(a, 1);
        assert!(subjects.get(b"a").is_none());
        assert_eq!((subjects.len(), subjects.name(a)), (0, &b""[..]));
        assert_eq!(subjects.add(b"b", 2), a);
    }
}
