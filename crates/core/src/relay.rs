//! The broker's own session that publishes produced records to live receivers and stored sessions (semantics 22).
//!
//! Kafka's records enter the broker as whole batches; the store decodes them only where somebody wants one, and asks for
//! the next ones only after the last were handed on and stored. What a record has that a message has no place for goes
//! into reserved headers, behind its own: `docs/mapping.md` has the table.

use crate::record_headers::RecordHeaders;
use std::collections::BTreeSet;
use stele_model::{
    Close, Conditions, ConnectionId, Headers, Message, Now, Order, Outcome, Publish, Quality, Relayed,
    Request, Session, StoredRecord, Ticket, Turn, Wire, visit_record_headers,
};

/// The reserved header for a record's key, where it is not the subject.
const KEY: &[u8] = b"Stele-Key";
/// The reserved header for the producer's timestamp: milliseconds since 1970, in decimal.
const TIMESTAMP: &[u8] = b"Stele-Timestamp";

/// A session without a socket; one per broker.
#[derive(Debug, Default)]
pub struct RelaySession {
    asked: Option<Ticket>,
    /// Records that are being queued for stored sessions.
    storing: BTreeSet<Ticket>,
}

impl RelaySession {
    fn publish(&mut self, relayed: &Relayed, turn: &mut Turn<'_, '_>) {
        let arena = turn.arena;
        let headers: &[u8] = arena.alloc_slice_copy(&headers_of(&relayed.record));
        let conditions = arena.alloc(Conditions { origin: Some(relayed.origin), ..Conditions::default() });
        let message = message_of(&relayed.record, headers);
        let published = turn.publish(Publish {
            subject: arena.alloc_slice_copy(message.subject),
            headers: record_headers(headers),
            payload: message.payload.map(|payload| &*arena.alloc_slice_copy(payload)),
            quality: message.quality,
            ack: true,
            by_broker: true,
            conditions: Some(conditions),
            ..Publish::new(b"", b"")
        });
        self.storing.extend(published.ticket);
    }

    /// Asks for more, once the last records are stored: what waits for the disk is bounded.
    fn ask(&mut self, turn: &mut Turn<'_, '_>) {
        if self.asked.is_none() && self.storing.is_empty() {
            self.asked = Some(turn.request(Request::Relay, Order::Free));
        }
    }
}

impl Session for RelaySession {
    fn open(&mut self, _: Now, turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        self.ask(turn);
        Ok(())
    }

    fn receive<'a>(&mut self, _: Now, input: &'a [u8], _: &mut Turn<'a, '_>) -> Result<usize, Close> {
        Ok(input.len())
    }

    fn complete(
        &mut self,
        _: Now,
        ticket: Ticket,
        outcome: Outcome,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Close> {
        if self.asked == Some(ticket) {
            self.asked = None;
        }
        self.storing.remove(&ticket);
        match outcome {
            Outcome::Relayed(records) => records.iter().for_each(|relayed| self.publish(relayed, turn)),
            Outcome::Failed(error) => {
                tracing::error!(%error, "a produced record does not reach the stored sessions");
            }
            _ => {}
        }
        self.ask(turn);
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

/// A record as a message; `headers` are those of [`headers_of`]. Quality 1: it is stored (semantics 28).
pub(crate) fn message_of<'r>(record: &'r StoredRecord, headers: &'r [u8]) -> Message<'r> {
    Message {
        subject: &record.subject,
        reply: &[],
        headers: record_headers(headers),
        payload: record.value.as_deref(),
        quality: Quality::AtLeastOnce,
        retain: false,
        from: ConnectionId(0),
    }
}

/// The record's own headers, then the reserved ones, in a Kafka record's encoding.
pub(crate) fn headers_of(record: &StoredRecord) -> Vec<u8> {
    let timestamp = record.wire_time_ms.to_string();
    let mut headers = RecordHeaders::default();
    record.headers().each(&mut |(name, value)| headers.push(name, value));
    if let Some(key) = record.key.as_ref().filter(|key| *key != &record.subject) {
        headers.push(KEY, Some(key));
    }
    headers.push(TIMESTAMP, Some(timestamp.as_bytes()));
    headers.finish()
}

fn record_headers(raw: &[u8]) -> Headers<'_> {
    Headers { wire: Wire::Kafka, raw, visit: visit_record_headers }
}

#[cfg(test)]
mod tests;
