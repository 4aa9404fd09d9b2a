//! One subscription in the router, and the set of those that a subject reaches.

use crate::Link;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stele_model::{Filter, Format, Quality, StreamName, Subscribe, SubscribeDelivery, SubscriptionId};

/// A subscription of a connection.
pub(crate) struct Entry {
    pub(crate) link: Arc<Link>,
    pub(crate) id: SubscriptionId,
    pub(crate) form: Form,
    pub(crate) group: Option<Arc<[u8]>>,
    /// Of a member of a group.
    group_filter: Option<Filter>,
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
    /// As `EncodedOnce` for messages that may be lost, through the session for others.
    EncodedIfVolatile(Arc<dyn Format>),
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
                SubscribeDelivery::EncodedIfVolatile(format) => Form::EncodedIfVolatile(format),
                SubscribeDelivery::Handed => Form::Handed,
            },
            group_filter: subscribe.group.as_ref().map(|_| subscribe.filter.clone()),
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

    /// Messages of this quality are written straight to the socket.
    pub(crate) fn is_encoded_at(&self, quality: Quality) -> bool {
        match self.form {
            Form::Encoded(_) | Form::EncodedOnce(_) => true,
            Form::EncodedIfVolatile(_) => quality == Quality::AtMostOnce,
            Form::Handed => false,
        }
    }

    pub(crate) fn format(&self) -> Option<&Arc<dyn Format>> {
        match &self.form {
            Form::Encoded(format) | Form::EncodedOnce(format) | Form::EncodedIfVolatile(format) => {
                Some(format)
            }
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
    /// Its only entry stands among the encoded ones, too, for messages that may be lost.
    pub(crate) reliable_only: bool,
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
                (None, Form::EncodedOnce(_) | Form::EncodedIfVolatile(_) | Form::Handed) => once.push(entry),
            }
        }
        set.join_groups();
        set.add_once(once);
        set.encoded.sort_by(|a, b| class(a).cmp(class(b)).then(a.link.id.cmp(&b.link.id)));
        for index in 1..=set.encoded.len() {
            if index == set.encoded.len() || class(&set.encoded[index]) != class(&set.encoded[index - 1]) {
                set.class_ends.push(index);
            }
        }
        set
    }

    /// A group whose name holds a filter (`name`, 0, filter: MQTT) joins the group `name` if one of its members here
    /// has exactly that filter; else it is a group of its own (semantics of shared work over wires).
    fn join_groups(&mut self) {
        let split = |name: &[u8]| name.iter().position(|byte| *byte == 0);
        for index in (0..self.groups.len()).rev() {
            let Some(name) = self.groups[index][0].group.clone() else { continue };
            let Some(at) = split(&name) else { continue };
            let filter = &name[at + 1..];
            let is_host = |members: &Vec<Arc<Entry>>| {
                members[0].group.as_deref() == Some(&name[..at])
                    && members.iter().any(|member| {
                        member.group_filter.as_ref().is_some_and(|other| other.as_bytes() == filter)
                    })
            };
            if let Some(host) = self.groups.iter().position(is_host) {
                let members = std::mem::take(&mut self.groups[index]);
                self.groups[host].extend(members);
                self.groups.remove(index);
            }
        }
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
            let single = entries.len() == 1 && entries[0].is_unbounded();
            let (encoded, handed) = match entries[0].form {
                Form::EncodedOnce(_) if single => (true, false),
                Form::EncodedIfVolatile(_) if single => (true, true),
                _ => (false, true),
            };
            if encoded {
                self.encoded.push(entries[0].clone());
            }
            if handed {
                let link = entries[0].link.clone();
                self.handed.push(HandedMatch { link, entries: entries.to_vec(), reliable_only: encoded });
            }
        }
    }
}

fn class(entry: &Entry) -> &[u8] {
    entry.format().map_or(&[], |format| format.class())
}
