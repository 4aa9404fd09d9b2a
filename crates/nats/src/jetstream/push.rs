//! Push consumers: one internal connection without a socket delivers for all of them (ADR-13, ADR-17).
//!
//! ```text
//!            receiver comes             credit                        pulled all
//!  Waiting ─────────────────→ Pulling ────────→ publishes ─┬────────→ Pulling
//!     ↑                          │                         └ window full → Stalled ─ answer on $JS.FC. → Pulling
//!     └──── receiver gone ───────┘
//! ```
//!
//! Flow control: after half a window of bytes the receiver is asked for an answer, at a full window nothing more is
//! sent until it comes; the window doubles with each answer up to `WINDOW_BYTES_MAX`. Heartbeats tell a silent
//! receiver what it should have seen last.

use super::deliver::{deliver, publish_status, publish_with_reply};
use super::status;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stele_model::{
    AckKind, Close, CursorCommand, CursorInfo, CursorName, CursorReply, Delivery, DeliveryEnd, Filter,
    Handed, Now, Offset, Order, Outcome, Pull, Push, Request, Session, StreamName, Subscribe,
    SubscribeDelivery, SubscriptionId, Ticket, Turn,
};

/// Bytes that a flow-controlled receiver may leave unanswered at first.
const WINDOW_BYTES: u64 = 2 << 20;
/// The largest window (nats-server's limit, too).
const WINDOW_BYTES_MAX: u64 = 32 << 20;
/// Records of one pull.
const PULL_RECORDS: u64 = 256;
/// Bytes of one pull; a larger record is pulled alone.
const PULL_BYTES: u64 = 1 << 20;
const FLOW_SUBSCRIPTION: SubscriptionId = SubscriptionId(1);
const SECOND_NS: u128 = 1_000_000_000;

type Key = (StreamName, CursorName);

/// Delivers for every push consumer of the broker. The host attaches one at start, with an outlet that swallows bytes.
#[derive(Debug, Default)]
pub struct PushSession {
    watching: Option<Ticket>,
    cursors: BTreeMap<Key, Pusher>,
    pulls: BTreeMap<Ticket, Key>,
    timers: BTreeSet<(u64, Key)>,
}

/// One push consumer.
#[derive(Debug)]
struct Pusher {
    push: Push,
    state: State,
    last_delivery: u64,
    last_sequence: Offset,
    /// When something was sent last, for heartbeats.
    sent_ns: u64,
    /// Not before this time (rate limit).
    resume_ns: u64,
    /// The next record is larger than a pull: take it alone.
    alone: bool,
    flow: Flow,
    timer_ns: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Nobody listens.
    Waiting,
    /// A pull is at the core.
    Pulling(Ticket),
    /// The receiver owes an answer, or the rate is used up.
    Stalled,
}

/// The window of a flow-controlled receiver.
#[derive(Debug)]
struct Flow {
    window: u64,
    unanswered: u64,
    /// The number of the request that waits for its answer, and the bytes that it covers.
    asked: Option<(u64, u64)>,
    number: u64,
}

impl PushSession {
    /// For a fresh broker.
    pub fn new() -> Self {
        Self::default()
    }

    fn on_watch(&mut self, now: Now, reply: CursorReply, turn: &mut Turn<'_, '_>) {
        let CursorReply::Push { info, alive } = reply else { return };
        let key = (info.stream.clone(), info.spec.name.clone());
        self.remove(&key, turn);
        if let (true, Some(push)) = (alive, info.spec.push.clone()) {
            turn.watch(&push.subject, true);
            self.cursors.insert(key.clone(), Pusher::new(push, &info, now));
            self.go_on(now, &key, turn);
        }
    }

    fn remove(&mut self, key: &Key, turn: &mut Turn<'_, '_>) {
        let Some(pusher) = self.cursors.remove(key) else { return };
        if let State::Pulling(ticket) = pusher.state {
            turn.cancel(ticket);
            self.pulls.remove(&ticket);
        }
        if let Some(at) = pusher.timer_ns {
            self.timers.remove(&(at, key.clone()));
        }
        // Two consumers may share a deliver subject.
        if !self.cursors.values().any(|other| other.push.subject == pusher.push.subject) {
            turn.watch(&pusher.push.subject, false);
        }
    }

    /// Pulls, if somebody listens and there is credit; sets the timer.
    fn go_on(&mut self, now: Now, key: &Key, turn: &mut Turn<'_, '_>) {
        let Some(pusher) = self.cursors.get_mut(key) else { return };
        let listening = turn.has_receivers(&pusher.push.subject);
        match &pusher.state {
            State::Pulling(ticket) if !listening => {
                turn.cancel(*ticket);
                self.pulls.remove(ticket);
                pusher.state = State::Waiting;
            }
            State::Pulling(_) => {}
            _ if !listening => {
                pusher.state = State::Waiting;
                // Whoever comes next starts with a fresh window.
                pusher.flow = Flow::new();
            }
            _ if pusher.may_pull(now) => {
                if pusher.state == State::Waiting {
                    pusher.sent_ns = now.monotonic_ns;
                }
                let ticket =
                    turn.request(Request::Cursor(CursorCommand::Pull(pusher.pull(key))), Order::Free);
                pusher.state = State::Pulling(ticket);
                self.pulls.insert(ticket, key.clone());
            }
            _ => pusher.state = State::Stalled,
        }
        self.set_timer(key);
    }

    fn set_timer(&mut self, key: &Key) {
        let Some(pusher) = self.cursors.get_mut(key) else { return };
        let due = pusher.due_ns();
        if due != pusher.timer_ns {
            if let Some(at) = pusher.timer_ns {
                self.timers.remove(&(at, key.clone()));
            }
            if let Some(at) = due {
                self.timers.insert((at, key.clone()));
            }
            pusher.timer_ns = due;
        }
    }

    fn on_delivery(&mut self, now: Now, ticket: Ticket, delivery: &Delivery, turn: &mut Turn<'_, '_>) {
        let Some(key) = self.pulls.get(&ticket).cloned() else { return };
        if let Some(pusher) = self.cursors.get_mut(&key) {
            pusher.publish(now, &key, delivery, turn);
            if let Some(end) = &delivery.end {
                self.pulls.remove(&ticket);
                pusher.alone = matches!(end, DeliveryEnd::TooLarge { .. }) && delivery.records.is_empty();
                pusher.state = State::Stalled;
                if matches!(end, DeliveryEnd::CursorDeleted | DeliveryEnd::Shutdown) {
                    // The watch tells when it is gone; until then nothing is asked.
                    pusher.resume_ns = u64::MAX;
                }
            }
        }
        self.go_on(now, &key, turn);
    }
}

impl Pusher {
    fn new(push: Push, info: &CursorInfo, now: Now) -> Self {
        Self {
            push,
            state: State::Waiting,
            last_delivery: info.delivered.0,
            last_sequence: info.delivered.1,
            sent_ns: now.monotonic_ns,
            resume_ns: 0,
            alone: false,
            flow: Flow::new(),
            timer_ns: None,
        }
    }

    fn may_pull(&self, now: Now) -> bool {
        now.monotonic_ns >= self.resume_ns && !self.is_stalled()
    }

    /// The receiver owes an answer for a whole window.
    fn is_stalled(&self) -> bool {
        self.push.flow_control && self.flow.unanswered >= self.flow.window
    }

    fn pull(&self, (stream, name): &Key) -> Pull {
        let (batch, bytes_max) = if self.alone { (1, None) } else { (PULL_RECORDS, Some(PULL_BYTES)) };
        Pull {
            stream: stream.clone(),
            name: name.clone(),
            batch,
            bytes_max,
            deadline_ns: None,
            no_wait: false,
            heartbeat_ns: 0,
            push: true,
        }
    }

    /// When this cursor wants to be looked at: the next heartbeat, or the end of a pause.
    fn due_ns(&self) -> Option<u64> {
        if self.state == State::Waiting {
            return None;
        }
        let heartbeat =
            (self.push.heartbeat_ns > 0).then(|| self.sent_ns.saturating_add(self.push.heartbeat_ns));
        // While the window is full only an answer helps, not time.
        let paused = self.state == State::Stalled && !self.is_stalled() && self.resume_ns < u64::MAX;
        let resume = paused.then_some(self.resume_ns);
        match (heartbeat, resume) {
            (Some(heartbeat), Some(resume)) => Some(heartbeat.min(resume)),
            (either, other) => either.or(other),
        }
    }

    fn publish(&mut self, now: Now, key: &Key, delivery: &Delivery, turn: &mut Turn<'_, '_>) {
        let mut gone = false;
        for delivered in &delivery.records {
            let bytes = if gone {
                0
            } else {
                let (received, bytes) =
                    deliver(&key.0, &key.1, delivered, delivery.headers_only, &self.push.subject, turn);
                gone = !received;
                bytes
            };
            self.last_delivery = delivered.delivery;
            self.last_sequence = delivered.record.offset + 1;
            if gone {
                // The receiver left in between: whoever comes next gets it at once.
                let command = CursorCommand::Ack {
                    stream: key.0.clone(),
                    name: key.1.clone(),
                    offset: delivered.record.offset,
                    delivery: delivered.delivery,
                    kind: AckKind::Again(None),
                    confirm: false,
                };
                turn.request(Request::Cursor(command), Order::Free);
                continue;
            }
            self.sent_ns = now.monotonic_ns;
            self.count(now, key, bytes, turn);
        }
    }

    /// Counts delivered bytes for the rate and the window; asks the receiver at half of it.
    fn count(&mut self, now: Now, key: &Key, bytes: u64, turn: &mut Turn<'_, '_>) {
        if self.push.rate_bps > 0 {
            let wait = u128::from(bytes) * 8 * SECOND_NS / u128::from(self.push.rate_bps);
            let from = self.resume_ns.max(now.monotonic_ns);
            self.resume_ns = from.saturating_add(u64::try_from(wait).unwrap_or(u64::MAX / 2));
        }
        if !self.push.flow_control {
            return;
        }
        self.flow.unanswered += bytes;
        if self.flow.asked.is_none() && self.flow.unanswered >= self.flow.window / 2 {
            self.flow.number += 1;
            self.flow.asked = Some((self.flow.number, self.flow.unanswered));
            let block = status::block(status::FLOW_CONTROL, &[]);
            publish_with_reply(&self.push.subject, &self.flow_subject(key), &block, turn);
        }
    }

    fn flow_subject(&self, (stream, name): &Key) -> Vec<u8> {
        format!("$JS.FC.{stream}.{name}.{}", self.flow.number).into_bytes()
    }

    /// The receiver answered request `number`.
    fn answered(&mut self, number: u64) {
        if let Some((asked, covered)) = self.flow.asked
            && asked == number
        {
            self.flow.asked = None;
            self.flow.unanswered = self.flow.unanswered.saturating_sub(covered);
            self.flow.window = (self.flow.window * 2).min(WINDOW_BYTES_MAX);
        }
    }

    fn heartbeat(&mut self, now: Now, key: &Key, turn: &mut Turn<'_, '_>) {
        let is_due = self.push.heartbeat_ns > 0
            && self.state != State::Waiting
            && now.monotonic_ns >= self.sent_ns.saturating_add(self.push.heartbeat_ns);
        if !is_due {
            return;
        }
        self.sent_ns = now.monotonic_ns;
        let mut block = status::heartbeat_block(self.last_delivery, self.last_sequence);
        if self.is_stalled() {
            // A receiver that missed the request answers to the subject in this header.
            block.truncate(block.len() - 2);
            block.extend_from_slice(b"Nats-Consumer-Stalled: ");
            block.extend_from_slice(&self.flow_subject(key));
            block.extend_from_slice(b"\r\n\r\n");
        }
        publish_status(&self.push.subject, &block, turn);
    }
}

impl Flow {
    fn new() -> Self {
        Self { window: WINDOW_BYTES, unanswered: 0, asked: None, number: 0 }
    }
}

impl Session for PushSession {
    fn open(&mut self, _now: Now, turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        turn.subscribe(Subscribe {
            id: FLOW_SUBSCRIPTION,
            filter: Filter::new(b"$JS.FC.>").expect("a good filter"),
            group: None,
            delivery: SubscribeDelivery::Handed,
            hides_internal: false,
            no_local: false,
            volatile_only: false,
        });
        self.watching = Some(turn.request(Request::Cursor(CursorCommand::WatchPush), Order::Free));
        Ok(())
    }

    /// There is no peer.
    fn receive<'a>(&mut self, _now: Now, input: &'a [u8], _turn: &mut Turn<'a, '_>) -> Result<usize, Close> {
        Ok(input.len())
    }

    fn complete(
        &mut self,
        now: Now,
        ticket: Ticket,
        outcome: Outcome,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Close> {
        match outcome {
            Outcome::Cursor(reply) if self.watching == Some(ticket) => self.on_watch(now, reply, turn),
            Outcome::Delivered(delivery) => self.on_delivery(now, ticket, &delivery, turn),
            Outcome::Failed(_) => {
                // The cursor went between its watch and our pull, or storage failed: try again after a while.
                let Some(key) = self.pulls.remove(&ticket) else { return Ok(()) };
                if let Some(pusher) = self.cursors.get_mut(&key) {
                    pusher.state = State::Stalled;
                    pusher.resume_ns = now.monotonic_ns.saturating_add(RETRY_NS);
                }
                self.go_on(now, &key, turn);
            }
            _ => {}
        }
        Ok(())
    }

    fn deliver(
        &mut self,
        now: Now,
        message: &Arc<Handed>,
        _to: &[SubscriptionId],
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Close> {
        if let Some((key, number)) = parse_flow_subject(&message.subject) {
            if let Some(pusher) = self.cursors.get_mut(&key) {
                pusher.answered(number);
            }
            self.go_on(now, &key, turn);
        }
        Ok(())
    }

    /// Timers, and receivers that came on a watched subject.
    fn wake(&mut self, now: Now, turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        while let Some((at, key)) = self.timers.first().cloned() {
            if at > now.monotonic_ns {
                break;
            }
            self.timers.pop_first();
            if let Some(pusher) = self.cursors.get_mut(&key) {
                pusher.timer_ns = None;
                pusher.heartbeat(now, &key, turn);
            }
            self.go_on(now, &key, turn);
        }
        let waiting = self.cursors.iter().filter(|(_, pusher)| pusher.state == State::Waiting);
        let waiting: Vec<Key> = waiting.map(|(key, _)| key.clone()).collect();
        for key in waiting {
            self.go_on(now, &key, turn);
        }
        Ok(())
    }

    fn deadline(&self) -> Option<u64> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The core withdraws what waits for a connection that ends.
    fn close(&mut self, _now: Now, _why: &Close, _turn: &mut Turn<'_, '_>) {}
}

/// How long a failed pull waits before the next one.
const RETRY_NS: u64 = 250_000_000;

/// `$JS.FC.<stream>.<consumer>.<number>`
pub(super) fn parse_flow_subject(subject: &[u8]) -> Option<(Key, u64)> {
    let text = std::str::from_utf8(subject.strip_prefix(b"$JS.FC.")?).ok()?;
    let mut tokens = text.split('.');
    let (stream, name, number) = (tokens.next()?, tokens.next()?, tokens.next()?.parse().ok()?);
    tokens.next().is_none().then(|| ((StreamName::new(stream), CursorName::new(name)), number))
}
