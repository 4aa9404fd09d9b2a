//! One connection's owner side: drives the session, keeps its subscriptions and what it waits for.
//!
//! `open`, `receive`, `attend` and `close` are the only inputs; after each, [`Scratch::output`] holds what goes to the
//! peer, and everything the session asked for has been done or waits.

use crate::broker::Core;
use crate::journal::Lsn;
use crate::port::{TurnPort, TurnState};
use crate::router::Entry;
use crate::scratch::Scratch;
use crate::{Link, link::Inbox};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use stele_model::{Close, Error, Filter, Now, Session, SubscriptionId, Turn};

/// Answers told in one call of `attend`, so that a busy connection lets others run.
const ANSWERS_PER_TURN_MAX: usize = 4096;

/// A connection as its owner drives it.
pub struct Connection {
    core: Arc<Core>,
    link: Arc<Link>,
    session: Box<dyn Session>,
    state: TurnState,
}

/// Whether `attend` has more to do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attended {
    /// Nothing more for now.
    Settled,
    /// Call again soon; others may run first.
    More,
}

/// A receiver that is over its limit: the publisher should wait for it a little.
pub type Stalled = Option<Arc<Link>>;

impl Connection {
    /// A connection over `link`, driven by `session`.
    pub fn new(core: Arc<Core>, link: Arc<Link>, session: Box<dyn Session>) -> Self {
        Self { core, link, session, state: TurnState::default() }
    }

    /// Its shared part.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// The first call.
    ///
    /// # Errors
    /// The connection is to be closed.
    pub fn open(&mut self, now: Now, scratch: &mut Scratch) -> Result<(), Close> {
        self.turn(now, scratch, |session, turn| session.open(now, turn))
    }

    /// Bytes came. Returns how many were used, and a receiver to wait for.
    ///
    /// # Errors
    /// The connection is to be closed.
    pub fn receive(
        &mut self,
        now: Now,
        input: &[u8],
        scratch: &mut Scratch,
    ) -> (Result<usize, Close>, Stalled) {
        self.state.pending.borrow_ring(&mut scratch.ring);
        let received = self.receive_and_answer(now, input, scratch);
        self.state.pending.return_ring(&mut scratch.ring);
        received
    }

    fn receive_and_answer(
        &mut self,
        now: Now,
        input: &[u8],
        scratch: &mut Scratch,
    ) -> (Result<usize, Close>, Stalled) {
        let (mut used, mut stalled) = self.turn_over(now, input, scratch);
        while used.is_ok() && self.state.pending.waits_for_journal() {
            let was_ready = self.session.ready();
            if let Err(close) = self.answer(now, scratch, ANSWERS_PER_TURN_MAX) {
                used = Err(close);
            }
            // A session that takes nothing until it is answered goes on with what it left.
            let Ok(taken) = used else { break };
            if was_ready || !self.session.ready() || taken == input.len() {
                break;
            }
            let (more, stalled_again) = self.turn_over(now, &input[taken..], scratch);
            used = more.map(|more| taken + more);
            stalled = stalled.or(stalled_again);
        }
        (used, stalled)
    }

    /// Something waits in the inbox, the journal moved, or the deadline passed.
    ///
    /// # Errors
    /// The connection is to be closed.
    pub fn attend(&mut self, now: Now, scratch: &mut Scratch) -> Result<Attended, Close> {
        self.attend_paced(now, scratch).0
    }

    /// As `attend`, for a session that publishes in it: also a receiver to wait for.
    pub fn attend_paced(&mut self, now: Now, scratch: &mut Scratch) -> (Result<Attended, Close>, Stalled) {
        scratch.stalled = None;
        let attended = self.attend_to_all(now, scratch);
        self.state.pending.return_ring(&mut scratch.ring);
        (attended, scratch.stalled.take())
    }

    fn attend_to_all(&mut self, now: Now, scratch: &mut Scratch) -> Result<Attended, Close> {
        let inbox = self.link.take_inbox();
        let watched = inbox.watched;
        self.take(now, inbox, scratch)?;
        if !self.answer(now, scratch, ANSWERS_PER_TURN_MAX)? {
            return Ok(Attended::More);
        }
        if watched || self.session.deadline().is_some_and(|deadline| deadline <= now.monotonic_ns) {
            self.turn(now, scratch, |session, turn| session.wake(now, turn))?;
        }
        Ok(Attended::Settled)
    }

    /// The last call of the session. What it publishes (a will) is still done; answers still outstanding are told by
    /// `linger` until `is_idle`.
    pub fn close(&mut self, now: Now, why: &Close, scratch: &mut Scratch) {
        self.turn(now, scratch, |session, turn| session.close(now, why, turn));
        for (filter, entry) in self.state.subscriptions.drain() {
            self.core.router.remove(&filter, &entry);
        }
        if self.link.watches.load(Ordering::Relaxed) {
            self.core.router.unwatch(self.link.id);
        }
        self.core.durable.detach(self.link.id);
        self.link.with_inbox(|inbox| *inbox = Inbox { closed: true, ..Inbox::default() });
    }

    /// When `attend` must be called at the latest, on the monotonic clock.
    pub fn deadline(&self) -> Option<u64> {
        self.session.deadline()
    }

    /// How much input the session waits for.
    pub fn wants(&self) -> usize {
        self.session.wants()
    }

    /// May the host read more from the peer?
    pub fn is_ready(&self) -> bool {
        !self.state.pending.is_full() && self.session.ready()
    }

    /// Is nothing outstanding?
    pub fn is_idle(&self) -> bool {
        self.state.pending.is_empty()
    }

    fn take(&mut self, now: Now, inbox: Inbox, scratch: &mut Scratch) -> Result<(), Close> {
        for id in inbox.spent {
            if let Some((filter, entry)) = self.state.subscriptions.remove(id) {
                self.core.router.remove(&filter, &entry);
            }
        }
        for (ticket, outcome) in inbox.outcomes {
            if let Some(outcome) = self.state.pending.arrived(ticket, outcome) {
                self.turn(now, scratch, |session, turn| session.complete(now, ticket, outcome, turn))?;
            }
        }
        if inbox.messages.is_empty() {
            return Ok(());
        }
        self.turn(now, scratch, |session, turn| {
            inbox.messages.iter().try_for_each(|(message, to)| session.deliver(now, message, to, turn))
        })
    }

    /// Tells answers that may be told; false when more are left.
    fn answer(&mut self, now: Now, scratch: &mut Scratch, count_max: usize) -> Result<bool, Close> {
        let mut told = 0;
        loop {
            self.notice_failure();
            let durable = self.core.journal.durable();
            let answers: Vec<_> =
                std::iter::from_fn(|| self.state.pending.pop(durable)).take(count_max - told).collect();
            if answers.is_empty() {
                if self.settles_at(durable) {
                    return Ok(true);
                }
                continue;
            }
            told += answers.len();
            self.turn(now, scratch, |session, turn| {
                answers
                    .into_iter()
                    .try_for_each(|(ticket, outcome)| session.complete(now, ticket, outcome, turn))
            })?;
            if told >= count_max {
                return Ok(false);
            }
        }
    }

    /// Registers for the next commit where something waits for one; false when the journal moved meanwhile.
    fn settles_at(&mut self, durable: Lsn) -> bool {
        if !self.state.pending.waits_for_journal() {
            return true;
        }
        self.core.await_commit(&self.link);
        self.core.journal.durable() == durable
            && (self.link.fails_seen.load(Ordering::Relaxed) || !self.core.has_failed())
    }

    fn notice_failure(&mut self) {
        if !self.link.fails_seen.load(Ordering::Relaxed) && self.core.has_failed() {
            self.link.fails_seen.store(true, Ordering::Relaxed);
            self.state.pending.fail_undurable(self.core.journal.durable(), &Error::Storage);
        }
    }

    fn turn_over(
        &mut self,
        now: Now,
        input: &[u8],
        scratch: &mut Scratch,
    ) -> (Result<usize, Close>, Stalled) {
        let Self { core, link, session, state, .. } = self;
        let (mut port, arena) = TurnPort::new(core, link, state, scratch, now);
        let used = session.receive(now, input, &mut Turn::new(arena, &mut port));
        let stalled = port.finish();
        (used, stalled)
    }

    fn turn<R>(
        &mut self,
        now: Now,
        scratch: &mut Scratch,
        call: impl FnOnce(&mut dyn Session, &mut Turn<'_, '_>) -> R,
    ) -> R {
        let Self { core, link, session, state, .. } = self;
        let (mut port, arena) = TurnPort::new(core, link, state, scratch, now);
        let result = call(session.as_mut(), &mut Turn::new(arena, &mut port));
        if let Some(receiver) = port.finish() {
            scratch.stalled = Some(receiver);
        }
        result
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.core.counters.connections_closed.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection's subscriptions by id: a sorted list, because ids rise and most connections have few.
#[derive(Default)]
pub(crate) struct Subscriptions {
    list: Vec<(SubscriptionId, Filter, Arc<Entry>)>,
}

impl Subscriptions {
    /// Adds one; gives back the one that had this id.
    pub(crate) fn insert(
        &mut self,
        id: SubscriptionId,
        filter: Filter,
        entry: Arc<Entry>,
    ) -> Option<(Filter, Arc<Entry>)> {
        match self.list.binary_search_by_key(&id, |(id, ..)| *id) {
            Ok(index) => {
                let (_, filter, entry) = std::mem::replace(&mut self.list[index], (id, filter, entry));
                Some((filter, entry))
            }
            Err(index) => {
                if self.list.is_empty() {
                    self.list.reserve_exact(1);
                }
                self.list.insert(index, (id, filter, entry));
                None
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn get(&self, id: SubscriptionId) -> Option<&Arc<Entry>> {
        let index = self.list.binary_search_by_key(&id, |(id, ..)| *id).ok()?;
        Some(&self.list[index].2)
    }

    pub(crate) fn remove(&mut self, id: SubscriptionId) -> Option<(Filter, Arc<Entry>)> {
        let index = self.list.binary_search_by_key(&id, |(id, ..)| *id).ok()?;
        let (_, filter, entry) = self.list.remove(index);
        if self.list.is_empty() {
            self.list = Vec::new();
        }
        Some((filter, entry))
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (Filter, Arc<Entry>)> {
        std::mem::take(&mut self.list).into_iter().map(|(_, filter, entry)| (filter, entry))
    }
}
