//! Stored sessions: a client's durable identity with its subscriptions and queue (MQTT).
//!
//! A message of quality ≥ 1 that matches a stored subscription is kept once in the session log; a session is a
//! position in it. The wire keeps packet ids as a function of [`QueuedMessage::ordinal`], so that a resumed
//! session repeats them without a further sync.

use crate::{Filter, Quality, StoredRecord, Wire};
use bytes::Bytes;

/// What the core can be asked about stored sessions. `client` is the client id.
#[derive(Debug)]
pub enum SessionCommand {
    /// A connection takes the session: an older holder is told. → `Opened`, and perhaps `TakenOver` later
    Open {
        /// The client id.
        client: Bytes,
        /// Throw away what there was.
        clean: bool,
        /// How long it is kept after the connection ends (s); 0: it ends with it; `u32::MAX`: for ever.
        expiry_s: u32,
        /// Published when the connection is lost.
        will: Option<Box<Will>>,
    },
    /// The connection ends; the session stays as long as its expiry says. → `Done`
    Detach {
        /// The client id.
        client: Bytes,
        /// A changed expiry (s).
        expiry_s: Option<u32>,
        /// Drop the will without publishing it.
        drop_will: bool,
    },
    /// Add or replace a stored subscription. → `Subscribed { existed }`
    Subscribe {
        /// The client id.
        client: Bytes,
        /// It.
        filter: Box<SessionFilter>,
    },
    /// Remove one. → `Subscribed { existed }`
    Unsubscribe {
        /// The client id.
        client: Bytes,
        /// As the client wrote it.
        name: Bytes,
    },
    /// The queue from an ordinal on; waits while it is empty. Order `Free`. → `Queued`
    Fetch {
        /// The client id.
        client: Bytes,
        /// The first wanted ordinal.
        from: u64,
        /// At most this many.
        count_max: usize,
        /// At most about this many bytes.
        bytes_max: usize,
    },
    /// The client has these (PUBACK, PUBCOMP, or a refusal). Nothing is answered.
    Ack {
        /// The client id.
        client: Bytes,
        /// Which.
        ordinals: Vec<u64>,
    },
    /// The client has received these (PUBREC): from now on only PUBREL is repeated. → `Done` when durable.
    Received {
        /// The client id.
        client: Bytes,
        /// Which.
        ordinal: u64,
    },
    /// Asks for the wills of sessions whose connections are gone. Order `Free`; comes again and again. → `Will`
    Wills,
    /// The will of this session was published. Nothing is answered.
    WillSent {
        /// The client id.
        client: Bytes,
    },
    /// PUBREL came, or a refusal is to be told: forget the packet id. → `Released` when durable.
    Release {
        /// The client id.
        client: Bytes,
        /// Its packet id.
        packet: u16,
    },
}

impl SessionCommand {
    /// Does it say which connection has a session, or that none has it any more?
    pub fn changes_hands(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Detach { .. })
    }
}

/// Under which identity a publish counts once ([`crate::Turn::publish_once`]): what comes again under it, before
/// [`SessionCommand::Release`], is not stored again where it is stored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'c> {
    /// The client id; its session outlives its connection and is held by the caller.
    pub client: &'c [u8],
    /// The packet id.
    pub packet: u16,
}

/// A stored subscription.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SessionFilter {
    /// As the client wrote it, `$share/…` included.
    pub name: Vec<u8>,
    /// What it means: one or two filters (`a/#` is `a` and `a.>`).
    pub filters: Vec<Filter>,
    /// Shared with the members of this group.
    pub group: Option<Vec<u8>>,
    /// The granted quality.
    pub quality: Quality,
    /// The wire's option byte and subscription identifier, kept for it.
    pub options: u8,
    /// Subscription identifier; 0: none.
    pub identifier: u32,
    /// Leave out what this session publishes.
    pub no_local: bool,
    /// Begins with a wildcard: no internal subjects.
    pub hides_internal: bool,
}

/// A last message, published by the broker when a connection is lost.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Will {
    /// The subject.
    pub subject: Vec<u8>,
    /// The properties as received, in the wire's encoding.
    pub properties: Vec<u8>,
    /// The payload.
    pub payload: Vec<u8>,
    /// Its quality.
    pub quality: Quality,
    /// Also the last value of its subject.
    pub retain: bool,
    /// Wait this long after the loss (s).
    pub delay_s: u32,
}

/// A session was opened.
#[derive(Clone, Debug, Default)]
pub struct SessionOpened {
    /// There was one to resume.
    pub present: bool,
    /// Its subscriptions.
    pub filters: Vec<SessionFilter>,
    /// The lowest ordinal that is not done; where to begin to fetch.
    pub first: u64,
    /// Ordinals whose PUBREC came: repeat PUBREL only.
    pub received: Vec<u64>,
    /// Ordinals below this may have been sent before: repeat with DUP.
    pub sent_below: u64,
    /// Packet ids of QoS 2 publishes that are stored and were not released.
    pub claimed: Vec<u16>,
}

/// One message in a session's queue.
#[derive(Clone, Debug)]
pub struct QueuedMessage {
    /// Its number in this session, from 0, without gaps.
    pub ordinal: u64,
    /// The message.
    pub record: StoredRecord,
    /// Where an answer goes; empty: nowhere.
    pub reply: Bytes,
    /// The wire that published it.
    pub wire: Wire,
    /// min(published, granted).
    pub quality: Quality,
    /// Published with RETAIN.
    pub retain: bool,
    /// Identifiers of all matching subscriptions.
    pub identifiers: Vec<u32>,
    /// Option bytes of the subscription that granted most.
    pub options: u8,
}

/// Answers about stored sessions.
#[derive(Debug)]
pub enum SessionReply {
    /// Done.
    Done,
    /// Opened.
    Opened(Box<SessionOpened>),
    /// Was it there before?
    Subscribed {
        /// It was.
        existed: bool,
    },
    /// Messages in order.
    Queued(Vec<QueuedMessage>),
    /// The packet id is free.
    Released {
        /// Something of its message was stored.
        known: bool,
    },
    /// This will is to be published now.
    Will {
        /// The client id of the session.
        client: Bytes,
        /// It.
        will: Box<Will>,
    },
    /// A newer connection has the session: close. Comes for the ticket of `Open`.
    TakenOver {
        /// The newer one threw the state away: the session has ended.
        ended: bool,
    },
}
