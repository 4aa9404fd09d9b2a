//! What a connection waits for: answers in turn, and answers that may overtake.

use crate::journal::Lsn;
use std::collections::VecDeque;
use stele_model::{Outcome, Ticket};

/// A connection with more outstanding answers than this is not read from.
const OUTSTANDING_MAX: usize = 1 << 16;

/// Tickets of one connection.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    tickets: u64,
    /// In turn: the front leaves first.
    ring: VecDeque<(Ticket, Slot)>,
    /// In any order.
    free: Vec<(Ticket, Lsn, Outcome)>,
}

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
        self.ring.push_back((ticket, Slot::Ready(lsn, outcome)));
    }

    pub(crate) fn push_waiting(&mut self, ticket: Ticket) {
        self.ring.push_back((ticket, Slot::Waiting));
    }

    pub(crate) fn push_free(&mut self, ticket: Ticket, lsn: Lsn, outcome: Outcome) {
        self.free.push((ticket, lsn, outcome));
    }

    /// An answer came through the link. Gives it back when it need not wait for its turn.
    pub(crate) fn arrived(&mut self, ticket: Ticket, outcome: Outcome) -> Option<Outcome> {
        let slot =
            self.ring.iter_mut().find(|(waiting, slot)| *waiting == ticket && matches!(slot, Slot::Waiting));
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
        self.ring.retain(|(other, _)| *other != ticket);
        self.free.retain(|(other, ..)| *other != ticket);
    }

    /// The next answer that may be told now.
    pub(crate) fn pop(&mut self, durable: Lsn) -> Option<(Ticket, Outcome)> {
        if let Some(index) = self.free.iter().position(|(_, lsn, _)| *lsn <= durable) {
            let (ticket, _, outcome) = self.free.remove(index);
            return Some((ticket, outcome));
        }
        match self.ring.front()? {
            (_, Slot::Ready(lsn, _)) if *lsn <= durable => {}
            _ => return None,
        }
        let Some((ticket, Slot::Ready(_, outcome))) = self.ring.pop_front() else { return None };
        if self.ring.is_empty() && self.ring.capacity() > 64 {
            self.ring = VecDeque::new();
        }
        Some((ticket, outcome))
    }

    /// Waits for the journal to become durable?
    pub(crate) fn waits_for_journal(&self) -> bool {
        !self.free.is_empty() || matches!(self.ring.front(), Some((_, Slot::Ready(..))))
    }

    /// Does some answer have to come in turn?
    pub(crate) fn has_in_turn(&self) -> bool {
        !self.ring.is_empty()
    }

    /// Is anything outstanding?
    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.free.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.ring.len() + self.free.len() >= OUTSTANDING_MAX
    }

    /// The log failed: what was not durable fails with it.
    pub(crate) fn fail_undurable(&mut self, durable: Lsn, failure: &stele_model::Error) {
        for (_, slot) in &mut self.ring {
            if let Slot::Ready(lsn, outcome) = slot
                && *lsn > durable
            {
                *slot = {
                    let _ = outcome;
                    Slot::Ready(Lsn(0), Outcome::Failed(failure.clone()))
                };
            }
        }
        for (_, lsn, outcome) in &mut self.free {
            if *lsn > durable {
                *lsn = Lsn(0);
                *outcome = Outcome::Failed(failure.clone());
            }
        }
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
