//! What all connections share.

use crate::journal::{Journal, Lsn};
use crate::router::Router;
use crate::store::{Answer, Attempt, Caller, Capture, Fault, Keeper, Once, Store, Stored};
use crate::{Link, Outlet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use stele_model::{Claim, ConnectionId, Error, Now, Request, StreamName, Ticket};

/// The durable side as the live side sees it. [`crate::store::Store`] implements it; tests replace it.
pub trait Durable: Send + Sync {
    /// Stores a run of messages that one stream captures; one result per message, which holds once the journal is
    /// durable up to the returned position.
    fn capture(
        &self,
        now: Now,
        stream: &StreamName,
        messages: &[Capture<'_>],
        results: &mut Vec<Result<Stored, Error>>,
    ) -> Lsn;

    /// Queues messages for the stored sessions that want them.
    fn enqueue(&self, now: Now, messages: &[Capture<'_>], results: &mut Vec<Result<Stored, Error>>) -> Lsn;

    /// See [`Store::once`].
    fn once(
        &self,
        now: Now,
        caller: &Caller,
        claim: &Claim<'_>,
        room: u64,
        store: &mut dyn FnMut(&[Keeper]) -> Attempt,
    ) -> Once;

    /// Answers a request, or will through the caller's link.
    fn request(&self, now: Now, caller: &Caller, request: Request) -> Answer;

    /// Withdraws a waiting request.
    fn cancel(&self, link: ConnectionId, ticket: Ticket);

    /// The connection is gone, and with it all that it waits for.
    fn detach(&self, link: ConnectionId);

    /// What is damaged, as far as it is known; partitions among it are offline.
    fn damaged(&self) -> Vec<Fault> {
        Vec::new()
    }
}

impl Durable for Store {
    fn capture(
        &self,
        now: Now,
        stream: &StreamName,
        messages: &[Capture<'_>],
        results: &mut Vec<Result<Stored, Error>>,
    ) -> Lsn {
        Self::capture(self, now, stream, messages, results)
    }

    fn enqueue(&self, now: Now, messages: &[Capture<'_>], results: &mut Vec<Result<Stored, Error>>) -> Lsn {
        Self::enqueue(self, now, messages, results)
    }

    fn once(
        &self,
        now: Now,
        caller: &Caller,
        claim: &Claim<'_>,
        room: u64,
        store: &mut dyn FnMut(&[Keeper]) -> Attempt,
    ) -> Once {
        Self::once(self, now, caller, claim, room, store)
    }

    fn request(&self, now: Now, caller: &Caller, request: Request) -> Answer {
        Self::request(self, now, caller, request)
    }

    fn cancel(&self, link: ConnectionId, ticket: Ticket) {
        Self::cancel(self, link, ticket);
    }

    fn detach(&self, link: ConnectionId) {
        Self::detach(self, link);
    }

    fn damaged(&self) -> Vec<Fault> {
        Self::damaged(self)
    }
}

/// The broker without sockets: router, durable side, journal, and who waits for a commit.
pub struct Core {
    /// Who receives what.
    pub router: Arc<Router>,
    /// Streams, cursors, groups, sessions.
    pub durable: Arc<dyn Durable>,
    /// The log.
    pub journal: Arc<dyn Journal>,
    /// Numbers that nobody can guess.
    pub random: Box<dyn Fn() -> u64 + Send + Sync>,
    /// What happened so far.
    pub counters: Counters,
    connections: AtomicU64,
    failed: AtomicBool,
    waiters: Mutex<Vec<Arc<Link>>>,
}

/// Totals since the start, for `/varz` and `/metrics`.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages that clients published on any wire, requests to the broker among them; records of Kafka producers, each.
    /// What the broker says by itself (answers, stored records on their way) is not among them.
    pub published: AtomicU64,
    /// Payload bytes of those; of produced records the bytes of their batches, as they came.
    pub published_bytes: AtomicU64,
    /// Messages handed to sockets and sessions.
    pub delivered: AtomicU64,
    /// Messages that a full receiver did not get.
    pub dropped: AtomicU64,
    /// Connections that have ended.
    pub connections_closed: AtomicU64,
    /// Connections that were closed because they read too slowly.
    pub slow_consumers: AtomicU64,
}

impl Core {
    /// Puts the parts together.
    pub fn new(
        router: Arc<Router>,
        durable: Arc<dyn Durable>,
        journal: Arc<dyn Journal>,
        random: Box<dyn Fn() -> u64 + Send + Sync>,
    ) -> Self {
        Self {
            router,
            durable,
            journal,
            random,
            counters: Counters::default(),
            connections: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            waiters: Mutex::default(),
        }
    }

    /// A link for a new connection.
    pub fn link(&self, outlet: Arc<dyn Outlet>) -> Arc<Link> {
        let id = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Link::new(ConnectionId(id), outlet))
    }

    /// Connections ever opened.
    pub fn connections_total(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Connections open now.
    pub fn connections_open(&self) -> u64 {
        self.connections_total().saturating_sub(self.counters.connections_closed.load(Ordering::Relaxed))
    }

    /// The journal's durable position moved: wakes every connection that waits for it, once.
    pub fn committed(&self) {
        let waiters = std::mem::take(&mut *self.waiters.lock().expect("no panic holds the lock"));
        for link in waiters {
            link.wake_for_commit();
        }
    }

    /// The log failed: nothing that is not durable by now will ever be acknowledged.
    pub fn log_failed(&self) {
        self.failed.store(true, Ordering::Release);
        self.committed();
    }

    /// Did the log fail?
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Wakes the link at the next commit. The caller looks at the journal once more afterwards.
    pub(crate) fn await_commit(&self, link: &Arc<Link>) {
        if link.begin_awaiting_commit() {
            self.waiters.lock().expect("no panic holds the lock").push(link.clone());
        }
    }
}
