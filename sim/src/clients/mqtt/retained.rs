//! A reader of retained values that comes as a new client each time: what it is shown is the newest acknowledged value,
//! or a later one.

use super::RETAINED_COUNT;
use super::link::{Event, Link, acknowledge, subscribe};
use crate::broker::Protocol;
use crate::clients::{Client, Turn};
use crate::ledger::{Check, Ledger};
use std::collections::BTreeMap;
use stele_mqtt::Qos;
use stele_mqtt::codec::Packet;

pub(super) struct RetainedReader {
    name: String,
    link: Link,
    stage: Stage,
    since: u64,
    /// What must be shown, by topic, as of when the question was asked.
    floors: BTreeMap<String, u64>,
    /// What was shown.
    shown: BTreeMap<String, u64>,
    left: u64,
    looked: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Offline,
    Connecting,
    Connected,
    Asked,
    /// Acknowledged: what is retained comes now.
    Waits,
}

fn topics() -> impl Iterator<Item = String> {
    (0..RETAINED_COUNT).map(|key| format!("state/mqtt-retained/{key}"))
}

impl RetainedReader {
    pub(super) fn new(name: &str, left: u64) -> Self {
        Self {
            name: name.to_owned(),
            link: Link::new(),
            stage: Stage::Offline,
            since: 0,
            floors: BTreeMap::new(),
            shown: BTreeMap::new(),
            left,
            looked: 0,
        }
    }

    fn handle(&mut self, event: Event, turn: &mut Turn<'_>) {
        match event {
            Event::Connected { present } => {
                let name = &self.name;
                turn.ledger
                    .expect(!present, Check::Protocol, || format!("{name} asked for no session and got one"));
                self.stage = Stage::Connected;
            }
            Event::Refused => turn.hangs_up = true,
            Event::Subscribed => (self.stage, self.since) = (Stage::Waits, turn.now.monotonic_ns),
            Event::Publish { topic, retain, packet_id, payload, .. } => {
                // Acknowledged at once: the broker waits with further ones for a client that is behind.
                acknowledge(turn.out, packet_id, Packet::PubAck);
                let Some(id) = turn.ledger.identify(&payload, &topic) else { return };
                if !retain {
                    return;
                }
                let floor = self.floors.get(&topic).copied().unwrap_or(0);
                turn.ledger.mark_shown(Check::LastValue, &topic, floor, id.number);
                self.shown.insert(topic, id.number);
            }
            _ => turn.ledger.broken(Check::Protocol, format!("{} was sent {event:?}", self.name)),
        }
    }

    /// Every value that must be shown is.
    fn has_all(&self) -> bool {
        self.floors.iter().all(|(topic, floor)| *floor == 0 || self.shown.contains_key(topic))
    }

    /// Nothing more comes: every topic with a value must have shown one.
    fn judge(&mut self, turn: &mut Turn<'_>) {
        for (topic, floor) in &self.floors {
            let silent = *floor > 0 && !self.shown.contains_key(topic);
            turn.ledger
                .expect(!silent, Check::LastValue, || format!("{topic} has no value, and had {floor}"));
        }
        self.left = self.left.saturating_sub(1);
        self.looked += 1;
        turn.hangs_up = true;
    }
}

impl Client for RetainedReader {
    fn name(&self) -> &str {
        &self.name
    }

    fn protocol(&self) -> Protocol {
        Protocol::Mqtt
    }

    fn connected(&mut self, turn: &mut Turn<'_>) {
        (self.stage, self.since) = (Stage::Connecting, turn.now.monotonic_ns);
        self.link.connect(&self.name, true, turn.out);
    }

    fn disconnected(&mut self, _: bool, _: &mut Turn<'_>) {
        self.stage = Stage::Offline;
    }

    fn receive(&mut self, bytes: &[u8], turn: &mut Turn<'_>) {
        match self.link.receive(bytes) {
            Ok(events) => events.into_iter().for_each(|event| self.handle(event, turn)),
            Err(error) => turn.ledger.broken(Check::Protocol, format!("{}: {error}", self.name)),
        }
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        match self.stage {
            Stage::Connected if self.left > 0 || self.looked == 0 => {
                self.floors = topics().map(|topic| (topic.clone(), turn.ledger.mark_floor(&topic))).collect();
                self.shown.clear();
                subscribe(turn.out, "state/#", Qos::AtLeastOnce);
                (self.stage, self.since) = (Stage::Asked, turn.now.monotonic_ns);
            }
            Stage::Waits if self.has_all() => self.judge(turn),
            Stage::Waits if turn.waited_since(self.since) => {
                // Under faults the rest may still be on its way.
                if turn.draining {
                    self.judge(turn);
                }
                turn.hangs_up = true;
            }
            Stage::Connecting | Stage::Asked => turn.hangs_up = turn.waited_since(self.since),
            _ => {}
        }
    }

    fn is_done(&self, _: &Ledger) -> bool {
        self.left == 0 && self.looked > 0
    }

    fn look_again(&mut self) {
        self.looked = 0;
    }
}
