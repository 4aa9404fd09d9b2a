//! Reads last values: each is the newest acknowledged one, or a later one that was sent.

use super::REGISTERS;
use super::link::{Delivered, Event, Link};
use super::publisher::register_of;
use crate::broker::Protocol;
use crate::clients::{Client, Turn};
use crate::ledger::{Check, Ledger};

pub(super) struct ValueReader {
    name: String,
    link: Link,
    greeted: bool,
    questions: u64,
    left: u64,
    /// The question under way: (its number, which register, what must be shown, since when).
    asked: Option<(u64, u64, u64, u64)>,
    /// The last look at each register, counted from the last restart.
    looked: u64,
}

impl ValueReader {
    pub(super) fn new(name: &str, left: u64) -> Self {
        let link = Link::new(name);
        Self { name: name.to_owned(), link, greeted: false, questions: 0, left, asked: None, looked: 0 }
    }

    fn answered(&mut self, delivered: &Delivered, turn: &mut Turn<'_>) {
        let Some((number, register, floor, _)) = self.asked else { return };
        if delivered.inbox != format!("q{number}") {
            return;
        }
        self.asked = None;
        let name = register_of(register);
        let value = match delivered.status {
            0 => turn.ledger.identify(&delivered.payload, &name).map_or(0, |id| id.number),
            404 => 0,
            // The stream is not there (yet), or the log has failed.
            503 if floor == 0 => 0,
            503 => return,
            500 => return,
            status => return turn.ledger.broken(Check::Protocol, format!("{name}: status {status}")),
        };
        self.looked += 1;
        turn.ledger.mark_shown(Check::LastValue, &name, floor, value);
    }
}

impl Client for ValueReader {
    fn name(&self) -> &str {
        &self.name
    }

    fn protocol(&self) -> Protocol {
        Protocol::Nats
    }

    fn connected(&mut self, _: &mut Turn<'_>) {
        self.link.reset();
    }

    fn disconnected(&mut self, _: bool, _: &mut Turn<'_>) {
        self.greeted = false;
        self.asked = None;
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
        if let Some((.., since)) = self.asked {
            turn.hangs_up = turn.waited_since(since);
            return;
        }
        if !self.greeted || (self.left == 0 && self.looked >= 6) {
            return;
        }
        self.left = self.left.saturating_sub(1);
        self.questions += 1;
        let register = self.questions % 3;
        let floor = turn.ledger.mark_floor(&register_of(register));
        let subject = format!("$JS.API.DIRECT.GET.{REGISTERS}.$KV.registers.{register}");
        self.link.publish(turn.out, &subject, &format!("q{}", self.questions), &[], b"");
        self.asked = Some((self.questions, register, floor, turn.now.monotonic_ns));
    }

    fn is_done(&self, _: &Ledger) -> bool {
        self.left == 0 && self.looked >= 6
    }

    fn look_again(&mut self) {
        self.looked = 0;
    }
}
