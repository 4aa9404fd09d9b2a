//! What a session does in one call, carried out: runs of messages to receivers, captures to streams, requests.
//!
//! A run is a row of messages that reach the same receivers. It is encoded once per class of equal encodings and
//! written to every receiver of that class; locks are taken per run, not per message.

use crate::broker::Core;
use crate::connection::{Stalled, Subscriptions};
use crate::journal::Lsn;
use crate::pending::Pending;
use crate::router::{Entry, MatchCache, MatchSet};
use crate::scratch::{Captured, Output, Scratch, recycle};
use crate::store::{Answer, Caller};
use crate::{Link, capture, fan_out};
use bumpalo::Bump;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use stele_model::batch::Batch;
use stele_model::{
    Append, Claim, ConnectionId, Error, Message, Now, Order, Outcome, Port, Publish, Published, Quality,
    Request, Subscribe, SubscriptionId, Ticket,
};

/// A run is handed on when it holds this many payload bytes, so that a receiver need not wait for all of a large read.
const RUN_BYTES_MAX: usize = 256 << 10;

/// What a connection keeps between turns.
#[derive(Default)]
pub(crate) struct TurnState {
    pub(crate) subscriptions: Subscriptions,
    pub(crate) pending: Pending,
}

/// The core's side of one turn.
pub(crate) struct TurnPort<'a, 'c> {
    pub(crate) core: &'c Arc<Core>,
    pub(crate) link: &'c Arc<Link>,
    pub(crate) state: &'c mut TurnState,
    pub(crate) now: Now,
    pub(crate) output: &'c mut Output,
    pub(crate) encode: &'c mut Vec<u8>,
    pub(crate) random: &'c mut u64,
    pub(crate) stalled: Stalled,
    cache: &'c mut MatchCache,
    run_home: &'c mut Vec<Message<'static>>,
    captured_home: &'c mut Vec<Captured<'static>>,
    run: Vec<Message<'a>>,
    run_set: Option<Arc<MatchSet>>,
    run_no_echo: bool,
    run_bytes: usize,
    captured: Vec<Captured<'a>>,
    published: u64,
    published_bytes: u64,
}

/// A message and whom it is for.
struct Aim<'a> {
    message: Message<'a>,
    set: Arc<MatchSet>,
    /// Somebody receives it at once.
    live: bool,
    /// A stream that acknowledges captures it.
    acknowledges: bool,
    /// Somebody may keep it.
    stored: bool,
    /// Its publisher is told that somebody gets it.
    received: bool,
}

impl<'a, 'c> TurnPort<'a, 'c> {
    pub(crate) fn new(
        core: &'c Arc<Core>,
        link: &'c Arc<Link>,
        state: &'c mut TurnState,
        scratch: &'a mut Scratch,
        now: Now,
    ) -> (Self, &'a Bump)
    where
        'a: 'c,
    {
        let Scratch { output, arena, encode, cache, random, run, captured, ring: _, stalled: _ } = scratch;
        cache.refresh(&core.router);
        let port = Self {
            core,
            link,
            state,
            now,
            output,
            encode,
            random,
            stalled: None,
            cache,
            run: recycle(std::mem::take(run)),
            run_home: run,
            run_set: None,
            run_no_echo: false,
            run_bytes: 0,
            captured: recycle(std::mem::take(captured)),
            captured_home: captured,
            published: 0,
            published_bytes: 0,
        };
        (port, arena)
    }

    /// Does what is still to do; the scratch gets its memory back. Returns a receiver that is over its limit.
    pub(crate) fn finish(mut self) -> Stalled {
        self.flush_run();
        self.flush_captured();
        if self.published > 0 {
            self.core.counters.published.fetch_add(self.published, Ordering::Relaxed);
            self.core.counters.published_bytes.fetch_add(self.published_bytes, Ordering::Relaxed);
        }
        *self.run_home = recycle(self.run);
        *self.captured_home = recycle(self.captured);
        self.stalled
    }

    /// Writes the run to its receivers.
    fn flush_run(&mut self) {
        let Some(set) = self.run_set.take() else { return };
        let run = std::mem::take(&mut self.run);
        fan_out::deliver(self, &run, &set, self.run_no_echo);
        self.run = run;
        self.run.clear();
        self.run_bytes = 0;
    }

    /// Hands what was captured to the streams.
    fn flush_captured(&mut self) {
        if self.captured.is_empty() {
            return;
        }
        let captured = std::mem::take(&mut self.captured);
        capture::store(self, &captured);
        self.captured = captured;
        self.captured.clear();
    }

    fn add_to_run(&mut self, message: Message<'a>, set: &Arc<MatchSet>, no_echo: bool) {
        let joins = self.run_set.as_ref().is_some_and(|run_set| Arc::ptr_eq(run_set, set))
            && self.run_no_echo == no_echo
            && self.run_bytes < RUN_BYTES_MAX
            && self.run.last().is_some_and(|last| last.quality == message.quality);
        if !joins {
            self.flush_run();
            self.run_set = Some(set.clone());
            self.run_no_echo = no_echo;
        }
        self.run_bytes += message.payload.map_or(0, <[u8]>::len) + message.subject.len();
        self.run.push(message);
    }

    /// A producer's records are messages of a client, too. Their payload stays as it came: its batch is what is counted.
    fn count_produced(&mut self, append: &Append) {
        for batch in append.batches.iter().filter_map(|batch| Batch::parse(&batch.batch).ok()) {
            self.published += u64::try_from(batch.header().record_count).unwrap_or(0);
            self.published_bytes += batch.header().total_bytes() as u64;
        }
    }

    /// Whom a message is for.
    #[inline]
    fn aim(&mut self, publish: &Publish<'a>) -> Aim<'a> {
        if !publish.by_broker {
            self.count_published(publish.payload.map_or(0, <[u8]>::len));
        }
        let set = self.cache.find(&self.core.router, publish.route.unwrap_or(publish.subject));
        let mut message = Message {
            subject: publish.subject,
            reply: publish.reply,
            headers: publish.headers,
            payload: publish.payload,
            quality: publish.quality,
            retain: publish.retain,
            from: self.link.id,
        };
        let live = set.has_live() && (!publish.no_echo || fan_out::reaches_others(&set, self.link.id));
        if publish.route.is_some() {
            return Aim { message, set, live, acknowledges: false, stored: false, received: live };
        }
        let is_record = publish.conditions.is_some_and(|conditions| conditions.origin.is_some());
        let captures = !set.captures.is_empty() && !is_record;
        if captures && message.quality == Quality::AtMostOnce {
            message.quality = Quality::AtLeastOnce;
        }
        let for_sessions = set.sessions && message.quality > Quality::AtMostOnce;
        let stored = captures || for_sessions || publish.retain;
        let acknowledges = captures && set.captures.first().is_some_and(|target| target.acknowledges);
        let received = live || publish.answered || acknowledges || for_sessions;
        Aim { message, set, live, acknowledges, stored, received }
    }

    /// A ticket where something is stored, or where earlier answers must leave first.
    fn ticket_for(&mut self, publish: &Publish<'_>, stored: bool) -> Option<Ticket> {
        if !publish.ack {
            return None;
        }
        if stored {
            return Some(self.state.pending.ticket());
        }
        let earlier = self.state.pending.has_in_turn() || !self.captured.is_empty();
        if publish.quality == Quality::AtMostOnce || !earlier {
            return None;
        }
        // Acknowledgements leave in the order of their messages, also where nothing is stored.
        self.flush_captured();
        let ticket = self.state.pending.ticket();
        self.state.pending.push_ready(ticket, Lsn(0), Outcome::Appended(stele_model::AppendReply::default()));
        Some(ticket)
    }
}

impl<'a> Port<'a> for TurnPort<'a, '_> {
    fn send(&mut self) -> &mut Vec<u8> {
        self.flush_run();
        &mut self.output.bytes
    }

    fn send_shared(&mut self, bytes: Bytes) {
        self.flush_run();
        self.output.shared.push((self.output.bytes.len(), bytes));
    }

    fn publish(&mut self, publish: Publish<'a>) -> Published {
        let Aim { message, set, live, acknowledges, stored, received } = self.aim(&publish);
        if publish.route.is_some() {
            if live {
                self.add_to_run(message, &set, publish.no_echo);
            }
            return Published { received, ticket: None };
        }
        // Captures that do not acknowledge are silent to NATS; a publisher that asked for quality hears of all.
        let answers = stored && (acknowledges || publish.quality > Quality::AtMostOnce);
        let ticket = self.ticket_for(&publish, answers);
        if live {
            self.add_to_run(message, &set, publish.no_echo);
        }
        if stored {
            let hears_all = publish.quality > Quality::AtMostOnce;
            self.captured.push(Captured { message, conditions: publish.conditions, set, ticket, hears_all });
        }
        Published { received, ticket }
    }

    fn count_published(&mut self, payload_bytes: usize) {
        self.published += 1;
        self.published_bytes += payload_bytes as u64;
    }

    fn publish_once(&mut self, messages: &[Publish<'a>], claim: Claim<'_>) -> Published {
        self.flush_run();
        self.flush_captured();
        let ticket = self.state.pending.ticket();
        let caller = Caller { link: self.link.clone(), ticket };
        let aims: Vec<Aim<'a>> = messages.iter().map(|publish| self.aim(publish)).collect();
        let captured = aims.iter().zip(messages).map(|(aim, publish)| Captured {
            message: aim.message,
            conditions: publish.conditions,
            set: aim.set.clone(),
            ticket: None,
            hears_all: true,
        });
        let captured: Vec<Captured<'a>> = captured.collect();
        let once = capture::store_once(self, &caller, &claim, &captured);
        let mut received = once.repeated;
        // What the client will send again because nobody took it is shown then.
        let taken = once.kept || once.refused.as_ref().is_none_or(Error::is_final);
        for (aim, publish) in aims.into_iter().zip(messages) {
            received |= aim.received || !aim.set.captures.is_empty();
            if aim.live && taken && !once.repeated {
                self.add_to_run(aim.message, &aim.set, publish.no_echo);
            }
        }
        let outcome = match once.refused {
            Some(error) => Outcome::Failed(error),
            None => Outcome::Appended(stele_model::AppendReply::default()),
        };
        self.state.pending.push_ready(ticket, once.lsn, outcome);
        Published { received, ticket: Some(ticket) }
    }

    fn is_captured(&mut self, subject: &[u8]) -> bool {
        !self.cache.find(&self.core.router, subject).captures.is_empty()
    }

    fn request(&mut self, request: Request, order: Order) -> Ticket {
        self.flush_run();
        self.flush_captured();
        if let Request::Append(append) = &request {
            self.count_produced(append);
        }
        let ticket = self.state.pending.ticket();
        let caller = Caller { link: self.link.clone(), ticket };
        match (self.core.durable.request(self.now, &caller, request), order) {
            (Answer::Ready { lsn, outcome }, Order::InTurn) => {
                self.state.pending.push_ready(ticket, lsn, outcome)
            }
            (Answer::Ready { lsn, outcome }, Order::Free) => {
                self.state.pending.push_free(ticket, lsn, outcome)
            }
            (Answer::Waiting, Order::InTurn) => self.state.pending.push_waiting(ticket),
            (Answer::Waiting, Order::Free) | (Answer::Silent, _) => {}
        }
        ticket
    }

    fn cancel(&mut self, ticket: Ticket) {
        self.state.pending.cancel(ticket);
        self.core.durable.cancel(self.link.id, ticket);
    }

    fn subscribe(&mut self, subscribe: Subscribe) {
        self.flush_run();
        let (id, filter) = (subscribe.id, subscribe.filter.clone());
        let entry = Arc::new(Entry::new(self.link.clone(), subscribe));
        self.core.router.insert(&filter, entry.clone());
        if let Some((filter, replaced)) = self.state.subscriptions.insert(id, filter, entry) {
            self.core.router.remove(&filter, &replaced);
        }
    }

    fn unsubscribe(&mut self, id: SubscriptionId) {
        self.flush_run();
        if let Some((filter, entry)) = self.state.subscriptions.remove(id) {
            self.core.router.remove(&filter, &entry);
        }
    }

    fn unsubscribe_after(&mut self, id: SubscriptionId, deliveries: u64) {
        self.flush_run();
        let Some(entry) = self.state.subscriptions.get(id) else { return };
        entry.end_after(deliveries);
        if entry.is_spent() {
            self.unsubscribe(id);
        } else {
            self.core.router.changed();
        }
    }

    fn is_subscribed(&mut self, id: SubscriptionId) -> bool {
        self.state.subscriptions.get(id).is_some_and(|entry| !entry.is_spent())
    }

    fn subscriptions(&mut self) -> usize {
        self.state.subscriptions.len()
    }

    fn own_subscription(&mut self, subject: &[u8]) -> Option<SubscriptionId> {
        let set = self.cache.find(&self.core.router, subject);
        let mine = |entry: &&Arc<Entry>| entry.link.id == self.link.id && !entry.is_spent();
        set.encoded.iter().chain(&set.bounded).find(mine).map(|entry| entry.id)
    }

    fn has_receivers(&mut self, subject: &[u8]) -> bool {
        let set = self.cache.find(&self.core.router, subject);
        set.has_live() || set.captures.first().is_some_and(|target| target.acknowledges)
    }

    fn watch(&mut self, subject: &[u8], on: bool) {
        if on {
            self.link.watches.store(true, Ordering::Relaxed);
        }
        self.core.router.watch(subject, self.link, on);
    }

    fn random(&mut self) -> u64 {
        (self.core.random)()
    }

    fn connection(&self) -> ConnectionId {
        self.link.id
    }
}
