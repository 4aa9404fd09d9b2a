//! Messages into queues, and from queues to their clients.

use super::super::context::Context;
use super::super::frames::Delta;
use super::Sessions;
use super::frames::{MessageQueued, RecordQueued};
use super::state::{Entry, KeptMessage, Progress, State};
use crate::journal::Lsn;
use crate::record_headers::RecordHeaders;
use crate::store::{Answer, Caller, Capture, Stored};
use bytes::Bytes;
use std::collections::BTreeMap;
use stele_model::{
    ConnectionId, Error, Now, Outcome, QueuedMessage, RecordOrigin, SessionReply, StoredRecord, Ticket,
};

/// A question for a queue.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub caller: Caller,
    pub from: u64,
    pub count_max: usize,
    pub bytes_max: usize,
}

impl Sessions {
    /// Queues messages for the sessions that want them; one result per message.
    pub(crate) fn enqueue(
        &mut self,
        context: &mut Context,
        now: Now,
        messages: &[Capture<'_>],
        results: &mut Vec<Result<Stored, Error>>,
    ) {
        let time_ns = context.time(now);
        for capture in messages {
            let message = &capture.message;
            let queued = MessageQueued {
                number: self.state.next,
                time_ns,
                subject: message.subject.to_vec(),
                reply: message.reply.to_vec(),
                headers: record_headers(&message.headers),
                payload: message.payload.map(<[u8]>::to_vec),
                quality: message.quality,
                retain: message.retain,
                wire: message.headers.wire,
                from: self.clients.get(&message.from).map(|client| client.to_vec()),
            };
            let stored = Stored { offset: queued.number, duplicate: false };
            let origin = capture.conditions.and_then(|conditions| conditions.origin);
            if self.is_relayed(origin.as_ref()) {
                results.push(Ok(Stored { duplicate: true, ..stored }));
                continue;
            }
            if self.state.matches(&queued, origin.map(|origin| origin.position)).is_empty() {
                // The router knows filters only; No Local and hidden subjects are judged here.
                results.push(Ok(stored));
                continue;
            }
            let record = origin.map(|origin| RecordQueued { origin, message: queued.clone() });
            let payload = record.map_or_else(|| queued.encode(), |record| record.encode());
            let length = payload.len() as u32;
            let frame = crate::journal::JournalFrame {
                shard: context.shard,
                log: super::super::frames::SESSIONS_LOG,
                kind: crate::journal::FrameKind::Delta,
                base: 0,
                count: 0,
                payload,
            };
            match context.append(&[frame]) {
                Ok(place) => {
                    let takers = self.state.queued(&queued, origin.as_ref(), place, length);
                    self.grown.extend(takers);
                    self.cache.keep(queued);
                    results.push(Ok(stored));
                }
                Err(error) => results.push(Err(error)),
            }
        }
    }

    /// Is the record in the queues already?
    fn is_relayed(&self, origin: Option<&RecordOrigin>) -> bool {
        origin.filter(|origin| origin.is_kept()).is_some_and(|origin| {
            let relayed = self.state.relayed.get(&(origin.shard, origin.log));
            relayed.is_some_and(|relayed| origin.offset < *relayed)
        })
    }

    /// Answers a question for a queue, now or when there is something.
    pub(super) fn fetch(&mut self, context: &mut Context, client: Bytes, waiting: Waiting) -> Answer {
        if let Err(error) = self.holds(&waiting.caller, &client) {
            return Answer::Ready { lsn: Lsn(0), outcome: Outcome::Failed(error) };
        }
        match self.read(context, &client, &waiting) {
            Ok(messages) if messages.is_empty() => {
                let queue = self.state.sessions.get_key_value(&client[..]);
                if let Some((known, _)) = queue.filter(|(_, session)| session.end() > waiting.from) {
                    // What is there is not durable yet.
                    self.grown.insert(known.clone());
                }
                self.waiting.insert(client, waiting);
                Answer::Waiting
            }
            Ok(messages) => {
                self.note_sent(&client, &messages);
                Answer::Ready { lsn: Lsn(0), outcome: Outcome::Session(SessionReply::Queued(messages)) }
            }
            Err(error) => Answer::Ready { lsn: Lsn(0), outcome: Outcome::Failed(error) },
        }
    }

    /// The journal is durable further: whoever waits for what is now durable gets it.
    pub(crate) fn settle(&mut self, context: &mut Context) {
        let mut later = std::collections::BTreeSet::new();
        for client in std::mem::take(&mut self.grown) {
            let Some(waiting) = self.waiting.get(&client[..]).cloned() else { continue };
            match self.read(context, &client, &waiting) {
                Ok(messages) if messages.is_empty() => {
                    later.insert(client);
                }
                read => {
                    self.waiting.remove(&client[..]);
                    let outcome = match read {
                        Ok(messages) => {
                            self.note_sent(&client, &messages);
                            Outcome::Session(SessionReply::Queued(messages))
                        }
                        Err(error) => Outcome::Failed(error),
                    };
                    context.answers.push((waiting.caller.link, waiting.caller.ticket, outcome));
                }
            }
        }
        self.grown.extend(later);
    }

    /// Withdraws a waiting question.
    pub(crate) fn cancel(&mut self, link: ConnectionId, ticket: Ticket) {
        self.waiting.retain(|_, waiting| (waiting.caller.link.id, waiting.caller.ticket) != (link, ticket));
    }

    fn note_sent(&mut self, client: &[u8], messages: &[QueuedMessage]) {
        if let (Some(holder), Some(last)) = (self.holders.get_mut(client), messages.last()) {
            holder.sent_below = holder.sent_below.max(last.ordinal + 1);
        }
    }

    /// Durable entries from an ordinal on that the client has not seen.
    fn read(
        &mut self,
        context: &Context,
        client: &[u8],
        waiting: &Waiting,
    ) -> Result<Vec<QueuedMessage>, Error> {
        let durable = context.journal.durable();
        let Some(session) = self.state.sessions.get(client) else { return Ok(Vec::new()) };
        let skipped = usize::try_from(waiting.from.saturating_sub(session.first)).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let mut bytes = 0;
        let entries = (session.first..).zip(&session.queue).skip(skipped);
        for (ordinal, entry) in entries.filter(|(_, entry)| entry.progress == Progress::Waits) {
            let Some(kept) = self.state.messages.get(&entry.number) else { continue };
            let full = found.len() >= waiting.count_max || bytes >= waiting.bytes_max;
            if kept.lsn > durable || full {
                break;
            }
            let message = self.cache.get(context, entry.number, kept)?;
            bytes += kept.length as usize;
            found.push(to_queued(ordinal, entry, &message));
        }
        Ok(found)
    }
}

/// Recent messages, decoded, bounded by bytes.
#[derive(Debug, Default)]
pub(super) struct MessageCache {
    messages: BTreeMap<u64, Parts>,
    bytes: usize,
}

/// A message whose parts are shared by all that read it.
#[derive(Clone, Debug)]
struct Parts {
    time_ns: u64,
    subject: Bytes,
    reply: Bytes,
    headers: Bytes,
    payload: Option<Bytes>,
    retain: bool,
    wire: stele_model::Wire,
}

impl MessageCache {
    /// Keeps a message that was just queued; the oldest make room.
    fn keep(&mut self, message: MessageQueued) {
        let number = message.number;
        let parts = Parts::from(message);
        self.bytes += parts.cost();
        self.messages.insert(number, parts);
        while self.bytes > CACHE_BYTES_MAX {
            let Some((_, parts)) = self.messages.pop_first() else { break };
            self.bytes -= parts.cost();
        }
    }

    /// Forgets what no queue holds any more at the front.
    pub(super) fn forget_below(&mut self, state: &State) {
        let oldest = state.messages.first_key_value().map_or(u64::MAX, |(number, _)| *number);
        while let Some(entry) = self.messages.first_entry() {
            if *entry.key() >= oldest {
                break;
            }
            self.bytes -= entry.remove().cost();
        }
    }

    fn get(&self, context: &Context, number: u64, kept: &KeptMessage) -> Result<Parts, Error> {
        if let Some(parts) = self.messages.get(&number) {
            return Ok(parts.clone());
        }
        let payload = context.journal.read(kept.position, kept.length)?;
        let message = match payload.split_first() {
            Some((&MessageQueued::KIND, body)) => MessageQueued::decode(body),
            Some((&RecordQueued::KIND, body)) => RecordQueued::decode(body).map(|record| record.message),
            _ => return Err(Error::Storage),
        };
        Ok(Parts::from(message.map_err(|_| Error::Storage)?))
    }
}

impl From<MessageQueued> for Parts {
    fn from(message: MessageQueued) -> Self {
        Self {
            time_ns: message.time_ns,
            subject: message.subject.into(),
            reply: message.reply.into(),
            headers: message.headers.into(),
            payload: message.payload.map(Bytes::from),
            retain: message.retain,
            wire: message.wire,
        }
    }
}

impl Parts {
    fn cost(&self) -> usize {
        self.subject.len()
            + self.reply.len()
            + self.headers.len()
            + self.payload.as_ref().map_or(0, Bytes::len)
            + 200
    }
}

fn to_queued(ordinal: u64, entry: &Entry, message: &Parts) -> QueuedMessage {
    QueuedMessage {
        ordinal,
        record: StoredRecord {
            offset: entry.number,
            append_time_ns: message.time_ns,
            wire_time_ms: i64::try_from(message.time_ns / 1_000_000).unwrap_or(i64::MAX),
            subject: message.subject.clone(),
            key: None,
            headers_raw: message.headers.clone(),
            value: message.payload.clone(),
        },
        reply: message.reply.clone(),
        wire: message.wire,
        quality: entry.quality,
        retain: message.retain,
        identifiers: entry.identifiers.to_vec(),
        options: entry.options,
    }
}

fn record_headers(headers: &stele_model::Headers<'_>) -> Vec<u8> {
    let mut array = RecordHeaders::default();
    headers.each(&mut |(name, value)| array.push(name, value));
    array.finish()
}

/// Bytes of messages in memory; others are read from the log.
const CACHE_BYTES_MAX: usize = 16 << 20;
