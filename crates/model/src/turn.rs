//! What a session may do during one call: the only way from a wire into the core.

use crate::{
    Append, Claim, CursorCommand, Filter, Format, GroupCommand, Publish, Read, SessionCommand, StreamCommand,
    SubscriptionId, Ticket, TimeLookup,
};
use bumpalo::Bump;
use std::sync::Arc;

/// Borrowed for one call of a session; nothing is allocated per message.
///
/// `'a` is the life of the input and of the arena: a published message may borrow from either, and is gone when the
/// call returns.
pub struct Turn<'a, 't> {
    /// Memory for what must outlive a statement but not the call: mapped names, decoded lists.
    pub arena: &'a Bump,
    port: &'t mut (dyn Port<'a> + 't),
}

/// The core's side of a turn. Implemented by the core and by tests; sessions use [`Turn`].
pub trait Port<'a> {
    /// See [`Turn::send`].
    fn send(&mut self) -> &mut Vec<u8>;
    /// See [`Turn::send_shared`].
    fn send_shared(&mut self, bytes: bytes::Bytes);
    /// See [`Turn::publish`].
    fn publish(&mut self, message: Publish<'a>) -> Published;
    /// See [`Turn::count_published`]. The default suits ports that count nothing.
    fn count_published(&mut self, payload_bytes: usize) {
        let _ = payload_bytes;
    }

    /// See [`Turn::publish_once`]. The default suits ports whose wire never asks.
    fn publish_once(&mut self, messages: &[Publish<'a>], claim: Claim<'_>) -> Published {
        let _ = claim;
        let published = messages.iter().map(|message| self.publish(*message));
        published.last().unwrap_or(Published { received: false, ticket: None })
    }
    /// See [`Turn::is_captured`]. The default suits ports whose wire never asks.
    fn is_captured(&mut self, subject: &[u8]) -> bool {
        let _ = subject;
        false
    }
    /// See [`Turn::request`].
    fn request(&mut self, request: Request, order: Order) -> Ticket;
    /// See [`Turn::cancel`].
    fn cancel(&mut self, ticket: Ticket);
    /// See [`Turn::subscribe`].
    fn subscribe(&mut self, subscribe: Subscribe);
    /// See [`Turn::unsubscribe`].
    fn unsubscribe(&mut self, id: SubscriptionId);
    /// See [`Turn::unsubscribe_after`].
    fn unsubscribe_after(&mut self, id: SubscriptionId, deliveries: u64);
    /// See [`Turn::is_subscribed`]. The default suits ports whose wire never asks.
    fn is_subscribed(&mut self, id: SubscriptionId) -> bool {
        let _ = id;
        false
    }
    /// See [`Turn::subscriptions`]. The default suits ports whose wire never asks.
    fn subscriptions(&mut self) -> usize {
        0
    }
    /// See [`Turn::own_subscription`]. The default suits ports whose wire never asks.
    fn own_subscription(&mut self, subject: &[u8]) -> Option<SubscriptionId> {
        let _ = subject;
        None
    }
    /// See [`Turn::has_receivers`].
    fn has_receivers(&mut self, subject: &[u8]) -> bool;
    /// See [`Turn::watch`].
    fn watch(&mut self, subject: &[u8], on: bool);
    /// See [`Turn::random`].
    fn random(&mut self) -> u64;
    /// See [`Turn::connection`].
    fn connection(&self) -> crate::ConnectionId;
}

impl<'a, 't> Turn<'a, 't> {
    /// Lends the core's side for one call.
    pub fn new(arena: &'a Bump, port: &'t mut (dyn Port<'a> + 't)) -> Self {
        Self { arena, port }
    }

    /// Bytes for this connection's own peer: append to them. What was published before is delivered before.
    pub fn send(&mut self) -> &mut Vec<u8> {
        self.port.send()
    }

    /// Shared bytes for this connection's own peer, after all that was sent so far; large ones are not copied.
    pub fn send_shared(&mut self, bytes: bytes::Bytes) {
        self.port.send_shared(bytes);
    }

    /// Publishes: to every live receiver, and to every stream that captures the subject. The subject must be
    /// literal ([`crate::is_literal_subject`]).
    pub fn publish(&mut self, message: Publish<'a>) -> Published {
        self.port.publish(message)
    }

    /// Counts a client's message that the session answers by itself and does not publish (an API request).
    pub fn count_published(&mut self, payload_bytes: usize) {
        self.port.count_published(payload_bytes);
    }

    /// Publishes what came under a packet id, once: where some of it was stored under this claim before, only the rest is.
    /// What is stored now and the claim become durable together or not at all. What is refused leaves no claim where
    /// nothing was stored. There is always a ticket; `Failed` tells of any refusal.
    pub fn publish_once(&mut self, messages: &[Publish<'a>], claim: Claim<'_>) -> Published {
        self.port.publish_once(messages, claim)
    }

    /// Would a stream store a message on this literal subject?
    pub fn is_captured(&mut self, subject: &[u8]) -> bool {
        self.port.is_captured(subject)
    }

    /// Asks the core; the answer comes to [`crate::Session::complete`] with this ticket.
    pub fn request(&mut self, request: Request, order: Order) -> Ticket {
        self.port.request(request, order)
    }

    /// Withdraws a waiting request (a long poll, a pull). Nothing is completed for its ticket any more.
    pub fn cancel(&mut self, ticket: Ticket) {
        self.port.cancel(ticket);
    }

    /// Registers a subscription of this connection; an equal id is replaced without a gap.
    pub fn subscribe(&mut self, subscribe: Subscribe) {
        self.port.subscribe(subscribe);
    }

    /// Removes a subscription; unknown ids are ignored.
    pub fn unsubscribe(&mut self, id: SubscriptionId) {
        self.port.unsubscribe(id);
    }

    /// Removes a subscription once it has had this many deliveries since it was made; at once if it has (NATS UNSUB
    /// with a maximum).
    pub fn unsubscribe_after(&mut self, id: SubscriptionId, deliveries: u64) {
        self.port.unsubscribe_after(id, deliveries);
    }

    /// Does this connection have this subscription? Not any more once its deliveries have ended it.
    pub fn is_subscribed(&mut self, id: SubscriptionId) -> bool {
        self.port.is_subscribed(id)
    }

    /// How many subscriptions this connection has.
    pub fn subscriptions(&mut self) -> usize {
        self.port.subscriptions()
    }

    /// One of this connection's subscriptions without a group that matches the literal subject: where NATS tells a
    /// requester that nobody listens.
    pub fn own_subscription(&mut self, subject: &[u8]) -> Option<SubscriptionId> {
        self.port.own_subscription(subject)
    }

    /// Would a message on this subject reach a live receiver or a stream that acknowledges?
    pub fn has_receivers(&mut self, subject: &[u8]) -> bool {
        self.port.has_receivers(subject)
    }

    /// Calls [`crate::Session::wake`] whenever a subscription that matches this literal subject comes, until it is
    /// switched off. For deliveries that wait for a receiver.
    pub fn watch(&mut self, subject: &[u8], on: bool) {
        self.port.watch(subject, on);
    }

    /// A number from the broker's generator, for identifiers and nonces. Secure outside the simulation.
    pub fn random(&mut self) -> u64 {
        self.port.random()
    }

    /// This connection.
    pub fn connection(&self) -> crate::ConnectionId {
        self.port.connection()
    }
}

/// What a publish came to at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Some live receiver, or a stream that acknowledges, or a stored session takes it (semantics: responders).
    pub received: bool,
    /// With [`Publish::ack`]: [`crate::Outcome::Appended`] or `Failed` will come for this ticket.
    pub ticket: Option<Ticket>,
}

/// When an answer may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// After the answers to all earlier `InTurn` requests and publishes of this connection.
    InTurn,
    /// Whenever it is ready; may come several times where the request says so (a pull).
    Free,
}

/// A question to the core. One enum per noun, in the noun's own file.
#[derive(Debug)]
pub enum Request {
    /// Make, change, list, purge streams; read or delete single records.
    Stream(StreamCommand),
    /// Append a batch as a producer sent it.
    Append(Append),
    /// Read batches, perhaps waiting for more.
    Read(Read),
    /// Find an offset by time.
    Lookup(TimeLookup),
    /// Durable positions with pending acknowledgements.
    Cursor(CursorCommand),
    /// Groups that share partitions, with their committed offsets.
    Group(GroupCommand),
    /// Durable identities of clients.
    Session(SessionCommand),
    /// Produced records that live receivers or stored sessions want, from where the last answer ended; waits while there
    /// are none. One caller in a broker, one question at a time. Order `Free`. → [`crate::Outcome::Relayed`]
    Relay,
}

/// A subscription to make.
pub struct Subscribe {
    /// Numbered by the session; unique within the connection.
    pub id: SubscriptionId,
    /// What to receive.
    pub filter: Filter,
    /// Share the messages among the members of this group.
    pub group: Option<Arc<[u8]>>,
    /// In which form.
    pub delivery: SubscribeDelivery,
    /// A filter that begins with a wildcard matches no subject beginning with `$` or `_INBOX.` (MQTT).
    pub hides_internal: bool,
    /// Leave out what this connection publishes (MQTT No Local).
    pub no_local: bool,
    /// Leave out messages of quality ≥ 1: a stored session gets them from its queue.
    pub volatile_only: bool,
}

/// In which form a subscription receives.
pub enum SubscribeDelivery {
    /// Encoded by the format straight to the socket, each subscription on its own.
    Encoded(Arc<dyn Format>),
    /// As `Encoded`, but a connection with more than one matching subscription is handed the message once,
    /// with all their ids, through [`crate::Session::deliver`].
    EncodedOnce(Arc<dyn Format>),
    /// Messages of [`crate::Quality::AtMostOnce`] as `EncodedOnce`, others through [`crate::Session::deliver`].
    EncodedIfVolatile(Arc<dyn Format>),
    /// Always through [`crate::Session::deliver`].
    Handed,
}
