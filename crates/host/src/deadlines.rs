//! When which connection must be looked at: one ordered list for all, one timer.
//!
//! A connection that moves its deadline back (every packet does) leaves its entry alone; it is woken once too early and
//! then moves the entry. So the list is touched once per deadline, not once per packet.

use crate::Clock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stele_core::Outlet;
use stele_model::ConnectionId;
use tokio::sync::Notify;

/// Entries within this span are served together.
const RESOLUTION_NS: u64 = 1_000_000;

/// The list.
#[derive(Default)]
pub struct Deadlines {
    entries: Mutex<BTreeMap<(u64, ConnectionId), Arc<dyn Outlet>>>,
    earlier: Notify,
}

impl Deadlines {
    /// Moves a connection's entry from one time to another; 0: none.
    pub fn change(&self, id: ConnectionId, outlet: &Arc<dyn Outlet>, from: u64, to: u64) {
        let mut entries = self.entries.lock().expect("no panic holds the lock");
        if from != 0 {
            entries.remove(&(from, id));
        }
        if to == 0 {
            return;
        }
        let first = entries.first_key_value().map(|(key, _)| key.0);
        entries.insert((to, id), outlet.clone());
        drop(entries);
        if first.is_none_or(|first| to < first) {
            self.earlier.notify_one();
        }
    }

    /// Wakes connections at their time, for ever.
    pub async fn run(&self, clock: Clock) {
        loop {
            let next = self.wake_due(clock.now().monotonic_ns);
            let earlier = self.earlier.notified();
            match next {
                None => earlier.await,
                Some(next) => {
                    let at = tokio::time::Instant::from_std(clock.instant(next));
                    let _ = tokio::time::timeout_at(at + Duration::from_nanos(RESOLUTION_NS), earlier).await;
                }
            }
        }
    }

    /// Wakes what is due; returns the next time.
    fn wake_due(&self, now_ns: u64) -> Option<u64> {
        let mut due = Vec::new();
        let mut entries = self.entries.lock().expect("no panic holds the lock");
        let next = loop {
            match entries.first_entry() {
                Some(entry) if entry.key().0 <= now_ns => due.push(entry.remove()),
                Some(entry) => break Some(entry.key().0),
                None => break None,
            }
        };
        drop(entries);
        for outlet in due {
            outlet.wake();
        }
        next
    }
}
