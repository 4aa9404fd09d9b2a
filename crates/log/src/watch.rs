//! The durable watermark and those who follow it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{LaneEvent, Lsn, StopReason, Subscriber, Subscription};

/// One atomic position and a list of subscribers that are called once per commit.
#[derive(Default)]
pub(crate) struct Watch {
    durable: AtomicU64,
    subscribers: Mutex<Subscribers>,
}

#[derive(Default)]
struct Subscribers {
    next: u64,
    /// Replaced as a whole, so that a commit only clones one pointer and calls without the lock.
    list: Arc<Vec<(Subscription, Subscriber)>>,
}

impl Watch {
    pub(crate) fn durable(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }

    /// Sets the position without telling anybody: at an opening.
    pub(crate) fn reset(&self, durable: u64) {
        self.durable.store(durable, Ordering::Release);
    }

    pub(crate) fn advance(&self, durable: u64) {
        let before = self.durable.swap(durable, Ordering::AcqRel);
        debug_assert!(before <= durable, "the watermark only rises");
        self.tell(LaneEvent::Durable(Lsn(durable)));
    }

    pub(crate) fn stop(&self, reason: StopReason) {
        self.tell(LaneEvent::Stopped(reason));
    }

    pub(crate) fn subscribe(&self, subscriber: Subscriber) -> Subscription {
        let mut subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        let subscription = Subscription(subscribers.next);
        subscribers.next += 1;
        Arc::make_mut(&mut subscribers.list).push((subscription, subscriber));
        subscription
    }

    pub(crate) fn unsubscribe(&self, subscription: Subscription) {
        let mut subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut subscribers.list).retain(|(found, _)| *found != subscription);
    }

    fn tell(&self, event: LaneEvent) {
        let list = Arc::clone(&self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).list);
        for (_, subscriber) in list.iter() {
            subscriber(event);
        }
    }
}
