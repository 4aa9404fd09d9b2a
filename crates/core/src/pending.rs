//! What a connection waits for: answers in turn, and answers that may overtake.

use crate::journal::Lsn;
use std::collections::VecDeque;
use stele_model::{Outcome, Ticket};

/// A connection with more outstanding answers than this is not read from.
const OUTSTANDING_MAX: usize = 1 << 16;

/// A ring with more places than this is not kept for the next connection.
const RING_KEPT_MAX: usize = 8192;

/// Tickets of one connection.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    tickets: u64,
    /// `None`: nothing is outstanding, as on an idle connection.
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In turn: the front leaves first.
    ring: VecDeque<(Ticket, Slot)>,
    /// In any order.
    free: Vec<(Ticket, Lsn, Outcome)>,
}

/// The memory for what waits, kept by a worker while no connection needs it.
#[derive(Debug, Default)]
pub(crate) struct Ring(Option<Box<Waiting>>);

#[derive(Debug)]
enum Slot {
    /// The answer will come through the link.
    Waiting,
    /// Told when the journal is durable up to here.
    Ready(Lsn, Outcome),
}

impl Pending {
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    pub(crate) fn push_ready(&mut self, ticket: Ticket, lsn: Lsn, outcome: Outcome) {
        self.waiting().ring.push_back((ticket, Slot::Ready(lsn, outcome)));
    }

    pub(crate) fn push_waiting(&mut self, ticket: Ticket) {
        self.waiting().ring.push_back((ticket, Slot::Waiting));
    }

    pub(crate) fn push_free(&mut self, ticket: Ticket, lsn: Lsn, outcome: Outcome) {
        self.waiting().free.push((ticket, lsn, outcome));
    }

    /// An answer came through the link. Gives it back when it need not wait for its turn.
    pub(crate) fn arrived(&mut self, ticket: Ticket, outcome: Outcome) -> Option<Outcome> {
        let slot = self.waiting.as_mut().and_then(|waiting| {
            let awaits = |slot: &&mut (Ticket, Slot)| slot.0 == ticket && matches!(slot.1, Slot::Waiting);
            waiting.ring.iter_mut().find(awaits)
        });
        match slot {
            Some((_, slot)) => {
                *slot = Slot::Ready(Lsn(0), outcome);
                None
            }
            None => Some(outcome),
        }
    }

    /// Withdraws a request: nothing is told for it any more.
    pub(crate) fn cancel(&mut self, ticket: Ticket) {
        if let Some(waiting) = &mut self.waiting {
            waiting.ring.retain(|(other, _)| *other != ticket);
            waiting.free.retain(|(other, ..)| *other != ticket);
        }
    }

    /// The next answer that may be told now.
    pub(crate) fn pop(&mut self, durable: Lsn) -> Option<(Ticket, Outcome)> {
        let Waiting { ring, free } = &mut **self.waiting.as_mut()?;
        if let Some(index) = free.iter().position(|(_, lsn, _)| *lsn <= durable) {
            let (ticket, _, outcome) = free.remove(index);
            return Some((ticket, outcome));
        }
        match ring.front()? {
            (_, Slot::Ready(lsn, _)) if *lsn <= durable => {}
            _ => return None,
        }
        let Some((ticket, Slot::Ready(_, outcome))) = ring.pop_front() else { return None };
        Some((ticket, outcome))
    }

    /// Takes the worker's memory for the time of a turn, where it has none of its own.
    pub(crate) fn borrow_ring(&mut self, ring: &mut Ring) {
        if self.waiting.is_none() {
            self.waiting = ring.0.take();
        }
    }

    /// Gives memory to the worker, where nothing is outstanding: an idle connection keeps none.
    pub(crate) fn return_ring(&mut self, ring: &mut Ring) {
        if !self.is_empty() {
            return;
        }
        let Some(returned) = self.waiting.take() else { return };
        let kept = ring.0.as_ref().map_or(0, |kept| kept.ring.capacity());
        if (kept..=RING_KEPT_MAX).contains(&returned.ring.capacity()) {
            ring.0 = Some(returned);
        }
    }

    /// Waits for the journal to become durable?
    pub(crate) fn waits_for_journal(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| {
            !waiting.free.is_empty() || matches!(waiting.ring.front(), Some((_, Slot::Ready(..))))
        })
    }

    /// Does some answer have to come in turn?
    pub(crate) fn has_in_turn(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| !waiting.ring.is_empty())
    }

    /// Is anything outstanding?
    pub(crate) fn is_empty(&self) -> bool {
        self.outstanding() == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.outstanding() >= OUTSTANDING_MAX
    }

    /// The log failed: what was not durable fails with it.
    pub(crate) fn fail_undurable(&mut self, durable: Lsn, failure: &stele_model::Error) {
        let Some(waiting) = &mut self.waiting else { return };
        for (_, slot) in &mut waiting.ring {
            if matches!(slot, Slot::Ready(lsn, _) if *lsn > durable) {
                *slot = Slot::Ready(Lsn(0), Outcome::Failed(failure.clone()));
            }
        }
        for (_, lsn, outcome) in &mut waiting.free {
            if *lsn > durable {
                *lsn = Lsn(0);
                *outcome = Outcome::Failed(failure.clone());
            }
        }
    }

    fn waiting(&mut self) -> &mut Waiting {
        self.waiting.get_or_insert_default()
    }

    fn outstanding(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.ring.len() + waiting.free.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stele_model::AppendReply;

    fn appended(first: u64) -> Outcome {
        Outcome::Appended(AppendReply { first, ..AppendReply::default() })
    }

    fn popped(pending: &mut Pending, durable: u64) -> Vec<u64> {
        std::iter::from_fn(|| pending.pop(Lsn(durable))).map(|(ticket, _)| ticket.0).collect()
    }

    #[test]
    fn answers_leave_in_turn_and_only_when_durable() {
        let mut pending = Pending::default();
        let tickets: Vec<Ticket> = (0..4).map(|_| pending.ticket()).collect();
        pending.push_ready(tickets[0], Lsn(10), appended(0));
        pending.push_waiting(tickets[1]);
        pending.push_ready(tickets[2], Lsn(5), appended(1));
        pending.push_free(tickets[3], Lsn(20), appended(2));
        assert_eq!(popped(&mut pending, 9), [0; 0]);
        assert_eq!(popped(&mut pending, 10), [1]);
        assert!(pending.arrived(tickets[1], appended(3)).is_none());
        assert_eq!(popped(&mut pending, 10), [2, 3]);
        assert_eq!(popped(&mut pending, 20), [4]);
        assert!(pending.is_empty());
    }

    #[test]
    fn memory_is_lent_while_something_waits() {
        let (mut ring, mut first, mut second) = (Ring::default(), Pending::default(), Pending::default());
        for pending in [&mut first, &mut second] {
            pending.borrow_ring(&mut ring);
            pending.push_ready(Ticket(1), Lsn(1), appended(0));
            pending.return_ring(&mut ring);
        }
        assert!(ring.0.is_none(), "both wait");
        assert_eq!((popped(&mut first, 1), popped(&mut second, 1)), (vec![1], vec![1]));
        first.return_ring(&mut ring);
        second.return_ring(&mut ring);
        assert!(ring.0.is_some() && first.waiting.is_none() && second.waiting.is_none());
    }

    #[test]
    fn a_failed_log_fails_what_was_not_durable() {
        let mut pending = Pending::default();
        let (first, second) = (pending.ticket(), pending.ticket());
        pending.push_ready(first, Lsn(1), appended(0));
        pending.push_ready(second, Lsn(2), appended(1));
        pending.fail_undurable(Lsn(1), &stele_model::Error::Storage);
        assert!(matches!(pending.pop(Lsn(1)), Some((_, Outcome::Appended(_)))));
        assert!(matches!(pending.pop(Lsn(1)), Some((_, Outcome::Failed(stele_model::Error::Storage)))));
    }
}
