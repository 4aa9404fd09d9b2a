//! SUBSCRIBE, UNSUBSCRIBE and the subscriptions of a connection (§3.8 to §3.11).

use super::inbound::{Then, reason_of};
use super::live::Live;
use super::retained::RetainedWanted;
use super::will::quality;
use crate::codec::{
    PacketId, Properties, RetainHandling, Subscribe, Subscription, SubscriptionOptions, Unsubscribe,
    encode_suback, encode_unsuback,
};
use crate::mapping;
use crate::topic::SubscriptionTopic;
use crate::{MqttFormat, MqttSettings, Qos, ReasonCode, Version};
use std::sync::Arc;
use stele_model::{
    Error, Filter, Now, Order, Request, SessionCommand, SessionFilter, SubscribeDelivery, SubscriptionId,
    Ticket, Turn,
};

/// The subscriptions of a connection, by rising numbers.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    held: Vec<Held>,
    next: u32,
}

/// A subscription.
#[derive(Debug)]
struct Held {
    number: u32,
    /// As the client wrote it: UNSUBSCRIBE names it so.
    name: Box<str>,
    options: SubscriptionOptions,
    /// 0: none.
    identifier: u32,
    /// It needs two filters.
    double: bool,
}

/// What the matching subscriptions of a message want together: the highest quality, every identifier (§3.3.4).
#[derive(Debug)]
pub(super) struct Wanted {
    pub qos: Qos,
    pub retain_as_published: bool,
    pub identifiers: Box<[u32]>,
}

/// A SUBACK that waits for its subscriptions to be stored.
#[derive(Debug)]
pub(super) struct PendingSubAck {
    packet_id: PacketId,
    reasons: Vec<ReasonCode>,
    retained: Vec<RetainedWanted>,
}

impl Subscriptions {
    fn position(&self, name: &str) -> Option<usize> {
        self.held.iter().position(|held| &*held.name == name)
    }

    /// Adds or replaces; its number, and whether it was there.
    fn put(
        &mut self,
        name: &str,
        options: SubscriptionOptions,
        identifier: u32,
        double: bool,
    ) -> (u32, bool) {
        if let Some(index) = self.position(name) {
            let held = &mut self.held[index];
            (held.options, held.identifier) = (options, identifier);
            return (held.number, true);
        }
        let number = self.next;
        self.next += 1;
        self.held.push(Held { number, name: name.into(), options, identifier, double });
        (number, false)
    }

    fn remove(&mut self, name: &str) -> Option<Held> {
        let index = self.position(name)?;
        let held = self.held.remove(index);
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        Some(held)
    }

    /// `None` where none of them is there any more.
    pub(super) fn wanted(&self, ids: &[SubscriptionId]) -> Option<Wanted> {
        let mut found = false;
        let mut wanted =
            Wanted { qos: Qos::AtMostOnce, retain_as_published: false, identifiers: Box::default() };
        let mut identifiers = Vec::new();
        for id in ids {
            let number = u32::try_from(id.0 / 2).unwrap_or(u32::MAX);
            let Ok(index) = self.held.binary_search_by_key(&number, |held| held.number) else { continue };
            let held = &self.held[index];
            found = true;
            wanted.qos = wanted.qos.max(held.options.qos);
            wanted.retain_as_published |= held.options.retain_as_published;
            if held.identifier != 0 && !identifiers.contains(&held.identifier) {
                identifiers.push(held.identifier);
            }
        }
        wanted.identifiers = identifiers.into();
        found.then_some(wanted)
    }
}

/// The ids of a subscription's filters.
fn ids(number: u32) -> [SubscriptionId; 2] {
    [SubscriptionId(u64::from(number) * 2), SubscriptionId(u64::from(number) * 2 + 1)]
}

impl Live {
    pub(super) fn on_subscribe(
        &mut self,
        settings: &MqttSettings,
        packet: &Subscribe<'_>,
        turn: &mut Turn<'_, '_>,
    ) {
        let identifier = packet.properties.subscription_identifiers().next().unwrap_or(0);
        let mut pending =
            PendingSubAck { packet_id: packet.packet_id, reasons: Vec::new(), retained: Vec::new() };
        let mut last: Option<Ticket> = None;
        for subscription in packet.subscriptions.iter() {
            match self.subscribe(settings, &subscription, identifier, turn) {
                Ok((retained, ticket)) => {
                    pending.reasons.push(ReasonCode::granted(subscription.options.qos));
                    pending.retained.extend(retained);
                    if let Some(ticket) = ticket
                        && let Some(earlier) = last.replace(ticket)
                    {
                        self.inbound.expect(earlier, Then::More);
                    }
                }
                Err(reason) => pending.reasons.push(reason),
            }
        }
        match last {
            Some(ticket) => self.inbound.expect(ticket, Then::SubAck(Box::new(pending))),
            None => self.answer_subscribe(pending, None, turn),
        }
    }

    /// One line: what retained messages it wants, and the ticket of its storing.
    fn subscribe(
        &mut self,
        settings: &MqttSettings,
        subscription: &Subscription<'_>,
        identifier: u32,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(Option<RetainedWanted>, Option<Ticket>), ReasonCode> {
        let topic = SubscriptionTopic::parse(subscription.topic).map_err(|error| error.subscribe_reason())?;
        let known = self.subscriptions.position(subscription.topic).is_some();
        if !known && self.subscriptions.held.len() >= settings.subscriptions_max {
            return Err(ReasonCode::QUOTA_EXCEEDED);
        }
        let filter = to_filter(subscription.topic, &topic, subscription.options, identifier)?;
        self.register(&filter, subscription.options, turn);
        let options = subscription.options;
        let wants_retained = match options.retain_handling {
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => !known,
            RetainHandling::Ignore => false,
        };
        let retained = (wants_retained && topic.group.is_none())
            .then(|| RetainedWanted::new(topic.filter, options.qos, identifier))
            .flatten();
        let ticket = (self.is_stored() && topic.group.is_none()).then(|| {
            let command = SessionCommand::Subscribe { client: self.client.clone(), filter: Box::new(filter) };
            turn.request(Request::Session(command), Order::InTurn)
        });
        Ok((retained, ticket))
    }

    /// Makes the live part of a subscription.
    fn register(&mut self, filter: &SessionFilter, options: SubscriptionOptions, turn: &mut Turn<'_, '_>) {
        let Ok(name) = std::str::from_utf8(&filter.name) else { return };
        let (number, _) = self.subscriptions.put(name, options, filter.identifier, filter.filters.len() > 1);
        let identifier = (filter.identifier != 0 && self.version == Version::V5).then_some(filter.identifier);
        let format = Arc::new(MqttFormat::new(self.version, options, identifier, self.peer.packet_bytes_max));
        let stored = self.is_stored() && filter.group.is_none() && options.qos > Qos::AtMostOnce;
        for (id, subject) in ids(number).into_iter().zip(&filter.filters) {
            let delivery = if self.outbound.uses_aliases() {
                SubscribeDelivery::Handed
            } else if options.qos == Qos::AtMostOnce || stored {
                SubscribeDelivery::EncodedOnce(format.clone())
            } else {
                SubscribeDelivery::EncodedIfVolatile(format.clone())
            };
            turn.subscribe(stele_model::Subscribe {
                id,
                filter: subject.clone(),
                group: filter.group.as_deref().map(Arc::from),
                delivery,
                hides_internal: filter.hides_internal,
                no_local: options.no_local,
                volatile_only: stored,
            });
        }
    }

    /// A subscription that an earlier connection made.
    pub(super) fn restore(&mut self, filter: &SessionFilter, turn: &mut Turn<'_, '_>) {
        let options = SubscriptionOptions::from_byte(filter.options);
        self.register(filter, options, turn);
    }

    pub(super) fn send_suback(
        &mut self,
        _settings: &MqttSettings,
        _now: Now,
        pending: PendingSubAck,
        refused: Option<&Error>,
        turn: &mut Turn<'_, '_>,
    ) {
        self.answer_subscribe(pending, refused, turn);
    }

    fn answer_subscribe(
        &mut self,
        mut pending: PendingSubAck,
        refused: Option<&Error>,
        turn: &mut Turn<'_, '_>,
    ) {
        if let Some(error) = refused {
            let reason = reason_of(error);
            pending.reasons.iter_mut().filter(|code| !code.is_error()).for_each(|code| *code = reason);
            pending.retained.clear();
        }
        self.flush_acks(turn);
        let written = encode_suback(
            self.version,
            pending.packet_id,
            Properties::EMPTY,
            pending.reasons.iter().copied(),
            turn.send(),
        );
        debug_assert!(written.is_ok(), "a SUBACK is shorter than its SUBSCRIBE");
        for wanted in pending.retained {
            self.ask_for_retained(wanted, turn);
        }
    }

    pub(super) fn on_unsubscribe(&mut self, packet: &Unsubscribe<'_>, turn: &mut Turn<'_, '_>) {
        let mut reasons = Vec::new();
        let mut last: Option<Ticket> = None;
        for name in packet.topics.iter() {
            let Some(held) = self.subscriptions.remove(name) else {
                let known = SubscriptionTopic::parse(name).is_ok();
                let unknown = ReasonCode::NO_SUBSCRIPTION_EXISTED;
                reasons.push(if known { unknown } else { ReasonCode::TOPIC_FILTER_INVALID });
                continue;
            };
            for id in ids(held.number).into_iter().take(1 + usize::from(held.double)) {
                turn.unsubscribe(id);
            }
            if self.is_stored() && !name.starts_with("$share/") {
                let name = name.as_bytes().to_vec().into();
                let command = SessionCommand::Unsubscribe { client: self.client.clone(), name };
                let ticket = turn.request(Request::Session(command), Order::InTurn);
                if let Some(earlier) = last.replace(ticket) {
                    self.inbound.expect(earlier, Then::More);
                }
            }
            reasons.push(ReasonCode::SUCCESS);
        }
        match last {
            Some(ticket) => self.inbound.expect(ticket, Then::UnsubAck(packet.packet_id, reasons.into())),
            None => self.send_unsuback(packet.packet_id, &reasons, turn),
        }
    }

    pub(super) fn send_unsuback(
        &mut self,
        packet_id: PacketId,
        reasons: &[ReasonCode],
        turn: &mut Turn<'_, '_>,
    ) {
        self.flush_acks(turn);
        let reasons = reasons.iter().copied();
        let written = encode_unsuback(self.version, packet_id, Properties::EMPTY, reasons, turn.send());
        debug_assert!(written.is_ok(), "an UNSUBACK is shorter than its UNSUBSCRIBE");
    }
}

/// The subscription in neutral words.
fn to_filter(
    name: &str,
    topic: &SubscriptionTopic<'_>,
    options: SubscriptionOptions,
    identifier: u32,
) -> Result<SessionFilter, ReasonCode> {
    let mut subject = Vec::new();
    let written = mapping::write_filters(topic.filter, &mut subject);
    let filter = |bytes: &[u8]| Filter::new(bytes).map_err(|_| ReasonCode::TOPIC_FILTER_INVALID);
    let mut filters = vec![filter(&subject)?];
    if let Some(length) = written.parent_length {
        filters.push(filter(&subject[..length])?);
    }
    // The filter belongs to the name of the group: members of one group with different filters share nothing.
    let group = topic.group.map(|group| [group.as_bytes(), &[0], &subject].concat());
    Ok(SessionFilter {
        name: name.as_bytes().to_vec(),
        filters,
        group,
        quality: quality(options.qos),
        options: options.to_byte(),
        identifier,
        no_local: options.no_local,
        hides_internal: written.hides_reserved,
    })
}
