//! DIRECT.GET: the messages that nats-server 2.15.2 sent for the same requests.

use super::{World, info, record};
use stele_model::{Error, Outcome, StoredRecord, StreamReply};

const ALLOWED: &str = r#"{"name":"S","subjects":["s.>"],"allow_direct":true}"#;
const TIME: &str = "Nats-Time-Stamp: 2026-11-22T13:29:48.943185102Z";

fn records(records: Vec<StoredRecord>, remaining: u64, end: u64) -> Outcome {
    Outcome::Stream(StreamReply::Records { records, remaining, end })
}

#[test]
fn one_record() {
    let mut world = World::default();
    world.api("DIRECT.GET.S.s.a", "");
    assert!(world.answer(info(ALLOWED)).is_empty());
    assert!(world.asked().contains("Last(Filter(s.a))"));
    let published = world.answer(Outcome::Stream(StreamReply::Record(Box::new(record(0, "s.a", "m0")))));
    let headers = format!("NATS/1.0|Nats-Stream: S|Nats-Subject: s.a|Nats-Sequence: 1|{TIME}||");
    assert_eq!(published, [format!("R  {headers} m0")]);
}

#[test]
fn nothing_there() {
    let mut world = World::default();
    world.api("DIRECT.GET.S", r#"{"seq":100}"#);
    world.answer(info(ALLOWED));
    assert_eq!(world.answer(Outcome::Failed(Error::RecordNotFound)), ["R  NATS/1.0 404 Message Not Found||"]);
    world.api("DIRECT.GET.S", r#"{"seq":1}"#);
    let none = "R  NATS/1.0 503|Nats-Subject: $JS.API.DIRECT.GET.S||";
    assert_eq!(world.answer(info(r#"{"name":"S"}"#)), [none], "direct gets are not allowed");
}

#[test]
fn bodies_that_cannot_be_answered() {
    for (call, body, expected) in [
        ("S", "", "408 Empty Request"),
        ("S", "{}", "408 Empty Request"),
        ("S", r#"{"batch":2}"#, "408 Empty Request"),
        ("S", "{bad", "408 Malformed Request"),
        ("S.s.b", r#"{"seq":1}"#, "408 Bad Request"),
        ("S", r#"{"seq":1,"last_by_subj":"s.b"}"#, "408 Bad Request"),
        ("S", r#"{"batch":1,"last_by_subj":"s.a"}"#, "408 Bad Request"),
        (
            "S",
            r#"{"multi_last":["s.>"],"up_to_seq":3,"up_to_time":"2040-01-01T00:00:00Z"}"#,
            "408 Bad Request",
        ),
    ] {
        let published = World::default().api(&format!("DIRECT.GET.{call}"), body);
        assert_eq!(published, [format!("R  NATS/1.0 {expected}||")], "{body}");
    }
}

#[test]
fn a_batch_in_order_in_two_chunks() {
    let mut world = World::default();
    world.api("DIRECT.GET.S", r#"{"batch":10,"seq":2,"next_by_subj":"s.a"}"#);
    world.answer(info(ALLOWED));
    assert!(world.asked().contains("From { from: 1, filter: Filter(s.a) }, count_max: 10"));
    let first = world.answer(records(vec![record(1, "s.a", "m1")], 1, 5));
    assert!(first[0].ends_with("|Nats-Num-Pending: 1|Nats-Last-Sequence: 0|| m1"), "{first:?}");
    assert!(world.asked().contains("From { from: 2, filter: Filter(s.a) }, count_max: 9"));
    let rest = world.answer(records(vec![record(2, "s.a", "m2")], 0, 5));
    assert!(rest[0].ends_with("|Nats-Num-Pending: 0|Nats-Last-Sequence: 2|| m2"), "{rest:?}");
    assert_eq!(rest[1], "R  NATS/1.0 204 EOB|Nats-Num-Pending: 0|Nats-Last-Sequence: 3||");
}

#[test]
fn the_newest_of_several_subjects() {
    let mut world = World::default();
    world.api("DIRECT.GET.S", r#"{"multi_last":["s.>"],"batch":1}"#);
    world.answer(info(ALLOWED));
    let published = world.answer(records(vec![record(3, "s.a", "m3")], 1, 5));
    assert!(published[0].ends_with("|Nats-Num-Pending: 1|Nats-Last-Sequence: 0|| m3"));
    assert_eq!(
        published[1],
        "R  NATS/1.0 204 EOB|Nats-Num-Pending: 1|Nats-Last-Sequence: 4|Nats-UpTo-Sequence: 5||"
    );
    world.api("DIRECT.GET.S", r#"{"multi_last":["none"]}"#);
    world.answer(info(ALLOWED));
    assert_eq!(world.answer(records(Vec::new(), 0, 5)), ["R  NATS/1.0 404 No Results||"]);
    world.api("DIRECT.GET.S", r#"{"multi_last":["s.>"]}"#);
    world.answer(info(ALLOWED));
    let many = world.answer(records(vec![record(3, "s.a", "m3")], 2000, 5000));
    assert_eq!(many, ["R  NATS/1.0 413 Too Many Results||"]);
}
