//! `stele tour` without a terminal, as built with its feature; `cargo xtask test` builds it so.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What a tour may take where nobody watches.
const TOUR_MAX: Duration = Duration::from_secs(30);

/// How often a test that must act in the middle of a tour begins again, where the tour was faster.
const ATTEMPTS: usize = 10;

/// The tour, which keeps its data below `place`. Its input stays open and silent: who waits for it waits for ever.
fn tour(place: &Path, words: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stele"));
    command.arg("tour").args(words).env("TMPDIR", place);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it runs")
}

/// Waits for the end, with the input held open.
fn finish(mut child: Child) -> Output {
    let input = child.stdin.take();
    let output = child.wait_with_output().expect("it ends");
    drop(input);
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn assert_nothing_is_left(place: &Path) {
    let left: Vec<_> = std::fs::read_dir(place).expect("it is there").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn every_count_of_the_broker_is_that_of_its_clients() {
    // Every tour must succeed; one that other tests slow down may take longer.
    let (mut elapsed, mut report) = (Duration::MAX, serde_json::Value::Null);
    for _ in 0..3 {
        let place = tempfile::tempdir().expect("a directory");
        let start = Instant::now();
        let output = finish(tour(place.path(), &["--json"]));
        elapsed = start.elapsed();
        assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
        assert_nothing_is_left(place.path());
        report = serde_json::from_slice(&output.stdout).expect("one JSON document");
        if elapsed <= TOUR_MAX {
            break;
        }
    }
    assert!(elapsed <= TOUR_MAX, "{elapsed:?}");
    assert_eq!((&report["ok"], &report["error"]), (&true.into(), &serde_json::Value::Null));
    let steps = report["steps"].as_array().expect("steps");
    let names: Vec<&str> = steps.iter().filter_map(|step| step["name"].as_str()).collect();
    let expected = [
        "one-message-three-readers",
        "a-record-is-a-message",
        "request-reply",
        "consumer-group",
        "replay",
        "restart",
    ];
    assert_eq!(names, expected);
    for step in steps {
        let counts = step["counts"].as_array().expect("counts");
        let counted: Vec<&str> = counts.iter().filter_map(|count| count["what"].as_str()).collect();
        assert_eq!(counted, ["published", "delivered", "stored"]);
        for count in counts {
            let clients = count["clients"].as_u64().expect("a number");
            let broker = count["broker"].as_object().expect("where the broker says it");
            assert!(!broker.is_empty() && broker.values().all(|value| *value == clients), "{step}");
            assert!(clients > 0, "{step}");
        }
    }
}

#[test]
fn nobody_waits_for_a_key_without_a_terminal() {
    let place = tempfile::tempdir().expect("a directory");
    let output = finish(tour(place.path(), &[]));
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    for part in ["1/6  ", "6/6  ", "mosquitto_pub -q 1", "kcat ", "nats sub", "(clients) = "] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains("Enter"), "{said}");
    assert_nothing_is_left(place.path());
}

#[test]
fn a_message_that_no_client_of_the_tour_sent_is_code_1() {
    for _ in 0..ATTEMPTS {
        let place = tempfile::tempdir().expect("a directory");
        let mut child = tour(place.path(), &[]);
        let mut lines = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut first = String::new();
        lines.read_line(&mut first).expect("text");
        let address = first.split_once("nats=").expect("where it listens").1;
        let address = address.split(' ').next().expect("an address");
        // Until the tour ends the connection. What became of it, the tour's end tells.
        let _ = TcpStream::connect(address).and_then(|mut stranger| {
            stranger.write_all(b"CONNECT {}\r\nPUB stranger 1\r\nx\r\n")?;
            stranger.read_to_end(&mut Vec::new())
        });
        lines.read_to_string(&mut first).expect("text");
        let output = finish(child);
        assert_nothing_is_left(place.path());
        // The broker that the stranger spoke to may have been through with its counts.
        if output.status.code() == Some(0) {
            continue;
        }
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{first}{error}");
        assert!(error.contains("step `") && error.contains("published"), "{error}");
        assert!(first.contains('≠'), "{first}");
        return;
    }
    panic!("{ATTEMPTS} tours were over before anybody else spoke");
}

#[test]
fn an_interrupted_tour_leaves_nothing() {
    for _ in 0..ATTEMPTS {
        let place = tempfile::tempdir().expect("a directory");
        let child = tour(place.path(), &["--json"]);
        let start = Instant::now();
        // The log is there: the broker runs.
        let has_begun = || {
            let mut entries = std::fs::read_dir(place.path()).expect("it is there");
            entries.any(|entry| entry.is_ok_and(|entry| entry.path().join("data").exists()))
        };
        while !has_begun() {
            assert!(start.elapsed() < Duration::from_secs(60), "it does not begin");
            std::thread::sleep(Duration::from_millis(1));
        }
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it can be signalled");
        let output = finish(child);
        assert_nothing_is_left(place.path());
        if output.status.code() == Some(0) {
            continue;
        }
        assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        assert_eq!((&report["ok"], &report["error"]), (&false.into(), &"interrupted".into()));
        return;
    }
    panic!("{ATTEMPTS} tours were over before they could be interrupted");
}

#[test]
fn without_a_place_for_its_data_it_says_so() {
    let place = tempfile::tempdir().expect("a directory");
    let output = finish(tour(&place.path().join("absent"), &["--json"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("TMPDIR"), "{}", text(&output.stderr));
}
