//! Pulls and acknowledgements: the messages that nats-server 2.15.2 sent.

use super::{World, delivered};
use stele_model::{CursorReply, Delivery, DeliveryEnd, Error, Outcome};

const NEXT: &str = "CONSUMER.MSG.NEXT.S.C";

fn delivery(records: Vec<stele_model::Delivered>, end: Option<DeliveryEnd>) -> Outcome {
    Outcome::Delivered(Delivery { records, end, last_delivery: 7, last_sequence: 5, ..Delivery::default() })
}

#[test]
fn a_record_comes_under_its_own_subject() {
    let mut world = World::default();
    world.api(NEXT, "");
    assert!(world.asked().contains("batch: 1, bytes_max: None, deadline_ns: None, no_wait: false"));
    let published = world.answer(delivery(vec![delivered(0, 1, 4)], Some(DeliveryEnd::Complete)));
    assert_eq!(published, ["R => s.a $JS.ACK.S.C.1.1.1.1795354188943185102.4  m0"]);
    assert_eq!(world.jetstream.waiting(), 0);
}

#[test]
fn headers_only_shows_the_size() {
    let mut world = World::default();
    world.api(NEXT, "");
    let records = vec![delivered(0, 1, 3)];
    let headers = Delivery { records, headers_only: true, ..Delivery::default() };
    let published = world.answer(Outcome::Delivered(headers));
    let expected = "R => s.a $JS.ACK.S.C.1.1.1.1795354188943185102.3 NATS/1.0|Nats-Msg-Size: 2||";
    assert_eq!(published, [expected]);
}

#[test]
fn ends_as_status_messages() {
    let expired = || DeliveryEnd::Expired { batch_left: 5, bytes_left: 0 };
    for (body, end, expected) in [
        (r#"{"batch":5,"no_wait":true}"#, DeliveryEnd::Empty, "404 No Messages|"),
        (
            r#"{"batch":5,"expires":1}"#,
            expired(),
            "408 Request Timeout|Nats-Pending-Messages: 5|Nats-Pending-Bytes: 0|",
        ),
        (
            r#"{"batch":3,"max_bytes":10}"#,
            DeliveryEnd::TooLarge { batch_left: 3, bytes_left: 10 },
            "409 Message Size Exceeds MaxBytes|Nats-Pending-Messages: 3|Nats-Pending-Bytes: 10|",
        ),
        ("", DeliveryEnd::CursorDeleted, "409 Consumer Deleted|"),
        ("", DeliveryEnd::Shutdown, "409 Server Shutdown|Nats-Pending-Messages: 1|Nats-Pending-Bytes: 0|"),
    ] {
        let mut world = World::default();
        world.api(NEXT, body);
        assert_eq!(world.answer(delivery(Vec::new(), Some(end))), [format!("R  NATS/1.0 {expected}|")]);
    }
    let mut world = World::default();
    world.api(NEXT, r#"{"batch":3,"max_bytes":150,"expires":1}"#);
    let three = (1..=3).map(|number| delivered(number - 1, number, 4 - number)).collect();
    let published = world.answer(delivery(three, Some(DeliveryEnd::Complete)));
    assert_eq!(
        published[3],
        "R  NATS/1.0 409 Batch Completed|Nats-Pending-Messages: 0|Nats-Pending-Bytes: 18||"
    );
}

#[test]
fn refusals_as_status_messages() {
    for (error, expected) in [
        (Error::CursorNotFound, "503|Nats-Subject: $JS.API.CONSUMER.MSG.NEXT.S.C|"),
        (Error::PullsExceeded, "409 Exceeded MaxWaiting|"),
        (Error::NotAllowed("Consumer is push based"), "409 Consumer is push based|"),
        (Error::InvalidSpec("Exceeded MaxRequestBatch of 10".into()), "409 Exceeded MaxRequestBatch of 10|"),
    ] {
        let mut world = World::default();
        world.api(NEXT, "");
        assert_eq!(world.answer(Outcome::Failed(error)), [format!("R  NATS/1.0 {expected}|")]);
    }
    let reply = World::default().api(NEXT, r#"{"idle_heartbeat":300000000,"expires":500000000}"#);
    assert_eq!(reply, ["R  NATS/1.0 400 Bad Request - heartbeat value too large||"]);
}

#[test]
fn heartbeats_keep_the_pull() {
    let mut world = World::default();
    world.api(NEXT, r#"{"batch":1,"expires":1000000000,"idle_heartbeat":300000000}"#);
    let beat = "R  NATS/1.0 100 Idle Heartbeat|Nats-Last-Consumer: 7|Nats-Last-Stream: 5||";
    assert_eq!(world.answer(delivery(Vec::new(), None)), [beat]);
    assert_eq!(world.jetstream.waiting(), 1);
}

#[test]
fn no_wait_with_expires_waits_when_nothing_is_there() {
    let mut world = World::default();
    world.api(NEXT, r#"{"batch":5,"no_wait":true,"expires":1000000000}"#);
    assert!(world.answer(delivery(Vec::new(), Some(DeliveryEnd::Empty))).is_empty());
    assert!(world.asked().contains("no_wait: false"));
}

#[test]
fn a_deaf_inbox_gives_its_records_back() {
    let mut world = World::default();
    world.api(NEXT, "2");
    let pull = world.port.requests[0].0;
    world.port.deaf = true;
    world.answer(delivery(vec![delivered(0, 1, 1), delivered(1, 2, 0)], None));
    let asked: Vec<String> =
        world.port.requests[1..].iter().map(|(_, request)| format!("{request:?}")).collect();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|request| request.contains("Again(None), confirm: false")), "{asked:?}");
    assert_eq!(world.port.cancelled, [pull]);
    assert_eq!(world.jetstream.waiting(), 0);
}

#[test]
fn acknowledgements() {
    let ack = "$JS.ACK.S.C.1.4.5.1.1";
    let mut world = World::default();
    assert!(world.send(ack, "", "+ACK").is_empty());
    assert!(world.asked().contains("offset: 3, delivery: 5, kind: Done, confirm: true"), "{}", world.asked());
    assert_eq!(world.answer(Outcome::Cursor(CursorReply::Done)), ["R"]);
    world.send(ack, "", "");
    let gone = format!("R  NATS/1.0 503|Nats-Subject: {ack}||");
    assert_eq!(world.answer(Outcome::Failed(Error::CursorNotFound)), [gone]);
    assert_eq!(world.send(ack, "", "garbage"), ["R"]);
    assert_eq!(world.send("$JS.ACK.S.C.x", "", ""), ["R  NATS/1.0 503|Nats-Subject: $JS.ACK.S.C.x||"]);
    assert!(world.send(ack, "", "+NXT {\"batch\":2}").is_empty());
    assert_eq!(world.port.requests.len(), 2, "an acknowledgement and a pull");
    assert!(world.asked().contains("batch: 2"));
}
