//! Answers leave a shard in order, and outside of its lock.
//!
//! They are queued under the shard's lock. Whoever finds nobody sending sends all; who finds somebody leaves: the
//! sender looks again after it has let go.

use crate::link::Link;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use stele_model::{Outcome, Ticket};

/// The answers of a shard on their way.
#[derive(Default)]
pub(crate) struct Outbox {
    queue: Mutex<VecDeque<(Arc<Link>, Ticket, Outcome)>>,
    sending: Mutex<()>,
}

impl Outbox {
    /// Takes answers; the caller holds the shard's lock.
    pub(crate) fn queue(&self, answers: &mut Vec<(Arc<Link>, Ticket, Outcome)>) {
        if !answers.is_empty() {
            self.queue.lock().expect("no panic holds the lock").extend(answers.drain(..));
        }
    }

    /// Sends what is queued; the caller holds no lock.
    pub(crate) fn send(&self) {
        loop {
            if self.queue.lock().expect("no panic holds the lock").is_empty() {
                return;
            }
            let Ok(_sending) = self.sending.try_lock() else { return };
            loop {
                let next = self.queue.lock().expect("no panic holds the lock").pop_front();
                let Some((link, ticket, outcome)) = next else { break };
                link.complete(ticket, outcome);
            }
        }
    }
}
