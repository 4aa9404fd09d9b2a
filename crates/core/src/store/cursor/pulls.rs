//! Pulls that wait for records.

use crate::store::Caller;
use crate::store::context::Context;
use stele_model::{Delivered, Delivery, DeliveryEnd, Now, Outcome, Pull};

/// A pull on its way.
#[derive(Debug)]
pub(crate) struct WaitingPull {
    /// Who asked.
    pub caller: Caller,
    /// Records that may still come.
    pub batch_left: u64,
    /// Bytes that may still come.
    pub bytes_left: Option<u64>,
    /// The end of the wait (monotonic ns).
    pub deadline_ns: Option<u64>,
    /// It takes what is there.
    pub no_wait: bool,
    /// Something came for it.
    pub served: bool,
    headers_only: bool,
    heartbeat_ns: u64,
    quiet_until_ns: u64,
    /// Records of this round.
    pub ready: Vec<Delivered>,
}

impl WaitingPull {
    /// Begins to wait.
    pub(crate) fn new(caller: Caller, now: Now, pull: &Pull, headers_only: bool) -> Self {
        Self {
            caller,
            batch_left: pull.batch.max(1),
            bytes_left: pull.bytes_max,
            deadline_ns: pull.deadline_ns,
            no_wait: pull.no_wait,
            served: false,
            headers_only,
            heartbeat_ns: pull.heartbeat_ns,
            quiet_until_ns: now.monotonic_ns.saturating_add(pull.heartbeat_ns),
            ready: Vec::new(),
        }
    }

    /// When it wants to be looked at (monotonic ns).
    pub(crate) fn due(&self) -> Option<u64> {
        let heartbeat = (self.heartbeat_ns > 0).then_some(self.quiet_until_ns);
        self.deadline_ns.into_iter().chain(heartbeat).min()
    }

    /// Is its wait over?
    pub(crate) fn is_over(&self, now: Now) -> bool {
        self.deadline_ns.is_some_and(|deadline| deadline <= now.monotonic_ns)
    }

    /// The end for a wait that is over.
    pub(crate) fn expired(&self) -> DeliveryEnd {
        DeliveryEnd::Expired { batch_left: self.batch_left, bytes_left: self.bytes_left.unwrap_or(0) }
    }

    /// Is a heartbeat due? Then the next one is later.
    pub(crate) fn beat(&mut self, now: Now) -> bool {
        if self.heartbeat_ns == 0 || self.quiet_until_ns > now.monotonic_ns {
            return false;
        }
        self.quiet_until_ns = now.monotonic_ns.saturating_add(self.heartbeat_ns);
        true
    }

    /// Can the receiver take more at the moment?
    pub(crate) fn has_credit(&self) -> bool {
        let link = &self.caller.link;
        link.outlet.queued() < QUEUED_MAX && link.outcomes_waiting() < OUTCOMES_MAX
    }

    /// Sends what is ready, and the end where there is one.
    pub(crate) fn send(
        &mut self,
        context: &mut Context,
        now: Now,
        last: (u64, u64),
        end: Option<DeliveryEnd>,
    ) {
        let records = std::mem::take(&mut self.ready);
        if !records.is_empty() {
            self.quiet_until_ns = now.monotonic_ns.saturating_add(self.heartbeat_ns);
        }
        if end.is_some() {
            context.pulls.remove(&(self.caller.link.id, self.caller.ticket));
        }
        let headers_only = self.headers_only;
        let delivery = Delivery { records, end, headers_only, last_delivery: last.0, last_sequence: last.1 };
        context.answers.push((self.caller.link.clone(), self.caller.ticket, Outcome::Delivered(delivery)));
    }
}

/// Bytes at a socket from which on its owner gets nothing more for a while.
const QUEUED_MAX: usize = 8 << 20;
/// Answers in an inbox from which on its owner gets nothing more for a while.
const OUTCOMES_MAX: usize = 256;
