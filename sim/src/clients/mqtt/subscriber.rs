//! A subscriber with a persistent session, QoS 2. It keeps its own side of the protocol's state over its connections,
//! as the specification demands, and acknowledges late or not at all before it is cut off.

use super::link::{Event, Link, acknowledge, subscribe};
use crate::broker::Protocol;
use crate::clients::{Client, Turn};
use crate::ledger::{Check, Ledger};
use std::collections::{BTreeSet, VecDeque};
use stele_mqtt::Qos;
use stele_mqtt::codec::Packet;

pub(super) struct Subscriber {
    name: String,
    link: Link,
    connected: bool,
    known: bool,
    subscribed: bool,
    asked: bool,
    since: u64,
    /// QoS 2 messages that were taken over and not released yet.
    held: BTreeSet<u16>,
    /// Acknowledgements that were not sent yet, in order.
    owed: VecDeque<(u16, Answer)>,
    last_at: u64,
}

#[derive(Clone, Copy)]
enum Answer {
    Ack,
    Received,
    Complete,
}

impl Subscriber {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            link: Link::new(),
            connected: false,
            known: false,
            subscribed: false,
            asked: false,
            since: 0,
            held: BTreeSet::new(),
            owed: VecDeque::new(),
            last_at: 0,
        }
    }

    fn handle(&mut self, event: Event, turn: &mut Turn<'_>) {
        self.last_at = turn.now.monotonic_ns;
        match event {
            Event::Connected { present } => {
                let kept = present || !self.known;
                turn.ledger.expect(kept, Check::SessionKept, || format!("{}'s session is gone", self.name));
                (self.connected, self.known) = (true, true);
            }
            Event::Refused => turn.hangs_up = true,
            Event::Subscribed => {
                self.subscribed = true;
                turn.ledger.session_subscribed(&self.name);
            }
            Event::Publish { topic, qos, packet_id, payload, .. } => {
                let Some(id) = turn.ledger.identify(&payload, &topic) else { return };
                match qos {
                    Qos::AtMostOnce => {
                        turn.ledger.broken(Check::MqttQuality, format!("{id} came with QoS 0"))
                    }
                    Qos::AtLeastOnce => {
                        turn.ledger.mqtt_delivered(&self.name, &id, false);
                        self.owed.push_back((packet_id, Answer::Ack));
                    }
                    Qos::ExactlyOnce => {
                        if self.held.insert(packet_id) {
                            turn.ledger.mqtt_delivered(&self.name, &id, true);
                        }
                        self.owed.push_back((packet_id, Answer::Received));
                    }
                }
            }
            Event::PubRel(packet_id) => {
                self.held.remove(&packet_id);
                self.owed.push_back((packet_id, Answer::Complete));
            }
            _ => turn.ledger.broken(Check::Protocol, format!("{} was sent {event:?}", self.name)),
        }
    }
}

impl Client for Subscriber {
    fn name(&self) -> &str {
        &self.name
    }

    fn protocol(&self) -> Protocol {
        Protocol::Mqtt
    }

    fn connected(&mut self, turn: &mut Turn<'_>) {
        self.since = turn.now.monotonic_ns;
        self.link.connect(&self.name, false, turn.out);
    }

    fn disconnected(&mut self, _: bool, _: &mut Turn<'_>) {
        (self.connected, self.asked) = (false, false);
        self.owed.clear();
    }

    fn receive(&mut self, bytes: &[u8], turn: &mut Turn<'_>) {
        match self.link.receive(bytes) {
            Ok(events) => events.into_iter().for_each(|event| self.handle(event, turn)),
            Err(error) => turn.ledger.broken(Check::Protocol, format!("{}: {error}", self.name)),
        }
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        if !self.connected || (self.asked && !self.subscribed) {
            turn.hangs_up = turn.waited_since(self.since);
            return;
        }
        if !self.subscribed {
            self.asked = true;
            return subscribe(turn.out, "sensors/#", Qos::ExactlyOnce);
        }
        if let Some((packet_id, answer)) = self.owed.pop_front() {
            let packet = match answer {
                Answer::Ack => Packet::PubAck,
                Answer::Received => Packet::PubRec,
                Answer::Complete => Packet::PubComp,
            };
            acknowledge(turn.out, packet_id, packet);
        }
    }

    fn state(&self, ledger: &Ledger) -> String {
        let owed = ledger.mqtt_owed(&self.name);
        format!("connected {}, subscribed {}, owed {owed:?}", self.connected, self.subscribed)
    }

    fn is_done(&self, ledger: &Ledger) -> bool {
        self.subscribed && self.connected && self.owed.is_empty() && ledger.mqtt_owed(&self.name).is_none()
    }
}
