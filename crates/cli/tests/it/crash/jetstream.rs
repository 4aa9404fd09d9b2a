//! JetStream under load: 200 publishes in flight, each with a header.

use crate::nats::{Nats, number_in};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

/// What was acknowledged: header and body by sequence.
#[derive(Default)]
pub(super) struct Load {
    acknowledged: BTreeMap<u64, (String, String)>,
    /// The highest sequence that was checked.
    checked: u64,
}

impl Load {
    pub(super) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// Makes the streams of all wires; the same again is no error.
    pub(super) fn prepare(&self, address: SocketAddr) {
        let mut nats = Nats::connect(address).expect("it accepts");
        for (name, subjects) in [("CRASH", "crash.jetstream.>"), ("CRASH_MQTT", "crash.mqtt.>")] {
            let config = format!(r#"{{"name":"{name}","subjects":["{subjects}"],"allow_direct":true}}"#);
            let made = nats.request(&format!("$JS.API.STREAM.CREATE.{name}"), &config).expect("an answer");
            assert!(!made.contains("error"), "{made}");
        }
    }

    /// Publishes and notes what was acknowledged until the broker is gone.
    pub(super) fn run(&mut self, address: SocketAddr, round: u64, stop: &AtomicBool) {
        let mut nats = Nats::connect(address).expect("it accepts");
        let mut sent: BTreeMap<u64, (String, String)> = BTreeMap::new();
        let mut count = 0;
        while !stop.load(Ordering::Acquire) {
            while sent.len() < 200 {
                let (header, body) = (format!("{round}-{count}"), format!("round {round} message {count}"));
                let subject = format!("crash.jetstream.{}", count % 7);
                let Ok(number) = nats.ask_with(&subject, &format!("Crash: {header}\r\n"), &body) else {
                    return;
                };
                sent.insert(number, (header, body));
                count += 1;
            }
            let Ok((number, _, answer)) = nats.answer() else { return };
            let message = sent.remove(&number).expect("one of ours");
            let sequence = number_in(&answer, "seq").unwrap_or_else(|| panic!("no sequence in {answer}"));
            let before = self.acknowledged.insert(sequence, message);
            assert_eq!(before, None, "sequence {sequence} was given twice");
        }
    }

    /// Reads back what was acknowledged, or what came since the last time.
    pub(super) fn verify(&mut self, address: SocketAddr, all: bool) {
        let mut nats = Nats::connect(address).expect("it accepts");
        let first = if all { 0 } else { self.checked + 1 };
        let expected: Vec<_> = self.acknowledged.range(first..).collect();
        let question =
            |sequence: &u64| ("$JS.API.DIRECT.GET.CRASH".to_owned(), format!("{{\"seq\":{sequence}}}"));
        let answers =
            nats.request_all(expected.iter().map(|(sequence, _)| question(sequence))).expect("answers");
        assert_eq!(expected.len(), answers.len());
        for ((sequence, (header, body)), (found_head, found_body)) in expected.iter().zip(answers.values()) {
            assert_eq!(body, found_body, "sequence {sequence}");
            assert!(
                found_head.contains(&format!("\r\nCrash: {header}\r\n")),
                "sequence {sequence}: {found_head}"
            );
        }
        self.checked = self.acknowledged.last_key_value().map_or(0, |(sequence, _)| *sequence);
    }
}
