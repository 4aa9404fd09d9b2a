//! MQTT under load: QoS 1 and 2 from a kept session to a kept session, with a stream that captures.
//!
//! The clients keep their side of the protocol's state through all kills, as a client with a store does (MQTT 3.1.1 §4.1,
//! §4.4): they send again what has no answer.

use crate::mqtt::{Mqtt, Packet};
use crate::nats::{Nats, number_in};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Publishes without an answer.
const IN_FLIGHT_MAX: usize = 50;
/// Messages that wait for the subscriber; the broker keeps 1000.
const BEHIND_MAX: u64 = 400;
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Load {
    publisher: Publisher,
    subscriber: Subscriber,
    /// Messages that the subscriber has, for the publisher's pace.
    taken: AtomicU64,
}

#[derive(Default)]
struct Publisher {
    next: u64,
    /// By packet id.
    open: BTreeMap<u16, Open>,
    /// Numbers that were promised to be stored.
    acknowledged: BTreeSet<u64>,
    /// How many QoS 2 messages had no PUBREC when the broker was killed, and were sent again.
    repeated: u64,
    known: bool,
}

#[derive(Clone, Copy)]
struct Open {
    number: u64,
    /// PUBREC came: PUBREL is what has no answer.
    released: bool,
}

#[derive(Default)]
struct Subscriber {
    /// QoS 2 packet ids between PUBLISH and PUBREL.
    unreleased: BTreeSet<u16>,
    /// How often each number came.
    found: BTreeMap<u64, u64>,
    /// The highest number by topic and quality.
    highest: BTreeMap<(String, u8), u64>,
    known: bool,
}

impl Load {
    pub(super) fn acknowledged(&self) -> usize {
        self.publisher.acknowledged.len()
    }

    /// QoS 2 messages that were sent again after a kill.
    pub(super) fn repeated(&self) -> u64 {
        self.publisher.repeated
    }

    /// Publishes, and reads where asked to, until the broker is gone.
    pub(super) fn run(&mut self, address: SocketAddr, reads: bool, stop: &AtomicBool) {
        let (publisher, subscriber, taken) = (&mut self.publisher, &mut self.subscriber, &self.taken);
        if !subscriber.known {
            subscriber.connect(address).expect("it accepts");
        }
        std::thread::scope(|threads| {
            if reads {
                // Errors are the kill.
                threads.spawn(|| subscriber.run(address, taken, stop, |_| false));
            }
            threads.spawn(|| publisher.run(address, taken, stop, false));
        });
    }

    /// Finishes every exchange, and waits until the subscriber has everything that was acknowledged.
    pub(super) fn finish(&mut self, address: SocketAddr) {
        let stop = AtomicBool::new(false);
        self.publisher.run(address, &self.taken, &stop, true).expect("everything is acknowledged");
        assert!(self.publisher.open.is_empty());
        let acknowledged = &self.publisher.acknowledged;
        let complete =
            |found: &BTreeMap<u64, u64>| acknowledged.iter().all(|number| found.contains_key(number));
        self.subscriber.run(address, &self.taken, &stop, complete).expect("everything arrives");
        let missing: Vec<_> =
            acknowledged.iter().filter(|number| !self.subscriber.found.contains_key(number)).collect();
        assert!(missing.is_empty(), "{} of {}: {missing:?}", missing.len(), acknowledged.len());
        self.exactly_once(&self.subscriber.found, "the subscriber");
    }

    /// The stream has everything, too.
    pub(super) fn verify(&self, address: SocketAddr) {
        let mut nats = Nats::connect(address).expect("it accepts");
        let about = nats.request("$JS.API.STREAM.INFO.CRASH_MQTT", "").expect("an answer");
        let last = number_in(&about, "last_seq").expect("a last sequence");
        let question =
            |sequence| ("$JS.API.DIRECT.GET.CRASH_MQTT".to_owned(), format!("{{\"seq\":{sequence}}}"));
        let answers = nats.request_all((1..=last).map(question)).expect("answers");
        let mut found: BTreeMap<u64, u64> = BTreeMap::new();
        for (head, body) in answers.values() {
            let number = body.parse().expect("our number");
            assert!(head.contains(&format!("Nats-Subject: crash.mqtt.{}\r\n", number % 5)), "{head}");
            *found.entry(number).or_default() += 1;
        }
        for number in &self.publisher.acknowledged {
            assert!(found.contains_key(number), "message {number} was acknowledged and is not in the stream");
        }
        self.exactly_once(&found, "the stream");
    }

    /// A QoS 2 message comes once, also where a kill prevented its PUBREC and it was sent again.
    fn exactly_once(&self, found: &BTreeMap<u64, u64>, whose: &str) {
        for (number, count) in found.iter().filter(|(number, _)| is_exact(**number)) {
            assert!(*count <= 1, "message {number} of QoS 2 came {count} times to {whose}");
        }
    }
}

/// Odd numbers go with QoS 2.
fn is_exact(number: u64) -> bool {
    number % 2 == 1
}

impl Publisher {
    /// Until the stop; with `finish` until nothing is open.
    fn run(
        &mut self,
        address: SocketAddr,
        taken: &AtomicU64,
        stop: &AtomicBool,
        finish: bool,
    ) -> std::io::Result<()> {
        let (mut client, present) = Mqtt::connect(address, "crash-publisher")?;
        assert_eq!(present, self.known, "a kept session is there after a kill");
        self.known = true;
        self.send_again(&mut client)?;
        let began = Instant::now();
        while !(stop.load(Ordering::Acquire) || finish && self.open.is_empty()) {
            assert!(began.elapsed() < PATIENCE, "{} publishes have no answer", self.open.len());
            let behind = || self.next.saturating_sub(taken.load(Ordering::Relaxed));
            if !finish && self.open.len() < IN_FLIGHT_MAX && behind() < BEHIND_MAX {
                self.publish(&mut client)?;
            }
            if let Some(packet) =
                client.receive(Duration::from_millis(if self.open.is_empty() { 5 } else { 1 }))?
            {
                self.on_packet(&packet, &mut client)?;
            }
        }
        Ok(())
    }

    fn publish(&mut self, client: &mut Mqtt) -> std::io::Result<()> {
        let number = self.next;
        // Packet ids come around; those that are still in use are left out.
        let mut id = u16::try_from(number % 60_000 + 1).expect("within a packet id");
        while self.open.contains_key(&id) {
            id = id % 60_000 + 1;
        }
        self.open.insert(id, Open { number, released: false });
        self.next += 1;
        send(client, id, number, false)
    }

    fn send_again(&mut self, client: &mut Mqtt) -> std::io::Result<()> {
        let mut open: Vec<(u16, Open)> = self.open.iter().map(|(id, open)| (*id, *open)).collect();
        open.sort_by_key(|(_, open)| open.number);
        for (id, Open { number, released }) in open {
            if released {
                client.send(&Packet::PubRel(id))?;
                continue;
            }
            if is_exact(number) {
                self.repeated += 1;
            }
            send(client, id, number, true)?;
        }
        Ok(())
    }

    fn on_packet(&mut self, packet: &Packet, client: &mut Mqtt) -> std::io::Result<()> {
        match packet {
            Packet::PubAck(id) | Packet::PubComp(id) => {
                let open = self.open.remove(id).expect("one of ours");
                self.acknowledged.insert(open.number);
            }
            Packet::PubRec(id) => {
                let open = self.open.get_mut(id).expect("one of ours");
                open.released = true;
                self.acknowledged.insert(open.number);
                client.send(&Packet::PubRel(*id))?;
            }
            other => panic!("a publisher is not sent {other:?}"),
        }
        Ok(())
    }
}

fn send(client: &mut Mqtt, id: u16, number: u64, again: bool) -> std::io::Result<()> {
    client.send(&Packet::Publish {
        topic: format!("crash/mqtt/{}", number % 5),
        quality: if is_exact(number) { 2 } else { 1 },
        again,
        id,
        payload: number.to_string(),
    })
}

impl Subscriber {
    fn connect(&mut self, address: SocketAddr) -> std::io::Result<Mqtt> {
        let (mut client, present) = Mqtt::connect(address, "crash-subscriber")?;
        assert_eq!(present, self.known, "a kept session is there after a kill");
        if !present {
            client.subscribe("crash/mqtt/+", 2)?;
            self.known = true;
        }
        Ok(client)
    }

    /// Takes messages until the stop, or until `enough` of them came.
    fn run(
        &mut self,
        address: SocketAddr,
        taken: &AtomicU64,
        stop: &AtomicBool,
        enough: impl Fn(&BTreeMap<u64, u64>) -> bool,
    ) -> std::io::Result<()> {
        let mut client = self.connect(address)?;
        let began = Instant::now();
        while !stop.load(Ordering::Acquire) {
            let Some(packet) = client.receive(Duration::from_millis(20))? else {
                // Nothing came for a while: now it is worth to count.
                if enough(&self.found) || began.elapsed() > PATIENCE {
                    return Ok(());
                }
                continue;
            };
            self.on_packet(&packet, &mut client)?;
            taken.store(self.found.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    fn on_packet(&mut self, packet: &Packet, client: &mut Mqtt) -> std::io::Result<()> {
        match packet {
            Packet::Publish { topic, quality, id, payload, .. } => {
                let number = payload.parse().expect("our number");
                match quality {
                    2 => {
                        if self.unreleased.insert(*id) {
                            self.take(topic, 2, number);
                        }
                        client.send(&Packet::PubRec(*id))
                    }
                    quality => {
                        self.take(topic, *quality, number);
                        client.send(&Packet::PubAck(*id))
                    }
                }
            }
            Packet::PubRel(id) => {
                self.unreleased.remove(id);
                client.send(&Packet::PubComp(*id))
            }
            other => panic!("a subscriber is not sent {other:?}"),
        }
    }

    /// Messages of one topic and quality come in order, but for those that come again.
    fn take(&mut self, topic: &str, quality: u8, number: u64) {
        let count = self.found.entry(number).or_default();
        *count += 1;
        let highest = self.highest.entry((topic.to_owned(), quality)).or_insert(number);
        assert!(*count > 1 || *highest <= number, "{topic}: {number} came after {highest}");
        *highest = (*highest).max(number);
    }
}
