//! One subscription in the router, and the set of those that a subject reaches.

use crate::Link;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stele_model::{Format, StreamName, Subscribe, SubscribeDelivery, SubscriptionId};

/// A subscription of a connection.
pub(crate) struct Entry {
    pub(crate) link: Arc<Link>,
    pub(crate) id: SubscriptionId,
    pub(crate) form: Form,
    pub(crate) group: Option<Arc<[u8]>>,
    pub(crate) hides_internal: bool,
    pub(crate) no_local: bool,
    pub(crate) volatile_only: bool,
    delivered: AtomicU64,
    /// The subscription is over after this many deliveries.
    deliveries_max: AtomicU64,
}

/// In which form an entry receives.
#[derive(Clone)]
pub(crate) enum Form {
    /// Straight to the socket.
    Encoded(Arc<dyn Format>),
    /// Straight to the socket, unless the connection has several matching subscriptions.
    EncodedOnce(Arc<dyn Format>),
    /// Through the session.
    Handed,
}

impl Entry {
    pub(crate) fn new(link: Arc<Link>, subscribe: Subscribe) -> Self {
        Self {
            link,
            id: subscribe.id,
            form: match subscribe.delivery {
                SubscribeDelivery::Encoded(format) => Form::Encoded(format),
                SubscribeDelivery::EncodedOnce(format) => Form::EncodedOnce(format),
                SubscribeDelivery::Handed => Form::Handed,
            },
            group: subscribe.group,
            hides_internal: subscribe.hides_internal,
            no_local: subscribe.no_local,
            volatile_only: subscribe.volatile_only,
            delivered: AtomicU64::new(0),
            deliveries_max: AtomicU64::new(u64::MAX),
        }
    }

    /// Ends the subscription after this many deliveries. The caller raises the router's generation.
    pub(crate) fn end_after(&self, deliveries: u64) {
        self.deliveries_max.store(deliveries, Ordering::Release);
    }

    /// No end is set: deliveries need only be counted.
    pub(crate) fn is_unbounded(&self) -> bool {
        self.deliveries_max.load(Ordering::Acquire) == u64::MAX
    }

    /// Counts deliveries to a subscription without an end.
    pub(crate) fn count(&self, deliveries: usize) {
        self.delivered.fetch_add(deliveries as u64, Ordering::AcqRel);
    }

    /// Counts one delivery; false when there are none left.
    pub(crate) fn take_one(&self) -> bool {
        let max = self.deliveries_max.load(Ordering::Acquire);
        let below = |count: u64| (count < max).then_some(count + 1);
        self.delivered.fetch_update(Ordering::AcqRel, Ordering::Acquire, below).is_ok()
    }

    /// No delivery is left: the subscription is over.
    pub(crate) fn is_spent(&self) -> bool {
        self.delivered.load(Ordering::Acquire) >= self.deliveries_max.load(Ordering::Acquire)
    }

    pub(crate) fn format(&self) -> Option<&Arc<dyn Format>> {
        match &self.form {
            Form::Encoded(format) | Form::EncodedOnce(format) => Some(format),
            Form::Handed => None,
        }
    }
}

/// Everything that a subject reaches, in the order in which it is served. Built once per subject and generation.
#[derive(Default)]
pub(crate) struct MatchSet {
    /// Encoded receivers; those with equal class bytes stand together.
    pub(crate) encoded: Vec<Arc<Entry>>,
    /// Index after the last entry of each class in `encoded`.
    pub(crate) class_ends: Vec<usize>,
    /// Encoded receivers that count their deliveries.
    pub(crate) bounded: Vec<Arc<Entry>>,
    /// Connections that are handed the message, with their matching subscriptions.
    pub(crate) handed: Vec<HandedMatch>,
    /// Of each group one member receives.
    pub(crate) groups: Vec<Vec<Arc<Entry>>>,
    /// Streams that store it.
    pub(crate) captures: Vec<CaptureTarget>,
    /// Some stored session wants it, if it is of quality ≥ 1.
    pub(crate) sessions: bool,
}

/// A connection whose session takes the message itself.
pub(crate) struct HandedMatch {
    pub(crate) link: Arc<Link>,
    pub(crate) entries: Vec<Arc<Entry>>,
}

/// A stream that captures a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CaptureTarget {
    pub(crate) stream: StreamName,
    pub(crate) acknowledges: bool,
}

impl MatchSet {
    /// Sorts the found entries into the ways in which they receive.
    pub(crate) fn build(found: Vec<Arc<Entry>>, captures: Vec<CaptureTarget>, sessions: bool) -> Self {
        let mut set = Self { captures, sessions, ..Self::default() };
        let mut once: Vec<Arc<Entry>> = Vec::new();
        for entry in found {
            match (&entry.group, &entry.form) {
                (Some(name), _) => set.add_member(name.clone(), entry),
                (None, Form::Encoded(_)) if entry.is_unbounded() => set.encoded.push(entry),
                (None, Form::Encoded(_)) => set.bounded.push(entry),
                (None, Form::EncodedOnce(_) | Form::Handed) => once.push(entry),
            }
        }
        set.add_once(once);
        set.encoded.sort_by(|a, b| class(a).cmp(class(b)).then(a.link.id.cmp(&b.link.id)));
        for index in 1..=set.encoded.len() {
            if index == set.encoded.len() || class(&set.encoded[index]) != class(&set.encoded[index - 1]) {
                set.class_ends.push(index);
            }
        }
        set
    }

    /// Does anybody live receive?
    pub(crate) fn has_live(&self) -> bool {
        !(self.encoded.is_empty()
            && self.bounded.is_empty()
            && self.handed.is_empty()
            && self.groups.is_empty())
    }

    fn add_member(&mut self, name: Arc<[u8]>, entry: Arc<Entry>) {
        let group = self.groups.iter_mut().find(|members| members[0].group.as_deref() == Some(&*name));
        match group {
            Some(members) => members.push(entry),
            None => self.groups.push(vec![entry]),
        }
    }

    /// One delivery per connection: encoded where one subscription matches, handed where several do.
    fn add_once(&mut self, mut once: Vec<Arc<Entry>>) {
        once.sort_by_key(|entry| (entry.link.id, entry.id));
        for entries in once.chunk_by(|a, b| a.link.id == b.link.id) {
            if let [entry] = entries
                && matches!(entry.form, Form::EncodedOnce(_))
                && entry.is_unbounded()
            {
                self.encoded.push(entry.clone());
            } else {
                self.handed.push(HandedMatch { link: entries[0].link.clone(), entries: entries.to_vec() });
            }
        }
    }
}

fn class(entry: &Entry) -> &[u8] {
    entry.format().map_or(&[], |format| format.class())
}
