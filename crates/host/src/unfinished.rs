//! Memory for frames that are not whole yet, shared by all connections of a host.
//!
//! A connection keeps a few KiB of an unfinished frame for nothing. For more it needs a share of the budget, as large as
//! the frame; where there is none it is read no further until others give theirs back. So no number of connections that
//! stop in the middle of a frame costs more than the budget. A share that is held for too long while others wait is taken
//! away by ending its connection, so that nobody waits for ever.

use crate::Clock;
use crate::worker::READ_BYTES;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use stele_model::Close;

/// What one connection may keep without a share.
pub(crate) const FREE_BYTES: usize = 4 << 10;

/// All shares together. One frame that is larger is let in when no other share is out.
pub(crate) const SHARED_BYTES_MAX: usize = 16 << 20;

/// How long a frame may take while others wait for its share.
pub(crate) const PATIENCE_NS: u64 = 5_000_000_000;

/// Its memory is wanted by others.
pub(crate) const FRAME_TOO_SLOW: Close =
    Close::Refused("a large message took too long while others waited for its memory");

/// What one read of a large frame takes at most.
const LARGE_READ_BYTES: usize = 256 << 10;

/// Lengthens the beginning of a frame of `wants` bytes by zeros for the next read. The share covers the whole frame, so it
/// has its place at once; what was not filled yet costs nothing.
pub(crate) fn make_room(begun: &mut Vec<u8>, wants: usize) {
    let missing = wants.saturating_sub(begun.len());
    begun.reserve_exact(missing.max(READ_BYTES));
    begun.resize(begun.len() + missing.clamp(READ_BYTES, LARGE_READ_BYTES), 0);
}

/// The budget.
#[derive(Default)]
pub(crate) struct Unfinished {
    shared: AtomicUsize,
    awaited: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Unfinished {
    /// Takes a share; false: there is none, and the waker is called when there may be.
    pub(crate) fn take(&self, bytes: usize, waker: &Waker) -> bool {
        if self.try_take(bytes) {
            return true;
        }
        self.waiting.lock().expect("no panic holds the lock").push(waker.clone());
        self.awaited.store(true, Ordering::SeqCst);
        // What was given back in between has woken nobody.
        self.try_take(bytes)
    }

    fn try_take(&self, bytes: usize) -> bool {
        let more = |shared: usize| {
            let fits = shared == 0 || shared.saturating_add(bytes) <= SHARED_BYTES_MAX;
            fits.then(|| shared.saturating_add(bytes))
        };
        self.shared.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    /// Gives a share back.
    pub(crate) fn give(&self, bytes: usize) {
        self.shared.fetch_sub(bytes, Ordering::SeqCst);
        if self.awaited.swap(false, Ordering::SeqCst) {
            let waiting = std::mem::take(&mut *self.waiting.lock().expect("no panic holds the lock"));
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Half of the budget is out: connections without a share should read little at a time.
    pub(crate) fn is_scarce(&self) -> bool {
        self.shared.load(Ordering::Relaxed) > SHARED_BYTES_MAX / 2
    }

    /// Somebody waits for a share.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::SeqCst)
    }
}

/// What one connection has of the budget; boxed, because few connections ever have some.
#[derive(Default)]
pub(crate) struct Share(Option<Box<Held>>);

struct Held {
    budget: Arc<Unfinished>,
    bytes: usize,
    /// When it is overdue (monotonic ns).
    until_ns: u64,
}

impl Share {
    /// Grows to an unfinished frame of this length; false: the waker is called when there may be room.
    pub(crate) fn cover(
        &mut self,
        budget: &Arc<Unfinished>,
        bytes: usize,
        clock: &Clock,
        waker: &Waker,
    ) -> bool {
        if bytes <= FREE_BYTES {
            self.give_back();
            return true;
        }
        let held = self.0.as_ref().map_or(0, |held| held.bytes);
        if bytes <= held {
            return true;
        }
        if !budget.take(bytes - held, waker) {
            return false;
        }
        match &mut self.0 {
            Some(held) => held.bytes = bytes,
            None => {
                let until_ns = clock.now().monotonic_ns + PATIENCE_NS;
                self.0 = Some(Box::new(Held { budget: budget.clone(), bytes, until_ns }));
            }
        }
        true
    }

    /// A frame was finished: the next one has its own time.
    pub(crate) fn renew(&mut self, now_ns: u64) {
        if let Some(held) = &mut self.0 {
            held.until_ns = now_ns + PATIENCE_NS;
        }
    }

    pub(crate) fn give_back(&mut self) {
        if let Some(held) = self.0.take() {
            held.budget.give(held.bytes);
        }
    }

    /// When to look at it.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.0.as_ref().map(|held| held.until_ns)
    }

    /// It was held too long, and others wait. Where nobody waits it may be held on.
    pub(crate) fn is_overdue(&mut self, now_ns: u64) -> bool {
        let Some(held) = self.0.as_ref().filter(|held| now_ns >= held.until_ns) else { return false };
        let overdue = held.budget.is_awaited();
        self.renew(now_ns);
        overdue
    }

    /// What the next read may take behind `carried` bytes, of at most `most` in all.
    pub(crate) fn read_end(&self, budget: &Unfinished, carried: usize, most: usize) -> usize {
        if self.0.is_none() && budget.is_scarce() { most.min(carried + FREE_BYTES) } else { most }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::{FREE_BYTES, PATIENCE_NS, SHARED_BYTES_MAX, Share, Unfinished};
    use crate::Clock;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn shares_run_out_and_come_back() {
        let (budget, count) = (Unfinished::default(), Arc::new(Count::default()));
        let waker = Waker::from(count.clone());
        assert!(budget.take(SHARED_BYTES_MAX - 10, &waker) && budget.is_scarce());
        assert!(budget.take(10, &waker) && !budget.is_awaited());
        assert!(!budget.take(1, &waker) && budget.is_awaited());
        budget.give(10);
        assert_eq!((count.0.load(Ordering::Relaxed), budget.is_awaited()), (1, false));
        assert!(budget.take(1, &waker));
    }

    #[test]
    fn one_large_frame_is_let_in_alone() {
        let (budget, waker) = (Unfinished::default(), Waker::noop());
        assert!(budget.take(3 * SHARED_BYTES_MAX, waker));
        assert!(!budget.take(1, waker));
        budget.give(3 * SHARED_BYTES_MAX);
        assert!(budget.take(1, waker));
        assert!(!budget.take(3 * SHARED_BYTES_MAX, waker), "not beside another");
    }

    #[test]
    fn a_share_is_overdue_only_where_others_wait() {
        let (budget, clock) = (Arc::new(Unfinished::default()), Clock::start());
        let (mut slow, mut other) = (Share::default(), Share::default());
        let waker = Waker::noop();
        assert!(slow.cover(&budget, FREE_BYTES, &clock, waker) && slow.deadline().is_none());
        assert!(slow.cover(&budget, SHARED_BYTES_MAX, &clock, waker));
        let until_ns = slow.deadline().expect("it has a time");
        assert!(!slow.is_overdue(until_ns), "nobody waits");
        assert!(!other.cover(&budget, FREE_BYTES + 1, &clock, waker));
        assert!(!slow.is_overdue(until_ns + 1), "it was renewed");
        assert!(slow.is_overdue(until_ns + PATIENCE_NS));
        assert_eq!(other.read_end(&budget, 0, 1 << 16), FREE_BYTES);
        drop(slow);
        assert!(other.cover(&budget, FREE_BYTES + 1, &clock, waker));
        assert_eq!(other.read_end(&budget, 0, 1 << 16), 1 << 16);
    }
}
