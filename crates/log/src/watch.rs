//! The durable watermark and those who follow it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{LaneEvent, Lsn, StopReason, Subscriber, Subscription};

/// One atomic position and a list of subscribers that are called once per commit.
#[derive(Default)]
pub(crate) struct Watch {
    durable: AtomicU64,
    subscribers: Mutex<Subscribers>,
    news: Mutex<News>,
}

/// What is to be told. One thread tells at a time; what comes meanwhile it tells next, newest position only.
#[derive(Default)]
struct News {
    teller: bool,
    durable: Option<u64>,
    stopped: Option<StopReason>,
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

    /// Moves the position, unless another thread has moved it further, and tells.
    pub(crate) fn advance(&self, durable: u64) {
        self.durable.fetch_max(durable, Ordering::AcqRel);
        self.tell(|news| news.durable = news.durable.max(Some(durable)));
    }

    pub(crate) fn stop(&self, reason: StopReason) {
        self.tell(|news| news.stopped = Some(reason));
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

    /// Tells what `note` adds to the news, or leaves it to the thread that is telling.
    fn tell(&self, note: impl FnOnce(&mut News)) {
        let mut news = self.news();
        note(&mut news);
        if std::mem::replace(&mut news.teller, true) {
            return;
        }
        loop {
            let event = match (news.durable.take(), news.stopped) {
                (Some(durable), _) => LaneEvent::Durable(Lsn(durable)),
                (None, Some(reason)) => {
                    news.stopped = None;
                    LaneEvent::Stopped(reason)
                }
                (None, None) => break,
            };
            drop(news);
            let list = Arc::clone(&self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).list);
            for (_, subscriber) in list.iter() {
                subscriber(event);
            }
            news = self.news();
        }
        news.teller = false;
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
