//! Which pulls a cursor takes, and what they see.

use super::cursors::cursor;
use super::*;

fn refusal(answer: Answer) -> Error {
    match answer {
        Answer::Ready { outcome: Outcome::Failed(error), .. } => error,
        other => panic!("taken: {other:?}"),
    }
}

#[test]
fn a_pull_beyond_the_limits_is_refused_by_name() {
    let mut world = World::new();
    world.create(spec("S", &["a.>"]));
    let pull_limits =
        PullLimits { batch_max: Some(10), expires_max_ns: Some(90 * SECOND), bytes_max: Some(1000) };
    world.put(CursorSpec { pull_limits, ..cursor("C") }, PutMode::Create).unwrap();
    let now_ns = world.now.monotonic_ns;
    for (text, answer) in [
        ("Batch of 10", world.pull("C", 11, |_| ())),
        ("Expires of 1m30s", world.pull("C", 1, |pull| pull.deadline_ns = Some(now_ns + 91 * SECOND))),
        ("MaxBytes of 1000", world.pull("C", 1, |pull| pull.bytes_max = Some(1001))),
    ] {
        assert_eq!(refusal(answer), Error::InvalidSpec(format!("Exceeded MaxRequest{text}")));
    }
    assert!(matches!(world.pull("C", 10, |pull| pull.bytes_max = Some(1000)), Answer::Waiting));
}

#[test]
fn only_the_broker_pulls_where_a_cursor_pushes() {
    let mut world = World::new();
    world.create(spec("S", &["a.>"]));
    let subject = b"out".to_vec();
    let push = Some(Push { subject, group: None, flow_control: false, heartbeat_ns: 0, rate_bps: 0 });
    world.put(CursorSpec { push, ..cursor("C") }, PutMode::Create).unwrap();
    assert!(matches!(refusal(world.pull("C", 1, |_| ())), Error::NotAllowed(_)));
    assert!(matches!(world.pull("C", 1, |pull| pull.push = true), Answer::Waiting));
}

/// The record is durable, and its publisher knows; nobody has told the store.
fn store_unseen(world: &mut World) {
    let capture = Capture { message: message("a.x", "v"), conditions: None };
    let mut results = Vec::new();
    world.store.capture(world.now, &StreamName::new("S"), &[capture], &mut results);
    world.journal.sync();
    assert!(results[0].is_ok());
}

#[test]
fn whoever_saw_an_acknowledgement_finds_the_record() {
    let mut world = World::new();
    world.create(spec("S", &["a.>"]));
    world.put(cursor("C"), PutMode::Create).unwrap();
    world.publish("S", "a.x", "v").unwrap();
    store_unseen(&mut world);
    assert_eq!(world.cursor_info("C").unwrap().pending, 2);
    store_unseen(&mut world);
    world.pull("C", 5, |pull| pull.no_wait = true);
    assert_eq!(world.got().0.len(), 3);
}

#[test]
fn overlapping_pulls_of_a_client_give_one_row() {
    let mut world = World::new();
    world.create(spec("S", &["a.>"]));
    world.put(cursor("C"), PutMode::Create).unwrap();
    for _ in 0..2 {
        world.pull("C", 4, |_| ());
    }
    for _ in 0..7 {
        store_unseen(&mut world);
    }
    world.sync();
    let delivered = world.outcomes().into_iter().filter_map(|(ticket, outcome)| match outcome {
        Outcome::Delivered(delivery) => Some((ticket, delivery.records)),
        _ => None,
    });
    let rows: Vec<(Ticket, u64)> = delivered
        .flat_map(|(ticket, records)| {
            records.into_iter().map(move |delivered| (ticket, delivered.record.offset))
        })
        .collect();
    assert_eq!(rows.iter().map(|row| row.1).collect::<Vec<_>>(), (0..7).collect::<Vec<_>>());
    assert!(rows.iter().any(|row| row.0 != rows[0].0), "both pulls got some");
}
