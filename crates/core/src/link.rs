//! The shared part of a connection: what others may do to it from any thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use stele_model::{ConnectionId, Handed, Outcome, SubscriptionId, Ticket};

/// Where a connection's bytes go, and how its owner is woken. The host implements it over a socket, the simulator
/// over a buffer.
pub trait Outlet: Send + Sync {
    /// Writes what the socket takes now and queues the rest; returns the bytes that are queued.
    fn send(&self, bytes: &[u8]) -> usize;

    /// As `send`, in pieces that belong together.
    fn send_pieces(&self, pieces: &[std::io::IoSlice<'_>]) -> usize;

    /// Makes the owner look into the inbox soon. Cheap when it is awake already.
    fn wake(&self);

    /// Bytes that wait for the socket.
    fn queued(&self) -> usize;

    /// Calls the waker once less is queued than [`crate::QUEUED_STALL_BYTES`], or the outlet is closed; false when
    /// that is so already.
    fn await_room(&self, waker: &Waker) -> bool;
}

/// The outlet of a caller without a peer and without a task: bytes vanish, nobody is woken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Outlet for Nowhere {
    fn send(&self, _: &[u8]) -> usize {
        0
    }

    fn send_pieces(&self, _: &[std::io::IoSlice<'_>]) -> usize {
        0
    }

    fn wake(&self) {}

    fn queued(&self) -> usize {
        0
    }

    fn await_room(&self, _: &Waker) -> bool {
        false
    }
}

/// What waits for the owner of a connection.
#[derive(Debug, Default)]
pub struct Inbox {
    /// Answers to `Free` requests and to waiting ones, in order of arrival.
    pub outcomes: Vec<(Ticket, Outcome)>,
    /// Messages for handed subscriptions.
    pub messages: Vec<(Arc<Handed>, Box<[SubscriptionId]>)>,
    /// Bytes of `messages`, as [`Handed::cost`] counts them.
    pub message_bytes: usize,
    /// Subscriptions that have had their last delivery.
    pub spent: Vec<SubscriptionId>,
    /// A watched subject got a receiver.
    pub watched: bool,
    /// Nothing is taken any more.
    pub closed: bool,
}

/// One connection as others see it.
pub struct Link {
    /// Its number.
    pub id: ConnectionId,
    /// Its socket.
    pub outlet: Arc<dyn Outlet>,
    /// `None`: nothing waits, as in most connections at most times.
    inbox: Mutex<Option<Box<Inbox>>>,
    awaits_commit: AtomicBool,
    /// The owner watches subjects. Here, because here it costs an idle connection nothing.
    pub(crate) watches: AtomicBool,
    /// The owner has been told that the log failed.
    pub(crate) fails_seen: AtomicBool,
}

impl Link {
    /// A fresh connection.
    pub fn new(id: ConnectionId, outlet: Arc<dyn Outlet>) -> Self {
        Self {
            id,
            outlet,
            inbox: Mutex::default(),
            awaits_commit: AtomicBool::new(false),
            watches: AtomicBool::new(false),
            fails_seen: AtomicBool::new(false),
        }
    }

    /// Notes that the owner waits for a commit; false when that was noted already.
    pub(crate) fn begin_awaiting_commit(&self) -> bool {
        !self.awaits_commit.swap(true, Ordering::AcqRel)
    }

    /// A commit happened: the owner looks again.
    pub(crate) fn wake_for_commit(&self) {
        self.awaits_commit.store(false, Ordering::Release);
        self.outlet.wake();
    }

    /// Hands an answer to the owner and wakes it.
    pub fn complete(&self, ticket: Ticket, outcome: Outcome) {
        let taken = self.with_inbox(|inbox| {
            if !inbox.closed {
                inbox.outcomes.push((ticket, outcome));
            }
            !inbox.closed
        });
        if taken {
            self.outlet.wake();
        }
    }

    /// Looks into the inbox under its lock.
    pub fn with_inbox<R>(&self, look: impl FnOnce(&mut Inbox) -> R) -> R {
        look(self.inbox.lock().expect("no panic holds the lock").get_or_insert_default())
    }

    /// Answers that wait for the owner.
    pub fn outcomes_waiting(&self) -> usize {
        let inbox = self.inbox.lock().expect("no panic holds the lock");
        inbox.as_ref().map_or(0, |inbox| inbox.outcomes.len())
    }

    /// Takes everything that waits.
    pub fn take_inbox(&self) -> Inbox {
        let mut inbox = self.inbox.lock().expect("no panic holds the lock");
        match inbox.take() {
            Some(taken) => {
                if taken.closed {
                    *inbox = Some(Box::new(Inbox { closed: true, ..Inbox::default() }));
                }
                *taken
            }
            None => Inbox::default(),
        }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("id", &self.id).finish_non_exhaustive()
    }
}
