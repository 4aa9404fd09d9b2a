//! Delivered, not acknowledged: which records, since when, and which to deliver again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stele_model::Offset;

/// A record that waits for its acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The number of its first delivery.
    pub delivery: u64,
    /// How often it was delivered.
    pub count: u64,
    /// When last (wall ns).
    pub time_ns: u64,
    /// When it is delivered again (monotonic ns); nothing while it is queued for that.
    pub due: Option<u64>,
}

/// The pending records of a cursor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    held: BTreeMap<Offset, Held>,
    by_due: BTreeSet<(u64, Offset)>,
    again: VecDeque<Offset>,
}

impl Pending {
    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// One of them.
    pub(crate) fn get(&self, offset: Offset) -> Option<&Held> {
        self.held.get(&offset)
    }

    /// The lowest.
    pub(crate) fn first(&self) -> Option<(Offset, Held)> {
        self.held.first_key_value().map(|(offset, held)| (*offset, *held))
    }

    /// All, by offset.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Offset, &Held)> {
        self.held.iter().map(|(offset, held)| (*offset, held))
    }

    /// Offsets at or below this one.
    pub(crate) fn up_to(&self, offset: Offset) -> Vec<Offset> {
        self.held.range(..=offset).map(|(offset, _)| *offset).collect()
    }

    /// A record is pending so from now on.
    pub(crate) fn set(&mut self, offset: Offset, held: Held) {
        self.remove(offset);
        if let Some(due) = held.due {
            self.by_due.insert((due, offset));
        }
        self.held.insert(offset, held);
    }

    /// It is not pending any more.
    pub(crate) fn remove(&mut self, offset: Offset) -> Option<Held> {
        let held = self.held.remove(&offset)?;
        match held.due {
            Some(due) => {
                self.by_due.remove(&(due, offset));
            }
            None => self.again.retain(|queued| *queued != offset),
        }
        Some(held)
    }

    /// Deliver it again at this time (monotonic ns); at once: `None`. False where it is not pending.
    pub(crate) fn again(&mut self, offset: Offset, due: Option<u64>) -> bool {
        let Some(held) = self.held.get(&offset).copied() else { return false };
        if held.due.is_none() && due.is_none() {
            return true;
        }
        self.set(offset, Held { due, ..held });
        if due.is_none() {
            self.again.push_back(offset);
        }
        true
    }

    /// Queues what is due; true where something is.
    pub(crate) fn wake(&mut self, monotonic_ns: u64) -> bool {
        let mut woken = false;
        while let Some((due, offset)) = self.by_due.first().copied() {
            if due > monotonic_ns {
                break;
            }
            woken = self.again(offset, None);
        }
        woken
    }

    /// The next one to deliver again.
    pub(crate) fn next_again(&self) -> Option<Offset> {
        self.again.front().copied()
    }

    /// When the next one is due (monotonic ns).
    pub(crate) fn due(&self) -> Option<u64> {
        self.by_due.first().map(|entry| entry.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_what_is_due_once() {
        let mut pending = Pending::default();
        let held = |due| Held { delivery: 1, count: 1, time_ns: 0, due: Some(due) };
        pending.set(3, held(20));
        pending.set(5, held(10));
        assert_eq!((pending.due(), pending.wake(5), pending.wake(10)), (Some(10), false, true));
        assert_eq!((pending.next_again(), pending.due(), pending.len()), (Some(5), Some(20), 2));
        assert!(pending.again(5, None) && pending.again.len() == 1);
        assert!(pending.again(5, Some(40)));
        assert_eq!((pending.next_again(), pending.again.len()), (None, 0));
        assert!(!pending.again(9, None));
        assert_eq!(pending.remove(5).map(|held| held.due), Some(Some(40)));
        assert_eq!((pending.first().map(|(offset, _)| offset), pending.up_to(9)), (Some(3), vec![3]));
    }
}
