//! The connections of a host: who is there, how all are told to end, and when the memory of many goes back.
//!
//! A connection costs a slot here, instead of a stop signal and a place in a set of tasks of its own.

use crate::tcp_outlet::TcpOutlet;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use stele_core::Outlet;
use tokio::sync::Notify;

/// Connections that must have closed before their memory is given back: a few pages are not worth the walk.
const CLOSED_MIN: usize = 1_000;

/// So many closes in a row become one giving back, at most this often.
const GIVE_BACK_PAUSE: Duration = Duration::from_secs(1);

/// How connections are to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// They need not.
    No = 0,
    /// With their last words.
    Goodbye = 1,
    /// At once.
    Abrupt = 2,
}

/// All connections that have a socket.
#[derive(Default)]
pub(crate) struct Connections {
    state: Mutex<State>,
    /// An [`Ending`]. Every drive looks at it at each step.
    ending: AtomicU8,
    none_left: Notify,
    many_closed: Notify,
}

#[derive(Default)]
struct State {
    slots: Vec<Option<Arc<TcpOutlet>>>,
    free: Vec<u32>,
    /// Since memory was given back.
    closed: usize,
}

impl Connections {
    /// Takes one in; its slot.
    pub(crate) fn add(&self, outlet: Arc<TcpOutlet>) -> u32 {
        let mut state = self.state();
        if let Some(slot) = state.free.pop() {
            state.slots[slot as usize] = Some(outlet);
            return slot;
        }
        state.slots.push(Some(outlet));
        u32::try_from(state.slots.len() - 1).expect("there are fewer sockets than that")
    }

    /// One has ended.
    pub(crate) fn remove(&self, slot: u32) {
        let mut state = self.state();
        state.slots[slot as usize] = None;
        state.free.push(slot);
        state.closed += 1;
        if state.closed >= CLOSED_MIN {
            self.many_closed.notify_one();
        }
        if state.free.len() == state.slots.len() {
            (state.slots, state.free) = (Vec::new(), Vec::new());
            self.none_left.notify_waiters();
        }
    }

    /// Tells all, also those that come later.
    pub(crate) fn end(&self, how: Ending) {
        self.ending.fetch_max(how as u8, Ordering::AcqRel);
        let all: Vec<Arc<TcpOutlet>> = self.state().slots.iter().flatten().cloned().collect();
        all.iter().for_each(|outlet| outlet.wake());
    }

    /// How a connection is to end.
    pub(crate) fn ending(&self) -> Ending {
        match self.ending.load(Ordering::Acquire) {
            0 => Ending::No,
            1 => Ending::Goodbye,
            _ => Ending::Abrupt,
        }
    }

    /// Waits until none is left.
    pub(crate) async fn ended(&self) {
        loop {
            let none_left = self.none_left.notified();
            let mut none_left = std::pin::pin!(none_left);
            none_left.as_mut().enable();
            if self.state().slots.is_empty() {
                return;
            }
            none_left.await;
        }
    }

    /// Gives memory back whenever many have closed, for ever.
    pub(crate) async fn give_back_memory(&self) {
        loop {
            self.many_closed.notified().await;
            tokio::time::sleep(GIVE_BACK_PAUSE).await;
            self.state().closed = 0;
            // Walks the whole heap: not on a thread that serves sockets. A runtime that ends needs no memory back.
            let _ = tokio::task::spawn_blocking(stele_memory::give_back).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic holds the lock")
    }
}

#[cfg(test)]
mod tests {
    use crate::drive::Drive;
    use crate::tcp_outlet::TcpOutlet;

    /// What an idle connection costs begins here; the runtime adds 104 bytes to a task and rounds up to
    /// a multiple of 128.
    #[test]
    fn a_connection_is_small() {
        assert!(size_of::<Drive>() <= 152, "{}", size_of::<Drive>());
        assert!(size_of::<TcpOutlet>() <= 136, "{}", size_of::<TcpOutlet>());
    }
}
