//! The state of stored sessions as a function of their frames.

use super::frames::{
    FilterPut, FilterRemoved, MessageQueued, MessageReceived, MessagesDone, SessionDetached, SessionPut,
    SessionRemoved, WillDone,
};
use crate::journal::{Lsn, StoredFrame};
use crate::router::Trie;
use crate::store::Keeper;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use stele_model::{Filter, Offset, Quality, RecordOrigin, SessionFilter, Will};

/// All stored sessions, with the messages that they wait for.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// By client id.
    pub sessions: BTreeMap<Arc<[u8]>, Kept>,
    /// Messages that some queue holds, by number.
    pub messages: BTreeMap<u64, KeptMessage>,
    /// The number of the next message.
    pub next: u64,
    /// Whose filters match a subject.
    trie: Trie<Arc<[u8]>>,
    /// How many sessions want each filter that a queue is fed by.
    wanted: BTreeMap<Filter, usize>,
    /// By shard and log: produced records below this offset are in the queues that they belong to.
    pub relayed: BTreeMap<(u16, u64), Offset>,
    /// `wanted` has other keys than were last told to the router.
    pub wanted_changed: bool,
}

/// A stored session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub expiry_s: u32,
    pub queued_max: u64,
    /// When the connection ended (ns); `None`: it has one.
    pub detached_ns: Option<u64>,
    pub will: Option<Will>,
    pub filters: Vec<SessionFilter>,
    /// For each of `filters`, where it was first subscribed to (journal position).
    pub since: Vec<u64>,
    pub queue: VecDeque<Entry>,
    /// The ordinal of the queue's front.
    pub first: u64,
    pub sent_below: u64,
    /// QoS 2 publishes before PUBREL, by packet id.
    pub claimed: BTreeMap<u16, Claimed>,
    /// Messages that the full queue did not take.
    pub dropped: u64,
}

/// What is stored of a QoS 2 publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// Everything.
    Whole,
    /// This; others refused it.
    Partly(Vec<Keeper>),
}

/// A message in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number among all messages.
    pub number: u64,
    /// min(published, granted).
    pub quality: Quality,
    pub options: u8,
    pub identifiers: Box<[u32]>,
    pub progress: Progress,
}

/// How far the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Waits,
    /// PUBREC came.
    Received,
    /// Finished, with others before it.
    Done,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeptMessage {
    pub position: u64,
    pub length: u32,
    pub lsn: Lsn,
    /// Queues that hold it.
    pub holders: usize,
}

/// What a message is to one session.
pub(crate) struct Match {
    pub client: Arc<[u8]>,
    entry: Entry,
}

impl State {
    /// The sessions that a message is for: those with a subscription that grants more than once at most.
    /// A record at a position of the journal is for those that were made before it.
    pub(crate) fn matches(&self, message: &MessageQueued, position: Option<u64>) -> Vec<Match> {
        let mut clients: BTreeSet<&Arc<[u8]>> = BTreeSet::new();
        self.trie.find(&message.subject, &mut |client| {
            clients.insert(client);
        });
        let found = clients.into_iter().filter_map(|client| {
            let session = self.sessions.get(client)?;
            let entry = session.entry(client, message, position)?;
            Some(Match { client: client.clone(), entry })
        });
        found.collect()
    }

    /// The filters by which queues are fed.
    pub(crate) fn wanted(&self) -> Vec<Filter> {
        self.wanted.keys().cloned().collect()
    }

    pub(crate) fn put(&mut self, put: &SessionPut) {
        let client: Arc<[u8]> = put.client.as_slice().into();
        let session = self.sessions.entry(client).or_insert_with(|| Kept {
            expiry_s: 0,
            queued_max: 0,
            detached_ns: None,
            will: None,
            filters: Vec::new(),
            since: Vec::new(),
            queue: VecDeque::new(),
            first: 0,
            sent_below: 0,
            claimed: BTreeMap::new(),
            dropped: 0,
        });
        session.expiry_s = put.expiry_s;
        session.queued_max = put.queued_max;
        session.detached_ns = None;
        session.will.clone_from(&put.will);
    }

    pub(crate) fn detached(&mut self, detached: &SessionDetached) {
        let Some(session) = self.sessions.get_mut(detached.client.as_slice()) else { return };
        session.detached_ns = Some(detached.time_ns);
        session.expiry_s = detached.expiry_s;
        session.sent_below = session.sent_below.max(detached.sent_below);
        if detached.drop_will {
            session.will = None;
        }
    }

    pub(crate) fn removed(&mut self, removed: &SessionRemoved) {
        let Some((client, session)) = self.sessions.remove_entry(removed.client.as_slice()) else { return };
        for filter in &session.filters {
            self.unlist(&client, filter);
        }
        for entry in session.queue.iter().filter(|entry| entry.progress != Progress::Done) {
            release(&mut self.messages, entry.number);
        }
    }

    /// `position` is that of the frame; a subscription that is replaced goes on without a gap.
    pub(crate) fn filter_put(&mut self, put: &FilterPut, position: u64) -> bool {
        let Some((client, _)) = self.sessions.get_key_value(put.client.as_slice()) else { return false };
        let client = client.clone();
        let since = self.take_filter(&client, &put.filter.name);
        self.list(&client, &put.filter);
        if let Some(session) = self.sessions.get_mut(&client) {
            session.filters.push(put.filter.clone());
            session.since.push(since.unwrap_or(position));
        }
        since.is_some()
    }

    pub(crate) fn filter_removed(&mut self, removed: &FilterRemoved) -> bool {
        let Some((client, _)) = self.sessions.get_key_value(removed.client.as_slice()) else { return false };
        let client = client.clone();
        self.take_filter(&client, &removed.name).is_some()
    }

    pub(crate) fn queued(
        &mut self,
        message: &MessageQueued,
        origin: Option<&RecordOrigin>,
        stored: StoredFrame,
        length: u32,
    ) -> Vec<Arc<[u8]>> {
        self.next = self.next.max(message.number + 1);
        if let Some(origin) = origin.filter(|origin| origin.is_kept()) {
            self.relayed.insert((origin.shard, origin.log), origin.offset + 1);
        }
        let mut takers = Vec::new();
        for Match { client, entry } in self.matches(message, origin.map(|origin| origin.position)) {
            let Some(session) = self.sessions.get_mut(&client) else { continue };
            if session.queue.len() as u64 >= session.queued_max {
                session.dropped += 1;
                continue;
            }
            session.queue.push_back(entry);
            takers.push(client);
        }
        if !takers.is_empty() {
            let kept =
                KeptMessage { position: stored.position, length, lsn: stored.lsn, holders: takers.len() };
            self.messages.insert(message.number, kept);
        }
        takers
    }

    pub(crate) fn done(&mut self, done: &MessagesDone) {
        let Some(session) = self.sessions.get_mut(done.client.as_slice()) else { return };
        for ordinal in &done.ordinals {
            if let Some(entry) = session.entry_mut(*ordinal)
                && entry.progress != Progress::Done
            {
                entry.progress = Progress::Done;
                let number = entry.number;
                release(&mut self.messages, number);
            }
        }
        while session.queue.front().is_some_and(|entry| entry.progress == Progress::Done) {
            session.queue.pop_front();
            session.first += 1;
        }
        if session.queue.is_empty() {
            session.queue = VecDeque::new();
        }
    }

    pub(crate) fn received(&mut self, received: &MessageReceived) {
        let session = self.sessions.get_mut(received.client.as_slice());
        if let Some(entry) = session.and_then(|session| session.entry_mut(received.ordinal))
            && entry.progress == Progress::Waits
        {
            entry.progress = Progress::Received;
        }
    }

    pub(crate) fn will_done(&mut self, done: &WillDone) {
        if let Some(session) = self.sessions.get_mut(done.client.as_slice()) {
            session.will = None;
        }
    }

    /// Since when it was there.
    fn take_filter(&mut self, client: &Arc<[u8]>, name: &[u8]) -> Option<u64> {
        let session = self.sessions.get_mut(client)?;
        let index = session.filters.iter().position(|filter| filter.name == name)?;
        let filter = session.filters.remove(index);
        let since = session.since.remove(index);
        self.unlist(client, &filter);
        Some(since)
    }

    /// From now on the subscription feeds the session.
    pub(super) fn list(&mut self, client: &Arc<[u8]>, filter: &SessionFilter) {
        for subject in &filter.filters {
            self.trie.insert(subject, client.clone());
            if filter.feeds() {
                let count = self.wanted.entry(subject.clone()).or_insert(0);
                *count += 1;
                self.wanted_changed |= *count == 1;
            }
        }
    }

    fn unlist(&mut self, client: &Arc<[u8]>, filter: &SessionFilter) {
        for subject in &filter.filters {
            self.trie.remove(subject, |other| other == client);
            if filter.feeds()
                && let Some(count) = self.wanted.get_mut(subject)
            {
                *count -= 1;
                if *count == 0 {
                    self.wanted.remove(subject);
                    self.wanted_changed = true;
                }
            }
        }
    }
}

/// Does a subscription feed a queue?
trait Feeds {
    fn feeds(&self) -> bool;
}

impl Feeds for SessionFilter {
    fn feeds(&self) -> bool {
        self.group.is_none() && self.quality > Quality::AtMostOnce
    }
}

impl Kept {
    /// The number after the queue's last.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.queue.len() as u64
    }

    /// The message for this session: the highest quality, every identifier of what matches (MQTT 5 §3.3.4).
    fn entry(&self, client: &[u8], message: &MessageQueued, position: Option<u64>) -> Option<Entry> {
        let own = message.from.as_deref() == Some(client);
        let internal = message.subject.first() == Some(&b'$') || message.subject.starts_with(b"_INBOX.");
        let mut best: Option<&SessionFilter> = None;
        let mut identifiers = Vec::new();
        for (filter, since) in self.filters.iter().zip(&self.since) {
            if position.is_some_and(|position| position <= *since) {
                continue;
            }
            let hidden =
                filter.hides_internal && internal || filter.no_local && own || filter.group.is_some();
            if hidden || !filter.filters.iter().any(|subject| subject.matches(&message.subject)) {
                continue;
            }
            if filter.identifier != 0 && !identifiers.contains(&filter.identifier) {
                identifiers.push(filter.identifier);
            }
            if best.is_none_or(|best| filter.quality > best.quality) {
                best = Some(filter);
            }
        }
        let best = best?;
        let quality = best.quality.min(message.quality);
        (quality > Quality::AtMostOnce).then(|| Entry {
            number: message.number,
            quality,
            options: best.options,
            identifiers: identifiers.into(),
            progress: Progress::Waits,
        })
    }

    fn entry_mut(&mut self, ordinal: u64) -> Option<&mut Entry> {
        let index = usize::try_from(ordinal.checked_sub(self.first)?).ok()?;
        self.queue.get_mut(index)
    }
}

fn release(messages: &mut BTreeMap<u64, KeptMessage>, number: u64) {
    if let Some(message) = messages.get_mut(&number) {
        message.holders -= 1;
        if message.holders == 0 {
            messages.remove(&number);
        }
    }
}
