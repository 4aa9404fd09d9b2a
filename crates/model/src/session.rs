//! The contract of a wire: a session per connection, a format per kind of subscription.

use crate::{
    AppendReply, CursorReply, Delivery, Error, GroupReply, Handed, Message, Now, ReadReply, Relayed,
    SessionReply, StreamReply, SubscriptionId, Ticket, Turn,
};
use std::sync::Arc;

/// One connection's protocol state. No input or output, no clock: `receive`, `complete`, `deliver`, `wake` and
/// `close` are the only inputs, and every one of them leaves the session ready for the next.
pub trait Session: Send {
    /// The connection is open; a wire on which the server speaks first greets here.
    ///
    /// # Errors
    /// The connection is closed.
    fn open(&mut self, now: Now, turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        let _ = (now, turn);
        Ok(())
    }

    /// Takes bytes from the peer and says how many it used; the rest comes again, in front of what follows.
    ///
    /// A session that uses nothing of a full buffer says with [`Session::wants`] how much it waits for.
    ///
    /// # Errors
    /// The connection is closed; what was sent in this turn still goes out.
    fn receive<'a>(&mut self, now: Now, input: &'a [u8], turn: &mut Turn<'a, '_>) -> Result<usize, Close>;

    /// How many bytes, from the first unused one, the next call of `receive` needs at least; 0 or 1: any.
    /// Bounded by the session's own frame limit, so that the host may collect that much.
    fn wants(&self) -> usize {
        0
    }

    /// The answer to a publish or a request.
    ///
    /// # Errors
    /// The connection is closed.
    fn complete(
        &mut self,
        now: Now,
        ticket: Ticket,
        outcome: Outcome,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Close>;

    /// A message for subscriptions that are [`crate::SubscribeDelivery::Handed`].
    ///
    /// # Errors
    /// The connection is closed.
    fn deliver(
        &mut self,
        now: Now,
        message: &Arc<Handed>,
        to: &[SubscriptionId],
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Close> {
        let _ = (now, message, to, turn);
        Ok(())
    }

    /// The deadline has passed.
    ///
    /// # Errors
    /// The connection is closed.
    fn wake(&mut self, now: Now, turn: &mut Turn<'_, '_>) -> Result<(), Close>;

    /// When `wake` wants to be called, on the monotonic clock; `None`: never.
    fn deadline(&self) -> Option<u64>;

    /// The session may take more from its peer. While false the host does not read (bytes in flight are at their limit).
    fn ready(&self) -> bool {
        true
    }

    /// The connection ends; called once, whoever ended it. Publishes the will, leaves groups, detaches.
    fn close(&mut self, now: Now, why: &Close, turn: &mut Turn<'_, '_>);
}

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Close {
    /// The peer said goodbye in its protocol's words.
    #[error("the client ended the connection")]
    Goodbye,
    /// The socket ended or failed without a goodbye.
    #[error("the connection was lost")]
    Lost,
    /// The peer broke the protocol; the text says where.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// The peer was silent for too long.
    #[error("the client was silent for too long")]
    Idle,
    /// The peer does not read fast enough.
    #[error("the client reads too slowly")]
    SlowConsumer,
    /// Another connection took the identity over.
    #[error("another connection took over")]
    TakenOver,
    /// Refused: authentication, permission, limits.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// The broker stops.
    #[error("the broker is shutting down")]
    Shutdown,
}

/// The answer of the core. Durable results come after the sync that covers them.
#[derive(Debug)]
pub enum Outcome {
    /// Stored by the stream that acknowledges; or, for a publish without one, by all that store it.
    Appended(AppendReply),
    /// Batches that were read.
    Read(ReadReply),
    /// An offset found by time: (offset, timestamp ms), or nothing at or after it.
    Found(Option<(u64, i64)>),
    /// About streams and single records.
    Stream(StreamReply),
    /// About cursors.
    Cursor(CursorReply),
    /// Records or the end of a pull; comes repeatedly for its ticket until [`Delivery::end`] is set.
    Delivered(Delivery),
    /// About groups.
    Group(GroupReply),
    /// About stored sessions.
    Session(SessionReply),
    /// Produced records for others than their topic's readers, in order for each partition.
    Relayed(Vec<Relayed>),
    /// It did not work; nothing was stored for this ticket.
    Failed(Error),
}

/// How a subscription is written for its peer. Only forms without receiver state: NATS, MQTT QoS 0.
pub trait Format: Send + Sync {
    /// Appends the encoding of the run.
    fn encode(&self, run: &[Message<'_>], out: &mut Vec<u8>);

    /// Two formats with equal class bytes write equal bytes, so one encoding serves both receivers.
    fn class(&self) -> &[u8];

    /// Can this message be written at all? What cannot is dropped and counted (a subject without an MQTT name).
    fn accepts(&self, message: &Message<'_>) -> bool {
        let _ = message;
        true
    }
}
