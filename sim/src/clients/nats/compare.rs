//! Writers that compete: each publish carries the sequence that it expects to be its subject's last.

use super::COMPARED;
use super::link::{Delivered, Event, Link, answer};
use crate::Mutation;
use crate::broker::Protocol;
use crate::clients::{Client, Turn};
use crate::ledger::{Ledger, MessageId};

/// Writers compete on so many subjects.
const SUBJECTS: u64 = 2;

pub(super) struct Competitor {
    name: String,
    link: Link,
    greeted: bool,
    stage: Stage,
    /// When the stage began, or ends.
    at: u64,
    /// The subject in question, and its last sequence as far as known.
    subject: u64,
    next: u64,
    total: u64,
    questions: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    SetUp,
    /// Rests until `at`, then asks for the last sequence.
    Idle,
    Asked,
    /// The last sequence is known: write.
    Knows(u64),
    Wrote,
}

impl Competitor {
    pub(super) fn new(name: &str, total: u64) -> Self {
        Self {
            name: name.to_owned(),
            link: Link::new(name),
            greeted: false,
            stage: Stage::SetUp,
            at: 0,
            subject: 0,
            next: 1,
            total,
            questions: 0,
        }
    }

    fn ask(&mut self, turn: &mut Turn<'_>) {
        self.subject = turn.random.below(SUBJECTS);
        self.questions += 1;
        let body = format!(r#"{{"last_by_subj":"compared.{}"}}"#, self.subject);
        let subject = format!("$JS.API.STREAM.MSG.GET.{COMPARED}");
        self.link.publish(turn.out, &subject, &format!("q{}", self.questions), &[], body.as_bytes());
        self.enter(Stage::Asked, turn.now.monotonic_ns);
    }

    fn write(&mut self, expected: u64, turn: &mut Turn<'_>) {
        let id = MessageId::new(&self.name, self.next);
        let subject = format!("compared.{}", self.subject);
        turn.ledger.compares(COMPARED, &id, &subject, expected);
        let header = match turn.mutation {
            Mutation::ExpectationsIgnored => "X-Expected",
            _ => "Nats-Expected-Last-Subject-Sequence",
        };
        let headers = [(header, expected.to_string())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.link.publish(turn.out, &subject, &format!("w{}", self.next), &headers, &id.payload());
        self.next += 1;
        self.enter(Stage::Wrote, turn.now.monotonic_ns);
    }

    fn answered(&mut self, delivered: &Delivered, turn: &mut Turn<'_>) {
        let (body, error) = answer(delivered);
        let now = turn.now.monotonic_ns;
        let rest = now + turn.random.below(10_000_000);
        match self.stage {
            Stage::SetUp if delivered.inbox == "setup" && error.is_none() => self.enter(Stage::Idle, now),
            Stage::Asked if delivered.inbox == format!("q{}", self.questions) => match error {
                None => self.enter(Stage::Knows(body["message"]["seq"].as_u64().unwrap_or(0)), now),
                Some(error) if error.starts_with("10037") => self.enter(Stage::Knows(0), now),
                Some(_) => self.enter(Stage::Idle, rest),
            },
            Stage::Wrote if delivered.inbox == format!("w{}", self.next - 1) => {
                let offset = body["seq"].as_u64().and_then(|sequence| sequence.checked_sub(1));
                if let (None, Some(offset)) = (error, offset) {
                    turn.ledger.acked_at(COMPARED, 0, offset, &MessageId::new(&self.name, self.next - 1));
                    // A winner may go on from what it knows.
                    if turn.random.chance(300) && self.next <= self.total {
                        return self.enter(Stage::Knows(offset + 1), now);
                    }
                }
                self.enter(Stage::Idle, rest);
            }
            _ => {}
        }
    }

    fn enter(&mut self, stage: Stage, at: u64) {
        (self.stage, self.at) = (stage, at);
    }
}

impl Client for Competitor {
    fn name(&self) -> &str {
        &self.name
    }

    fn protocol(&self) -> Protocol {
        Protocol::Nats
    }

    fn connected(&mut self, _: &mut Turn<'_>) {
        self.link.reset();
        self.enter(Stage::SetUp, 0);
    }

    fn disconnected(&mut self, _: bool, _: &mut Turn<'_>) {
        self.greeted = false;
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
        match self.stage {
            _ if !self.greeted => {}
            Stage::SetUp if self.at <= now => {
                self.at = now + 500_000_000;
                let body = format!(r#"{{"name":"{COMPARED}","subjects":["compared.>"],"storage":"file"}}"#);
                let subject = format!("$JS.API.STREAM.CREATE.{COMPARED}");
                self.link.publish(turn.out, &subject, "setup", &[], body.as_bytes());
            }
            Stage::Idle if self.at <= now && self.next <= self.total => self.ask(turn),
            Stage::Knows(expected) => self.write(expected, turn),
            Stage::Asked | Stage::Wrote => turn.hangs_up = turn.waited_since(self.at),
            _ => {}
        }
    }

    fn is_done(&self, _: &Ledger) -> bool {
        self.next > self.total && matches!(self.stage, Stage::Idle | Stage::SetUp)
    }
}
