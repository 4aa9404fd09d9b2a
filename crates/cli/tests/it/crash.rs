//! What was acknowledged before `kill -9` is there afterwards, in its place and with its bytes.

use crate::binary::Binary;
use crate::nats::{Nats, number_in};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Rounds of load and kill on one data directory.
const ROUNDS: u64 = 20;

#[test]
fn acknowledged_jetstream_messages_survive_kill_9() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut acknowledged: BTreeMap<u64, String> = BTreeMap::new();
    for round in 0..ROUNDS {
        let binary = Binary::start(folder.path());
        let mut nats = Nats::connect(binary.address("nats")).expect("it accepts");
        let config = r#"{"name":"CRASH","subjects":["crash.>"],"allow_direct":true}"#;
        let made = nats.request("$JS.API.STREAM.CREATE.CRASH", config).expect("an answer");
        assert!(!made.contains("error"), "{made}");
        verify(&mut nats, &acknowledged);
        // The moment of the kill differs from round to round: early, in the middle of a commit, after a roll.
        let until = Instant::now() + Duration::from_millis(40 + (round * 37) % 160);
        load(&mut nats, round, until, &mut acknowledged);
        binary.kill();
    }
    let binary = Binary::start(folder.path());
    verify(&mut Nats::connect(binary.address("nats")).expect("it accepts"), &acknowledged);
    assert!(acknowledged.len() as u64 > ROUNDS * 20, "the load was real: {}", acknowledged.len());
}

/// Publishes with 200 in flight and notes what was acknowledged; stops in the middle.
fn load(nats: &mut Nats, round: u64, until: Instant, acknowledged: &mut BTreeMap<u64, String>) {
    let mut bodies: BTreeMap<u64, String> = BTreeMap::new();
    while Instant::now() < until {
        while bodies.len() < 200 {
            let body = format!("round {round} message {}", acknowledged.len() + bodies.len());
            let number = nats.ask(&format!("crash.{}", bodies.len() % 7), &body).expect("it reads");
            bodies.insert(number, body);
        }
        let (number, _, answer) = nats.answer().expect("an acknowledgement");
        let body = bodies.remove(&number).expect("one of ours");
        let sequence = number_in(&answer, "seq").unwrap_or_else(|| panic!("no sequence in {answer}"));
        assert_eq!(acknowledged.insert(sequence, body), None, "sequence {sequence} was given twice");
    }
}

fn verify(nats: &mut Nats, acknowledged: &BTreeMap<u64, String>) {
    let question =
        |sequence: &u64| ("$JS.API.DIRECT.GET.CRASH".to_owned(), format!("{{\"seq\":{sequence}}}"));
    let answers = nats.request_all(acknowledged.keys().map(question)).expect("answers");
    for ((sequence, expected), found) in acknowledged.iter().zip(answers.values()) {
        assert_eq!(expected, found, "sequence {sequence}");
    }
    assert_eq!(acknowledged.len(), answers.len());
}
