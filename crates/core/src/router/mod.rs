//! The live router: which connections and streams a subject reaches.
//!
//! Read-mostly: a change takes the write lock and raises the generation; readers keep what they found until the
//! generation moves ([`MatchCache`]). The router never knows a wire: it holds formats and links.
//!
//! A worker outlives the connections, and serves several brokers of one process. So its cache only points at what the
//! router holds ([`Found`]): a change drops the sets for all workers, and with them the links of closed connections.

mod entry;
mod trie;

pub(crate) use entry::{CaptureTarget, Entry, MatchSet};

use crate::Link;
use crate::store::Captures;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, Weak};
use stele_model::{ConnectionId, Filter, StreamName};
pub(crate) use trie::Trie;

/// A connection's cache keeps at most this many subjects.
const CACHED_SUBJECTS_MAX: usize = 4096;

/// Longer subjects are looked up every time.
const CACHED_SUBJECT_BYTES_MAX: usize = 256;

/// All live subscriptions, and what the streams capture.
#[derive(Default)]
pub struct Router {
    /// Tells routers apart, whatever their addresses were.
    identity: Arc<()>,
    generation: AtomicU64,
    found: Mutex<Found>,
    entries: RwLock<Trie<Arc<Entry>>>,
    captures: RwLock<CaptureTable>,
    /// Links that wait for a receiver, by subject.
    watched: Mutex<Watched>,
}

/// What workers found in the present generation.
type Found = HashMap<Box<[u8]>, Arc<MatchSet>>;

type Watched = BTreeMap<Box<[u8]>, Vec<Arc<Link>>>;

#[derive(Default)]
struct CaptureTable {
    trie: Trie<CaptureTarget>,
    by_stream: HashMap<StreamName, Vec<Filter>>,
    session_trie: Trie<()>,
}

impl Router {
    pub(crate) fn insert(&self, filter: &Filter, entry: Arc<Entry>) {
        self.entries.write().expect("no panic holds the lock").insert(filter, entry);
        self.changed();
        self.tell_watchers(filter);
    }

    pub(crate) fn remove(&self, filter: &Filter, entry: &Arc<Entry>) {
        let removed = self
            .entries
            .write()
            .expect("no panic holds the lock")
            .remove(filter, |other| Arc::ptr_eq(other, entry));
        self.changed();
        drop(removed);
    }

    /// What was found for any subject may be wrong from now on.
    pub(crate) fn changed(&self) {
        let mut found = self.found.lock().expect("no panic holds the lock");
        self.generation.fetch_add(1, Ordering::Release);
        let outdated = std::mem::take(&mut *found);
        drop(found);
        drop(outdated);
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What the subject reaches, kept for all workers as long as the generation stands.
    fn find_kept(&self, subject: &[u8]) -> Arc<MatchSet> {
        let kept = |found: &Found| found.get(subject).cloned();
        if let Some(set) = kept(&self.found.lock().expect("no panic holds the lock")) {
            return set;
        }
        let generation = self.generation();
        let set = self.find(subject);
        let mut found = self.found.lock().expect("no panic holds the lock");
        // The generation moves under this lock: what was found in an earlier one is not kept.
        if generation == self.generation() {
            if found.len() >= CACHED_SUBJECTS_MAX {
                found.clear();
            }
            found.insert(subject.into(), set.clone());
        }
        set
    }

    pub(crate) fn find(&self, subject: &[u8]) -> Arc<MatchSet> {
        let internal = is_internal(subject);
        let mut found = Vec::new();
        self.entries.read().expect("no panic holds the lock").find(subject, &mut |entry: &Arc<Entry>| {
            let hidden = internal && entry.hides_internal;
            if !hidden && !entry.is_spent() {
                found.push(entry.clone());
            }
        });
        let table = self.captures.read().expect("no panic holds the lock");
        let mut captures: Vec<CaptureTarget> = Vec::new();
        table.trie.find(subject, &mut |target| {
            // A stream stores a message once, however many of its filters match.
            if !captures.contains(target) {
                captures.push(target.clone());
            }
        });
        let mut sessions = false;
        table.session_trie.find(subject, &mut |()| sessions = true);
        drop(table);
        captures.sort_by(|a, b| (b.acknowledges, &a.stream).cmp(&(a.acknowledges, &b.stream)));
        Arc::new(MatchSet::build(found, captures, sessions))
    }

    pub(crate) fn watch(&self, subject: &[u8], link: &Arc<Link>, on: bool) {
        let mut watched = self.watched.lock().expect("no panic holds the lock");
        let links = watched.entry(subject.into()).or_default();
        links.retain(|other| other.id != link.id);
        if on {
            links.push(link.clone());
        } else if links.is_empty() {
            watched.remove(subject);
        }
    }

    /// Forgets everything that a closed connection watched.
    pub(crate) fn unwatch(&self, id: ConnectionId) {
        let mut watched = self.watched.lock().expect("no panic holds the lock");
        watched.retain(|_, links| {
            links.retain(|link| link.id != id);
            !links.is_empty()
        });
    }

    fn tell_watchers(&self, filter: &Filter) {
        let watched = self.watched.lock().expect("no panic holds the lock");
        if watched.is_empty() {
            return;
        }
        let matching = |subject: &[u8]| filter.matches(subject);
        let links: Vec<Arc<Link>> = watched
            .iter()
            .filter(|(subject, _)| matching(subject))
            .flat_map(|(_, links)| links.iter().cloned())
            .collect();
        drop(watched);
        for link in links {
            link.with_inbox(|inbox| inbox.watched = true);
            link.outlet.wake();
        }
    }
}

impl Captures for Router {
    fn set(&self, stream: &StreamName, filters: &[Filter], acknowledges: bool) {
        let mut guard = self.captures.write().expect("no panic holds the lock");
        let table = &mut *guard;
        for filter in table.by_stream.remove(stream).unwrap_or_default() {
            table.trie.remove(&filter, |target| target.stream == *stream);
        }
        for filter in filters {
            table.trie.insert(filter, CaptureTarget { stream: stream.clone(), acknowledges });
        }
        if !filters.is_empty() {
            table.by_stream.insert(stream.clone(), filters.to_vec());
        }
        drop(guard);
        self.changed();
    }

    fn wants(&self, subject: &[u8]) -> bool {
        let internal = is_internal(subject);
        let mut wanted = false;
        self.entries.read().expect("no panic holds the lock").find(subject, &mut |entry: &Arc<Entry>| {
            wanted |= !(internal && entry.hides_internal || entry.is_spent());
        });
        let table = self.captures.read().expect("no panic holds the lock");
        table.session_trie.find(subject, &mut |()| wanted = true);
        wanted
    }

    fn set_sessions(&self, filters: &[Filter]) {
        let mut guard = self.captures.write().expect("no panic holds the lock");
        let table = &mut *guard;
        table.session_trie = Trie::default();
        for filter in filters {
            table.session_trie.insert(filter, ());
        }
        drop(guard);
        self.changed();
    }
}

/// A leading wildcard of MQTT does not match such a subject (semantics 40).
fn is_internal(subject: &[u8]) -> bool {
    subject.first() == Some(&b'$') || subject.starts_with(b"_INBOX.")
}

/// What a worker found lately. Valid for one generation of one router; the router holds the sets.
#[derive(Default)]
pub(crate) struct MatchCache {
    router: Option<Arc<()>>,
    generation: u64,
    last: Option<(Box<[u8]>, Weak<MatchSet>)>,
    sets: HashMap<Box<[u8]>, Weak<MatchSet>>,
}

impl MatchCache {
    /// What the subject reaches.
    pub(crate) fn find(&mut self, router: &Router, subject: &[u8]) -> Arc<MatchSet> {
        self.refresh(router);
        if let Some((last, set)) = &self.last
            && **last == *subject
            && let Some(set) = set.upgrade()
        {
            return set;
        }
        if subject.len() > CACHED_SUBJECT_BYTES_MAX || subject.starts_with(b"_INBOX.") {
            return router.find(subject);
        }
        let set = match self.sets.get(subject).and_then(Weak::upgrade) {
            Some(set) => set,
            None => {
                let set = router.find_kept(subject);
                if self.sets.len() >= CACHED_SUBJECTS_MAX {
                    self.sets.clear();
                }
                self.sets.insert(subject.into(), Arc::downgrade(&set));
                set
            }
        };
        self.last = Some((subject.into(), Arc::downgrade(&set)));
        set
    }

    /// Forgets what was found in another generation, or by another router: a worker may serve several brokers.
    pub(crate) fn refresh(&mut self, router: &Router) {
        let generation = router.generation();
        let same = self.router.as_ref().is_some_and(|known| Arc::ptr_eq(known, &router.identity));
        if !same {
            self.router = Some(router.identity.clone());
        }
        if !same || generation != self.generation {
            self.generation = generation;
            self.last = None;
            self.sets.clear();
        }
    }

    /// Drops what is cached.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests;
