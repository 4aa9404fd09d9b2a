//! What most clients never send: QoS 2, topic aliases, and the refusal of a message that several streams keep.

use super::exactly_once::Owed;
use super::inbound::Inbound;
use crate::codec::PacketId;
use std::collections::{BTreeSet, VecDeque};
use stele_model::Error;

/// What comes of QoS 2, of aliases, and of refusals.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// Topics by alias − 1.
    pub aliases: Vec<Option<Box<str>>>,
    /// Packet ids of QoS 2 publishes that came, until PUBREL.
    pub received: BTreeSet<u16>,
    /// PUBRECs behind a refusal that cannot be told yet, and that one.
    pub owed: VecDeque<Owed>,
    /// Some earlier ticket of the message that is next was refused.
    pub refused: Option<Error>,
}

impl Inbound {
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// A QoS 2 publish with this id came, and no PUBREL yet.
    pub(super) fn has_received(&self, packet_id: PacketId) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.received.contains(&packet_id.get()))
    }

    /// False: there was none.
    pub(super) fn forget_received(&mut self, packet_id: PacketId) -> bool {
        self.rare.as_mut().is_some_and(|rare| rare.received.remove(&packet_id.get()))
    }

    pub(super) fn received_count(&self) -> usize {
        self.rare.as_ref().map_or(0, |rare| rare.received.len())
    }

    pub(super) fn take_refused(&mut self) -> Option<Error> {
        self.rare.as_mut().and_then(|rare| rare.refused.take())
    }
}
