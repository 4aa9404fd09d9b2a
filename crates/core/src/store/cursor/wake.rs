//! What happens to a cursor by itself: waits end, heartbeats, redelivery, inactivity. And pulls that come or go.

use super::pulls::WaitingPull;
use crate::store::Caller;
use crate::store::context::Context;
use crate::store::shard::Shard;
use crate::store::stream::{Partition, Stream};
use stele_model::{ConnectionId, CursorSpec, Error, Now, Pull, PullLimits, Ticket};

impl Stream {
    /// A pull begins to wait; what is there is delivered.
    ///
    /// # Errors
    /// `PullsExceeded`, `Quarantined`; `NotAllowed` and `InvalidSpec` as [`check`] says.
    pub(crate) fn pull(
        &mut self,
        context: &mut Context,
        now: Now,
        number: u64,
        caller: &Caller,
        pull: &Pull,
    ) -> Result<(), Error> {
        let partition = self.cursors.get(number).ok_or(Error::CursorNotFound)?.partition;
        self.partition(partition)?;
        let cursor = self.cursors.get_mut(number).ok_or(Error::CursorNotFound)?;
        check(&cursor.spec, now, pull)?;
        cursor.used_ns = now.monotonic_ns;
        let max = usize::try_from(cursor.spec.pulls_max).unwrap_or(usize::MAX);
        if cursor.pulls.len() >= max {
            cursor.expire_pulls(context, now);
        }
        if cursor.pulls.len() >= max {
            return Err(Error::PullsExceeded);
        }
        context.pulls.insert((caller.link.id, caller.ticket), (self.number, number));
        cursor.pulls.push_back(WaitingPull::new(caller.clone(), now, pull, cursor.spec.headers_only));
        self.deliver(context, now, number);
        Ok(())
    }

    /// A cursor's timer is due.
    pub(crate) fn wake_cursor(&mut self, context: &mut Context, now: Now, number: u64) {
        let Some(cursor) = self.cursors.get_mut(number) else { return };
        cursor.timer = None;
        cursor.expire_pulls(context, now);
        cursor.pending.wake(now.monotonic_ns);
        if cursor.is_abandoned(now) {
            if let Err(error) = self.delete_cursor(context, now, number) {
                tracing::error!(%error, "an abandoned cursor could not be removed");
            }
            return;
        }
        self.deliver(context, now, number);
    }

    /// Puts a cursor's timer where it belongs.
    pub(crate) fn arm_cursor(&mut self, context: &mut Context, now: Now, number: u64) {
        let Some(cursor) = self.cursors.get_mut(number) else { return };
        // Never in the past, so that one round of wakes ends.
        let due = cursor.due(now).map(|due| due.max(now.monotonic_ns.saturating_add(1)));
        if due != cursor.timer {
            if let Some(before) = cursor.timer {
                context.timers.remove(&(before, self.number, number));
            }
            if let Some(due) = due {
                context.timers.insert((due, self.number, number));
            }
            cursor.timer = due;
        }
        context.monotonic_ns = now.monotonic_ns;
    }

    /// The journal was replayed: everything in it is durable, and time begins.
    pub(crate) fn opened(&mut self, context: &mut Context, now: Now) {
        self.partitions.iter_mut().for_each(Partition::show_all);
        let partitions = &self.partitions;
        let mut numbers = Vec::new();
        for cursor in self.cursors.all_mut() {
            cursor.opened(now, &partitions[cursor.partition as usize]);
            numbers.push(cursor.number);
        }
        for number in numbers {
            self.arm_cursor(context, now, number);
        }
        self.arm(context, now);
    }
}

impl super::Cursor {
    /// Ends pulls whose wait is over; heartbeats for the others.
    pub(crate) fn expire_pulls(&mut self, context: &mut Context, now: Now) {
        let last = (self.delivered.0, self.delivered.1);
        let before = self.pulls.len();
        self.pulls.retain_mut(|pull| {
            if pull.is_over(now) {
                let end = pull.expired();
                pull.send(context, now, last, Some(end));
                return false;
            }
            if pull.beat(now) {
                pull.send(context, now, last, None);
            }
            true
        });
        if self.pulls.len() < before {
            self.used_ns = now.monotonic_ns;
        }
    }

    /// Did nobody use it for too long?
    fn is_abandoned(&self, now: Now) -> bool {
        let quiet = now.monotonic_ns.saturating_sub(self.used_ns);
        self.spec.inactive_ns > 0 && self.pulls.is_empty() && quiet >= self.spec.inactive_ns
    }

    /// When something happens by itself (monotonic ns).
    fn due(&self, now: Now) -> Option<u64> {
        let waits = !self.pulls.is_empty();
        let pulls = self.pulls.iter().filter_map(WaitingPull::due).min();
        let inactive =
            (self.spec.inactive_ns > 0 && !waits).then(|| self.used_ns.saturating_add(self.spec.inactive_ns));
        let held = (waits && self.held_until_ns > now.monotonic_ns).then_some(self.held_until_ns);
        let paused = self.spec.paused_until_ns;
        let resume = (waits && paused > now.wall_ns).then(|| Context::monotonic(now, paused));
        // Without anybody waiting a redelivery can wait, too: the next pull finds what is due.
        [pulls, inactive, held, resume, self.pending.due().filter(|_| waits)].into_iter().flatten().min()
    }
}

impl Shard {
    /// Withdraws waiting pulls of a connection: one, or all.
    pub(crate) fn cancel_pulls(&mut self, link: ConnectionId, ticket: Option<Ticket>) {
        let range = match ticket {
            Some(ticket) => (link, ticket)..=(link, ticket),
            None => (link, Ticket(0))..=(link, Ticket(u64::MAX)),
        };
        let found: Vec<_> = self.context.pulls.range(range).map(|(key, place)| (*key, *place)).collect();
        let monotonic_ns = self.context.monotonic_ns;
        for ((link, ticket), (stream, number)) in found {
            self.context.pulls.remove(&(link, ticket));
            let Some(stream) = self.streams.get_mut(&stream) else { continue };
            if let Some(cursor) = stream.cursors.get_mut(number) {
                cursor.pulls.retain(|pull| (pull.caller.link.id, pull.caller.ticket) != (link, ticket));
                cursor.used_ns = cursor.used_ns.max(monotonic_ns);
            }
            let now = Now { monotonic_ns, wall_ns: self.context.clock.last_ns() };
            stream.arm_cursor(&mut self.context, now, number);
        }
    }
}

/// May this pull wait at a cursor with this specification?
///
/// # Errors
/// `NotAllowed` for a client's pull at a pushing cursor; `InvalidSpec` names the limit that is exceeded.
fn check(spec: &CursorSpec, now: Now, pull: &Pull) -> Result<(), Error> {
    if pull.push {
        return Ok(());
    }
    if spec.push.is_some() {
        return Err(Error::NotAllowed("the cursor pushes"));
    }
    let limits = spec.pull_limits;
    let wait_ns = pull.deadline_ns.map(|deadline| deadline.saturating_sub(now.monotonic_ns));
    let exceeded = |limit: String| Err(Error::InvalidSpec(format!("Exceeded MaxRequest{limit}")));
    match limits {
        PullLimits { batch_max: Some(max), .. } if pull.batch > max => exceeded(format!("Batch of {max}")),
        PullLimits { expires_max_ns: Some(max), .. } if wait_ns.is_some_and(|wait| wait > max) => {
            exceeded(format!("Expires of {}", duration(max)))
        }
        PullLimits { bytes_max: Some(max), .. } if pull.bytes_max.is_some_and(|bytes| bytes > max) => {
            exceeded(format!("MaxBytes of {max}"))
        }
        _ => Ok(()),
    }
}

/// Nanoseconds as people and JetStream's clients read them: `1h0m0s`, `1m30s`, `1.5s`, `250ms`.
fn duration(ns: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    let (seconds, rest) = (ns / SECOND, ns % SECOND);
    let fraction = format!("{rest:09}");
    let fraction = match fraction.trim_end_matches('0') {
        "" => String::new(),
        digits => format!(".{digits}"),
    };
    match seconds {
        0 if ns < 1_000 => format!("{ns}ns"),
        0 if ns < 1_000_000 => format!("{}µs", ns as f64 / 1e3),
        0 => format!("{}ms", ns as f64 / 1e6),
        1..60 => format!("{seconds}{fraction}s"),
        60..3600 => format!("{}m{}{fraction}s", seconds / 60, seconds % 60),
        _ => format!("{}h{}m{}{fraction}s", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}
