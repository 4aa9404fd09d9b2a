//! A message on its way: what a session publishes and what a format encodes.

use crate::{ConnectionId, SubscriptionId, Wire};
use bytes::Bytes;

/// One header: a name and a value; the value may be null (Kafka).
pub type Header<'a> = (&'a [u8], Option<&'a [u8]>);

/// The headers of a message in the bytes of the wire that wrote them, readable by every wire.
///
/// A format of the same wire copies `raw`, so that nothing changes on the way; a format of another wire
/// walks them with [`Headers::each`], in order and with duplicates.
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    /// Whose encoding `raw` is.
    pub wire: Wire,
    /// The header block of a NATS message, the properties of an MQTT publish, the header array of a Kafka
    /// record; empty without headers.
    pub raw: &'a [u8],
    /// Calls the visitor once per header of `raw`.
    pub visit: for<'b> fn(raw: &'b [u8], visitor: &mut dyn FnMut(Header<'b>)),
}

impl<'a> Headers<'a> {
    /// No headers.
    pub fn none() -> Self {
        Self { wire: Wire::Internal, raw: &[], visit: |_, _| {} }
    }

    /// Without any bytes of headers?
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Calls the visitor once per header, in order.
    pub fn each(&self, visitor: &mut dyn FnMut(Header<'a>)) {
        (self.visit)(self.raw, visitor);
    }

    /// The value of the first header with this name (bytes compared exactly).
    pub fn get(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        let mut found = None;
        self.each(&mut |(key, value)| {
            if found.is_none() && key == name {
                found = Some(value);
            }
        });
        found
    }
}

impl std::fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut list = f.debug_list();
        self.each(&mut |(name, value)| {
            list.entry(&(name.escape_ascii().to_string(), value.map(|v| v.escape_ascii().to_string())));
        });
        list.finish()
    }
}

/// How sure a delivery must be, in MQTT's terms.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Quality {
    /// QoS 0; core NATS.
    #[default]
    AtMostOnce,
    /// QoS 1; whatever a stream stored.
    AtLeastOnce,
    /// QoS 2.
    ExactlyOnce,
}

/// What a session publishes. Everything is borrowed from the input or from the turn's arena.
#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    /// A literal subject; the session has checked it.
    pub subject: &'a [u8],
    /// Deliver to the live receivers of this literal subject instead, who are shown `subject`. Such a message is
    /// never captured: it is a stored record on its way to a consumer's inbox (JetStream deliveries).
    pub route: Option<&'a [u8]>,
    /// Where an answer goes; empty: nowhere.
    pub reply: &'a [u8],
    /// As the publisher sent them.
    pub headers: Headers<'a>,
    /// `None` is Kafka's null; an empty payload is `Some(b"")`.
    pub payload: Option<&'a [u8]>,
    /// What the publisher asked for.
    pub quality: Quality,
    /// Also the last value of its subject (MQTT RETAIN).
    pub retain: bool,
    /// The publisher waits for an acknowledgement: a ticket is given where something is stored.
    pub ack: bool,
    /// The session answers this message itself (an API request): it never counts as "no responders".
    pub answered: bool,
    /// Do not deliver to this connection's own subscriptions (NATS `echo: false`).
    pub no_echo: bool,
    /// The broker's own words (an answer, a stored record on its way, a copy that it keeps): no message of a client, and
    /// not counted as one.
    pub by_broker: bool,
    /// What must hold for a stream to store it, and what storing it does; none for most messages.
    pub conditions: Option<&'a Conditions<'a>>,
}

/// What a publisher asks of the stream that stores its message. The wire reads them from its headers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions<'a> {
    /// `Nats-Msg-Id`: store it once within the stream's window.
    pub message_id: Option<&'a [u8]>,
    /// The name of the stream must be this.
    pub expected_stream: Option<&'a [u8]>,
    /// The stream's last sequence (offset + 1; 0: empty) must be this.
    pub expected_last_sequence: Option<u64>,
    /// The last message id stored must be this.
    pub expected_last_message_id: Option<&'a [u8]>,
    /// The last sequence of the subject (or of `expected_subject`) must be this; 0: none yet.
    pub expected_last_subject_sequence: Option<u64>,
    /// The filter that `expected_last_subject_sequence` is about; absent: the message's own subject.
    pub expected_subject: Option<&'a [u8]>,
    /// Remove what this message replaces.
    pub rollup: Option<Rollup>,
    /// The record expires this many ns after its append; `Some(0)`: never, whatever the stream says.
    pub ttl_ns: Option<u64>,
    /// The message is this stored record, on its way to live receivers and stored sessions. No stream captures it again; a
    /// stored session gets it once, and only where it subscribed before the record was appended.
    pub origin: Option<crate::RecordOrigin>,
    /// Counter increment and other headers of which the stream must say that it does not allow them.
    pub refused: Option<&'a crate::Error>,
}

/// How much a message replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollup {
    /// All earlier records of its subject.
    Subject,
    /// All earlier records of the stream.
    All,
}

impl<'a> Publish<'a> {
    /// A plain message: no reply, no headers, no acknowledgement.
    pub fn new(subject: &'a [u8], payload: &'a [u8]) -> Self {
        Self {
            subject,
            route: None,
            reply: &[],
            headers: Headers::none(),
            payload: Some(payload),
            quality: Quality::AtMostOnce,
            retain: false,
            ack: false,
            answered: false,
            no_echo: false,
            by_broker: false,
            conditions: None,
        }
    }
}

/// What a format encodes: a publish with its origin.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// See [`Publish::subject`].
    pub subject: &'a [u8],
    /// See [`Publish::reply`].
    pub reply: &'a [u8],
    /// See [`Publish::headers`].
    pub headers: Headers<'a>,
    /// See [`Publish::payload`].
    pub payload: Option<&'a [u8]>,
    /// The higher of what the publisher asked for and what a stream made of it.
    pub quality: Quality,
    /// The publisher's RETAIN, for receivers that asked to see it.
    pub retain: bool,
    /// Who published; a receiver's No Local compares it.
    pub from: ConnectionId,
}

/// A message handed to a session that keeps state per delivery (MQTT QoS 1 and 2, overlapping subscriptions).
/// One allocation, shared by all its receivers.
#[derive(Clone, Debug)]
pub struct Handed {
    /// See [`Message::subject`].
    pub subject: Bytes,
    /// See [`Message::reply`].
    pub reply: Bytes,
    /// Whose encoding the headers are.
    pub headers_wire: Wire,
    /// The header bytes; walk them with `headers()`.
    pub headers_raw: Bytes,
    /// See [`Headers::visit`].
    pub headers_visit: for<'b> fn(raw: &'b [u8], visitor: &mut dyn FnMut(Header<'b>)),
    /// See [`Message::payload`].
    pub payload: Option<Bytes>,
    /// See [`Message::quality`].
    pub quality: Quality,
    /// See [`Message::retain`].
    pub retain: bool,
    /// Who published.
    pub from: ConnectionId,
    /// When it reached the router, for the ageing of its expiry.
    pub received_ns: u64,
}

impl Handed {
    /// Copies a borrowed message.
    pub fn new(message: &Message<'_>, received_ns: u64) -> Self {
        Self {
            subject: Bytes::copy_from_slice(message.subject),
            reply: Bytes::copy_from_slice(message.reply),
            headers_wire: message.headers.wire,
            headers_raw: Bytes::copy_from_slice(message.headers.raw),
            headers_visit: message.headers.visit,
            payload: message.payload.map(Bytes::copy_from_slice),
            quality: message.quality,
            retain: message.retain,
            from: message.from,
            received_ns,
        }
    }

    /// The headers, borrowed.
    pub fn headers(&self) -> Headers<'_> {
        Headers { wire: self.headers_wire, raw: &self.headers_raw, visit: self.headers_visit }
    }

    /// The message, borrowed.
    pub fn message(&self) -> Message<'_> {
        Message {
            subject: &self.subject,
            reply: &self.reply,
            headers: self.headers(),
            payload: self.payload.as_deref(),
            quality: self.quality,
            retain: self.retain,
            from: self.from,
        }
    }

    /// Bytes that a queue of handed messages counts for this one.
    pub fn cost(&self) -> usize {
        self.subject.len() + self.headers_raw.len() + self.payload.as_ref().map_or(0, Bytes::len) + 160
    }
}

/// A handed message with the receiver's subscriptions that matched it.
pub type HandedTo = (std::sync::Arc<Handed>, Box<[SubscriptionId]>);
