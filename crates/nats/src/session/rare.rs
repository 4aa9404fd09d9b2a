//! What most idle connections never need, boxed so that they do not pay for it.

use crate::jetstream::{JetStream, Settings};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use stele_model::{SubscriptionId, Ticket, Turn};

/// Acknowledgements that are waited for, subscriptions with odd names, JetStream's own state.
#[derive(Debug)]
pub(super) struct Rare {
    pub(super) jetstream: JetStream,
    /// In the order of their tickets.
    acks: VecDeque<(Ticket, Box<[u8]>)>,
    /// Subscriptions whose sid is no plain number; see [`Rare::id_of`].
    names: BTreeMap<Box<[u8]>, u64>,
    names_made: u64,
}

impl Rare {
    /// For a connection that needs it now.
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self {
            jetstream: JetStream::new(settings),
            acks: VecDeque::new(),
            names: BTreeMap::new(),
            names_made: 0,
        }
    }

    /// Remembers where the acknowledgement for `ticket` goes.
    pub(super) fn expect_ack(&mut self, ticket: Ticket, reply: &[u8]) {
        debug_assert!(self.acks.back().is_none_or(|(last, _)| *last < ticket), "tickets rise");
        self.acks.push_back((ticket, reply.into()));
    }

    /// Where the acknowledgement for `ticket` goes; `None`: this is no publish's ticket.
    pub(super) fn take_ack(&mut self, ticket: Ticket) -> Option<Box<[u8]>> {
        if self.acks.front().is_some_and(|(first, _)| *first == ticket) {
            let (_, reply) = self.acks.pop_front()?;
            // A burst leaves no memory behind.
            if self.acks.is_empty() && self.acks.capacity() > ACKS_KEPT {
                self.acks = VecDeque::new();
            }
            return Some(reply);
        }
        let at = self.acks.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()?;
        self.acks.remove(at).map(|(_, reply)| reply)
    }

    /// Publishes whose acknowledgement has not come.
    pub(super) fn acks_pending(&self) -> usize {
        self.acks.len()
    }

    /// The number of a subscription whose sid is no plain number.
    pub(super) fn id_of(&self, sid: &[u8]) -> Option<SubscriptionId> {
        self.names.get(sid).map(|id| SubscriptionId(*id))
    }

    /// The sid of a subscription that [`Rare::name`] numbered.
    pub(super) fn sid_of(&self, id: SubscriptionId) -> Option<&[u8]> {
        self.names.iter().find(|(_, number)| **number == id.0).map(|(sid, _)| &**sid)
    }

    /// Numbers a subscription whose sid is no plain number.
    pub(super) fn name(&mut self, sid: &[u8], turn: &mut Turn<'_, '_>) -> SubscriptionId {
        let live = turn.subscriptions();
        // Subscriptions that ended by themselves leave their names behind.
        if live > 0 && self.names.len() > 2 * live + NAMES_KEPT {
            self.names.retain(|_, id| turn.is_subscribed(SubscriptionId(*id)));
        }
        let id = NAMED | self.names_made;
        self.names_made += 1;
        self.names.insert(sid.into(), id);
        SubscriptionId(id)
    }

    /// The subscription is gone.
    pub(super) fn forget(&mut self, sid: &[u8]) {
        self.names.remove(sid);
    }
}

/// Ids from here on stand for names; ids below are the sids themselves.
pub(super) const NAMED: u64 = 1 << 63;

const ACKS_KEPT: usize = 64;
const NAMES_KEPT: usize = 64;
