//! Wills of sessions whose connections are gone: after their delay, and after a stop of the broker.

use crate::session::publish_will;
use std::collections::VecDeque;
use stele_model::{Close, Now, Order, Outcome, Request, Session, SessionCommand, SessionReply, Ticket, Turn};

/// A session of the broker's own that publishes such wills. One per broker, attached without a socket.
#[derive(Debug, Default)]
pub struct WillSession {
    watch: Option<Ticket>,
    /// Publishes that are being stored, with their client ids.
    storing: VecDeque<(Ticket, bytes::Bytes)>,
}

impl WillSession {
    fn sent(client: bytes::Bytes, turn: &mut Turn<'_, '_>) {
        turn.request(Request::Session(SessionCommand::WillSent { client }), Order::Free);
    }
}

impl Session for WillSession {
    fn open(&mut self, _now: Now, turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        self.watch = Some(turn.request(Request::Session(SessionCommand::Wills), Order::Free));
        Ok(())
    }

    fn receive<'a>(&mut self, _: Now, input: &'a [u8], _: &mut Turn<'a, '_>) -> Result<usize, Close> {
        Ok(input.len())
    }

    fn complete(
        &mut self,
        now: Now,
        ticket: Ticket,
        outcome: Outcome,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Close> {
        if let Outcome::Session(SessionReply::Will { client, will }) = outcome {
            // The will leaves the session only when it is stored: a crash between repeats it.
            match publish_will(&will, now, turn) {
                Some(ticket) => self.storing.push_back((ticket, client)),
                None => Self::sent(client, turn),
            }
        } else if let Ok(index) = self.storing.binary_search_by_key(&ticket, |(storing, _)| *storing)
            && let Some((_, client)) = self.storing.remove(index)
        {
            Self::sent(client, turn);
        }
        Ok(())
    }

    fn wake(&mut self, _: Now, _: &mut Turn<'_, '_>) -> Result<(), Close> {
        Ok(())
    }

    fn deadline(&self) -> Option<u64> {
        None
    }

    fn close(&mut self, _: Now, _: &Close, _: &mut Turn<'_, '_>) {}
}
