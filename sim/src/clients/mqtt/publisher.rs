//! A publisher with a persistent session: what was not acknowledged is sent again on the next connection, in order and
//! under its packet id.

use super::RETAINED_COUNT;
use super::link::{Event, Link, acknowledge, publish};
use crate::Mutation;
use crate::broker::Protocol;
use crate::clients::{Client, Turn};
use crate::ledger::{Check, Ledger, MessageId};
use std::collections::VecDeque;
use stele_mqtt::Qos;
use stele_mqtt::codec::Packet;

pub(super) struct Publisher {
    name: String,
    qos: Qos,
    retain: bool,
    window: usize,
    total: u64,
    next: u64,
    link: Link,
    connected: bool,
    /// The broker said once that it keeps a session.
    known: bool,
    /// In the order in which they were first sent.
    flight: VecDeque<Sent>,
    /// Since when nothing was acknowledged.
    since: u64,
}

struct Sent {
    number: u64,
    packet_id: u16,
    /// The broker has taken it over: what is left is PUBREL.
    released: bool,
    /// Sent on this connection.
    here: bool,
    /// Sent on an earlier one.
    before: bool,
}

impl Publisher {
    pub(super) fn new(name: &str, qos: Qos, window: usize, total: u64) -> Self {
        Self {
            name: name.to_owned(),
            qos,
            retain: false,
            window,
            total,
            next: 1,
            link: Link::new(),
            connected: false,
            known: false,
            flight: VecDeque::new(),
            since: 0,
        }
    }

    /// Writes retained values, QoS 1.
    pub(super) fn retaining(name: &str, total: u64) -> Self {
        Self { retain: true, ..Self::new(name, Qos::AtLeastOnce, 1, total) }
    }

    fn topic(&self, number: u64) -> String {
        let family = if self.retain { "state" } else { "sensors" };
        let key = if self.retain { number % RETAINED_COUNT } else { number % 4 };
        format!("{family}/{}/{key}", self.name)
    }

    /// Sends what this connection has not carried yet, oldest first; then new messages.
    fn send(&mut self, turn: &mut Turn<'_>) {
        if let Some(sent) = self.flight.iter_mut().find(|sent| !sent.here) {
            sent.here = true;
            if sent.released {
                return acknowledge(turn.out, sent.packet_id, Packet::PubRel);
            }
            if turn.mutation == Mutation::PacketIdsIgnored && sent.before {
                sent.packet_id += 1000;
            }
            let (number, packet_id) = (sent.number, sent.packet_id);
            return self.put(number, packet_id, true, turn);
        }
        if self.flight.len() >= self.window || self.next > self.total {
            return;
        }
        let number = self.next;
        self.next += 1;
        let packet_id = 1 + (number % 900) as u16;
        self.flight.push_back(Sent { number, packet_id, released: false, here: true, before: false });
        let id = MessageId::new(&self.name, number);
        if self.retain {
            turn.ledger.mark_sent(&self.topic(number), number);
        } else {
            turn.ledger.mqtt_sent(&id);
        }
        self.put(number, packet_id, false, turn);
    }

    fn put(&self, number: u64, packet_id: u16, duplicate: bool, turn: &mut Turn<'_>) {
        let payload = MessageId::new(&self.name, number).payload();
        publish(turn.out, &self.topic(number), (self.qos, packet_id), self.retain, duplicate, &payload);
    }

    fn handle(&mut self, event: &Event, turn: &mut Turn<'_>) {
        self.since = turn.now.monotonic_ns;
        match event {
            Event::Connected { present } => {
                let kept = *present || !self.known;
                turn.ledger.expect(kept, Check::SessionKept, || format!("{}'s session is gone", self.name));
                (self.connected, self.known) = (true, true);
            }
            Event::Refused => turn.hangs_up = true,
            Event::PubAck(packet_id) => {
                if let Some(number) = self.take(*packet_id) {
                    self.acked(number, turn);
                }
            }
            Event::PubRec(packet_id) => {
                let found = self.flight.iter_mut().find(|sent| sent.packet_id == *packet_id);
                let Some(sent) = found else { return };
                let first = !std::mem::replace(&mut sent.released, true);
                let number = sent.number;
                acknowledge(turn.out, *packet_id, Packet::PubRel);
                if first {
                    self.acked(number, turn);
                }
            }
            Event::PubComp(packet_id) => drop(self.take(*packet_id)),
            _ => turn.ledger.broken(Check::Protocol, format!("{} was sent {event:?}", self.name)),
        }
    }

    fn take(&mut self, packet_id: u16) -> Option<u64> {
        let index = self.flight.iter().position(|sent| sent.packet_id == packet_id)?;
        self.flight.remove(index).map(|sent| sent.number)
    }

    fn acked(&self, number: u64, turn: &mut Turn<'_>) {
        if self.retain {
            turn.ledger.mark_durable(&self.topic(number), number);
        } else {
            turn.ledger.mqtt_acked(&MessageId::new(&self.name, number));
        }
    }
}

impl Client for Publisher {
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

    fn disconnected(&mut self, refused: bool, turn: &mut Turn<'_>) {
        self.connected = false;
        for sent in &mut self.flight {
            (sent.here, sent.before) = (false, true);
            // Where the disk is full, one queue may have taken what another refused.
            if refused {
                turn.ledger.refused.insert(MessageId::new(&self.name, sent.number));
            }
        }
    }

    fn receive(&mut self, bytes: &[u8], turn: &mut Turn<'_>) {
        match self.link.receive(bytes) {
            Ok(events) => events.iter().for_each(|event| self.handle(event, turn)),
            Err(error) => turn.ledger.broken(Check::Protocol, format!("{}: {error}", self.name)),
        }
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        if (!self.connected || !self.flight.is_empty()) && turn.waited_since(self.since) {
            turn.hangs_up = true;
            return;
        }
        if self.connected {
            self.send(turn);
        }
    }

    fn is_done(&self, _: &Ledger) -> bool {
        self.next > self.total && self.flight.is_empty()
    }
}
