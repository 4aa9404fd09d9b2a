//! A JetStream publisher with several messages in flight: every message has an id, and is sent again under it until it
//! is acknowledged.

use super::link::{Delivered, Event, Link, answer};
use super::{ORDERS, REGISTERS, SENSORS};
use crate::Mutation;
use crate::broker::Protocol;
use crate::clients::{Client, Turn};
use crate::ledger::{Ledger, MessageId};
use std::collections::{BTreeMap, BTreeSet};

/// Values of one register have numbers of their own: the message's.
const REGISTER_COUNT: u64 = 3;

pub(super) struct Publisher {
    name: String,
    stream: &'static str,
    setup: String,
    window: usize,
    total: u64,
    link: Link,
    /// The stream stands.
    ready: bool,
    greeted: bool,
    setup_at: u64,
    /// The number of the next new message.
    next: u64,
    /// Sent and not acknowledged, with when; sent on this connection.
    awaiting: BTreeMap<u64, u64>,
    /// To be sent again, in order.
    again: BTreeSet<u64>,
    /// After a refusal: not before.
    pause_until: u64,
}

impl Publisher {
    pub(super) fn to_orders(name: &str, window: usize, total: u64) -> Self {
        let setup = format!(
            r#"{{"name":"{ORDERS}","subjects":["orders.>"],"retention":"limits","storage":"file","duplicate_window":86400000000000}}"#
        );
        Self::new(name, ORDERS, setup, window, total)
    }

    pub(super) fn to_registers(name: &str, window: usize, total: u64) -> Self {
        let setup = format!(
            r#"{{"name":"{REGISTERS}","subjects":["$KV.registers.>"],"max_msgs_per_subject":1,"allow_direct":true,"allow_rollup_hdrs":true,"deny_delete":true,"storage":"file","duplicate_window":86400000000000}}"#
        );
        Self::new(name, REGISTERS, setup, window, total)
    }

    /// Publishes nothing: only makes the stream that captures what MQTT publishes.
    pub(super) fn to_capture(name: &str) -> Self {
        let setup = format!(r#"{{"name":"{SENSORS}","subjects":["sensors.>"],"storage":"file"}}"#);
        Self::new(name, SENSORS, setup, 1, 0)
    }

    fn new(name: &str, stream: &'static str, setup: String, window: usize, total: u64) -> Self {
        Self {
            name: name.to_owned(),
            stream,
            setup,
            window,
            total,
            link: Link::new(name),
            ready: false,
            greeted: false,
            setup_at: 0,
            next: 1,
            awaiting: BTreeMap::new(),
            again: BTreeSet::new(),
            pause_until: 0,
        }
    }

    fn send(&mut self, number: u64, turn: &mut Turn<'_>) {
        let id = MessageId::new(&self.name, number);
        let subject = if self.stream == REGISTERS {
            turn.ledger.mark_sent(&register_of(number), number);
            format!("$KV.registers.{}", number % REGISTER_COUNT)
        } else {
            format!("orders.{}.{}", self.name, number % 5)
        };
        let text = id.to_string();
        let header = match turn.mutation {
            Mutation::MessageIdsIgnored => "X-Msg-Id",
            _ => "Nats-Msg-Id",
        };
        let mut payload = id.payload();
        if turn.mutation == Mutation::BytesChanged && number.is_multiple_of(7) {
            payload.push(b'!');
        }
        self.link.publish(turn.out, &subject, &format!("m{number}"), &[(header, &text)], &payload);
        self.awaiting.insert(number, turn.now.monotonic_ns);
    }

    fn answered(&mut self, delivered: &Delivered, turn: &mut Turn<'_>) {
        let (body, error) = answer(delivered);
        let Some(number) = delivered.inbox.strip_prefix('m').and_then(|text| text.parse::<u64>().ok()) else {
            self.ready = error.is_none();
            turn.ledger.captures |= self.ready && self.stream == SENSORS;
            self.setup_at = turn.now.monotonic_ns + 20_000_000;
            return;
        };
        if self.awaiting.remove(&number).is_none() {
            return;
        }
        let id = MessageId::new(&self.name, number);
        match (error, body["seq"].as_u64().and_then(|sequence| sequence.checked_sub(1))) {
            (None, Some(offset)) => {
                turn.ledger.acked_at(self.stream, 0, offset, &id);
                if self.stream == REGISTERS {
                    turn.ledger.mark_durable(&register_of(number), number);
                }
            }
            _ => {
                turn.ledger.refused.insert(id);
                self.again.insert(number);
                self.pause_until = turn.now.monotonic_ns + 5_000_000;
            }
        }
    }

    fn set_up(&mut self, turn: &mut Turn<'_>) {
        if turn.now.monotonic_ns < self.setup_at {
            return;
        }
        self.setup_at = turn.now.monotonic_ns + 500_000_000;
        let subject = format!("$JS.API.STREAM.CREATE.{}", self.stream);
        self.link.publish(turn.out, &subject, "setup", &[], self.setup.as_bytes());
    }

    /// The next number to send, if any may be sent now.
    fn next_number(&mut self, turn: &mut Turn<'_>) -> Option<u64> {
        if self.awaiting.len() >= self.window || turn.now.monotonic_ns < self.pause_until {
            return None;
        }
        if turn.mutation == Mutation::Reordered && self.again.len() > 1 {
            return self.again.pop_last();
        }
        if let Some(number) = self.again.pop_first() {
            return Some(number);
        }
        if self.next > self.total {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }
}

/// The mark of the register that a message writes.
pub(super) fn register_of(number: u64) -> String {
    format!("register {}", number % REGISTER_COUNT)
}

impl Client for Publisher {
    fn name(&self) -> &str {
        &self.name
    }

    fn protocol(&self) -> Protocol {
        Protocol::Nats
    }

    fn connected(&mut self, _: &mut Turn<'_>) {
        self.link.reset();
        self.setup_at = 0;
    }

    fn disconnected(&mut self, refused: bool, turn: &mut Turn<'_>) {
        for number in std::mem::take(&mut self.awaiting).into_keys() {
            if refused {
                turn.ledger.refused.insert(MessageId::new(&self.name, number));
            }
            self.again.insert(number);
        }
        (self.ready, self.greeted) = (false, false);
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
        if !self.greeted {
            return;
        }
        if !self.ready {
            return self.set_up(turn);
        }
        if self.awaiting.values().any(|since| turn.waited_since(*since)) {
            turn.hangs_up = true;
            return;
        }
        for _ in 0..1 + turn.random.below(4) {
            let Some(number) = self.next_number(turn) else { return };
            self.send(number, turn);
        }
    }

    fn is_done(&self, _: &Ledger) -> bool {
        self.next > self.total && self.awaiting.is_empty() && self.again.is_empty()
    }
}
