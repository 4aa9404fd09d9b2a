//! A worker on a durable consumer with explicit acknowledgement. It acknowledges most of what it gets, some with a
//! confirmation, refuses some, and forgets the rest.

use super::ORDERS;
use super::link::{Delivered, Event, Link, answer};
use crate::Mutation;
use crate::broker::Protocol;
use crate::clients::{Client, Turn};
use crate::ledger::{Check, Ledger};
use std::collections::BTreeMap;

const CONSUMER: &str = "work";

pub(super) struct Worker {
    name: String,
    link: Link,
    greeted: bool,
    ready: bool,
    next_at: u64,
    questions: u64,
    /// The pull under way: its number, and since when.
    pull: Option<(u64, u64)>,
    /// The question for the consumer's state: its number, what its floor must be, since when.
    info: Option<(u64, u64, u64)>,
    /// Confirmations awaited: by question, the offset.
    confirming: BTreeMap<u64, u64>,
    empty: bool,
}

impl Worker {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            link: Link::new(name),
            greeted: false,
            ready: false,
            next_at: 0,
            questions: 0,
            pull: None,
            info: None,
            confirming: BTreeMap::new(),
            empty: false,
        }
    }

    fn set_up(&mut self, turn: &mut Turn<'_>) {
        if turn.now.monotonic_ns < self.next_at {
            return;
        }
        self.next_at = turn.now.monotonic_ns + 300_000_000;
        let body = format!(
            r#"{{"stream_name":"{ORDERS}","config":{{"durable_name":"{CONSUMER}","ack_policy":"explicit","ack_wait":400000000,"max_ack_pending":32,"deliver_policy":"all","replay_policy":"instant"}}}}"#
        );
        let subject = format!("$JS.API.CONSUMER.DURABLE.CREATE.{ORDERS}.{CONSUMER}");
        self.link.publish(turn.out, &subject, "setup", &[], body.as_bytes());
    }

    fn pull(&mut self, turn: &mut Turn<'_>) {
        self.questions += 1;
        let batch = 1 + turn.random.below(12);
        let body = format!(r#"{{"batch":{batch},"expires":100000000}}"#);
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{ORDERS}.{CONSUMER}");
        let inbox = format!("p{}x{batch}", self.questions);
        self.link.publish(turn.out, &subject, &inbox, &[], body.as_bytes());
        self.pull = Some((self.questions, turn.now.monotonic_ns));
    }

    fn ask(&mut self, turn: &mut Turn<'_>) {
        self.questions += 1;
        let subject = format!("$JS.API.CONSUMER.INFO.{ORDERS}.{CONSUMER}");
        self.link.publish(turn.out, &subject, &format!("i{}", self.questions), &[], b"");
        let floor = turn.ledger.queue_floor(CONSUMER).max(turn.ledger.mark_floor("worker's floor"));
        self.info = Some((self.questions, floor, turn.now.monotonic_ns));
    }

    fn answered(&mut self, delivered: &Delivered, turn: &mut Turn<'_>) {
        // A queue's messages keep their own subject.
        if delivered.reply.starts_with("$JS.ACK.") {
            return self.delivered(delivered, turn);
        }
        let (kind, number) = delivered.inbox.split_at(1);
        match kind {
            "s" => {
                let (_, error) = answer(delivered);
                self.ready = error.is_none();
                self.next_at = turn.now.monotonic_ns + 20_000_000;
            }
            "p" => self.pull = None,
            "i" => self.informed(delivered, turn),
            "c" => {
                let offset = number.parse().ok().and_then(|number| self.confirming.remove(&number));
                if let Some(offset) = offset.filter(|_| delivered.status == 0) {
                    turn.ledger.queue_confirmed(CONSUMER, offset);
                }
            }
            _ => {}
        }
    }

    fn delivered(&mut self, delivered: &Delivered, turn: &mut Turn<'_>) {
        // $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>
        let sequence = delivered.reply.split('.').nth(5).and_then(|text| text.parse::<u64>().ok());
        let Some(offset) = sequence.and_then(|sequence| sequence.checked_sub(1)) else {
            return turn.ledger.broken(Check::Protocol, format!("no place to acknowledge: {delivered:?}"));
        };
        // Silence after the last of a batch: there is no word for its end.
        self.pull = None;
        self.next_at = turn.now.monotonic_ns + 2_000_000;
        self.empty = false;
        if turn.mutation == Mutation::DeliveriesSwallowed && turn.random.chance(100) {
            return self.link.publish(turn.out, &delivered.reply, "", &[], b"+ACK");
        }
        turn.ledger.read(ORDERS, 0, offset, &delivered.payload);
        turn.ledger.queue_delivered(CONSUMER, ORDERS, offset);
        let dice = if turn.draining { turn.random.below(80) } else { turn.random.below(100) };
        match dice {
            0..40 => self.link.publish(turn.out, &delivered.reply, "", &[], b"+ACK"),
            40..80 => {
                self.questions += 1;
                let inbox = format!("c{}", self.questions);
                self.link.publish(turn.out, &delivered.reply, &inbox, &[], b"+ACK");
                self.confirming.insert(self.questions, offset);
            }
            80..90 => self.link.publish(turn.out, &delivered.reply, "", &[], b"-NAK"),
            _ => {}
        }
    }

    fn informed(&mut self, delivered: &Delivered, turn: &mut Turn<'_>) {
        let Some((number, floor, _)) = self.info else { return };
        if delivered.inbox != format!("i{number}") {
            return;
        }
        self.info = None;
        let (body, error) = answer(delivered);
        if error.is_some() {
            return;
        }
        let shown = body["ack_floor"]["stream_seq"].as_u64().unwrap_or(0);
        turn.ledger.mark_sent("worker's floor", shown);
        turn.ledger.mark_shown(Check::FloorsRise, "worker's floor", floor, shown);
        self.empty = body["num_pending"] == 0 && body["num_ack_pending"] == 0;
        if self.empty && turn.draining {
            turn.ledger.queue_finished(CONSUMER, ORDERS);
        }
    }
}

impl Client for Worker {
    fn name(&self) -> &str {
        &self.name
    }

    fn protocol(&self) -> Protocol {
        Protocol::Nats
    }

    fn connected(&mut self, _: &mut Turn<'_>) {
        self.link.reset();
        self.next_at = 0;
    }

    fn disconnected(&mut self, _: bool, _: &mut Turn<'_>) {
        (self.greeted, self.ready, self.empty) = (false, false, false);
        (self.pull, self.info) = (None, None);
        self.confirming.clear();
    }

    fn receive(&mut self, bytes: &[u8], turn: &mut Turn<'_>) {
        for event in self.link.receive(bytes, turn.out) {
            match event {
                Event::Greeted => self.greeted = true,
                Event::Message(delivered) => self.answered(&delivered, turn),
                Event::Refused(_) => turn.hangs_up = true,
            }
        }
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.monotonic_ns;
        if !self.greeted {
            return;
        }
        if !self.ready {
            return self.set_up(turn);
        }
        let waits = self.pull.map(|(_, since)| since).into_iter().chain(self.info.map(|(.., since)| since));
        if waits.min().is_some_and(|since| turn.waited_since(since)) {
            turn.hangs_up = true;
            return;
        }
        if self.info.is_none() && turn.random.chance(200) {
            self.ask(turn);
        }
        if self.pull.is_none() && self.next_at <= now {
            self.pull(turn);
        }
    }

    fn is_done(&self, ledger: &Ledger) -> bool {
        let count = ledger.logs.get(&(ORDERS.to_owned(), 0)).map_or(0, crate::ledger::Log::count);
        count == 0 || self.empty
    }

    fn look_again(&mut self) {
        self.empty = false;
    }
}
