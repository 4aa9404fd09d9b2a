//! Streams as JetStream and Kafka expect them.

use super::*;

pub(super) fn at(offset: u64) -> RecordSelector {
    RecordSelector::At(offset)
}

fn stored(offset: u64) -> Result<Stored, Error> {
    Ok(Stored { offset, duplicate: false })
}

#[test]
fn stores_reads_and_survives() {
    let mut world = World::new();
    let info = world.create(spec("S", &["a.>"]));
    assert_eq!(world.publish("S", "a.x", "one"), stored(0));
    assert_eq!(world.publish("S", "a.y", "two"), stored(1));
    assert_eq!(world.publish("S", "a.x", ""), stored(2));
    let check = |world: &mut World| {
        let record = world.get("S", at(1)).unwrap();
        assert_eq!((&record.subject[..], record.value.as_deref()), (&b"a.y"[..], Some(&b"two"[..])));
        assert_eq!(world.get("S", RecordSelector::Last(filter("a.x"))).unwrap().offset, 2);
        assert_eq!(
            world.get("S", RecordSelector::Next { from: 1, filter: filter("a.x") }).unwrap().offset,
            2
        );
        assert_eq!(world.get("S", at(3)).unwrap_err(), Error::RecordNotFound);
        let info = world.info("S");
        assert_eq!((info.first, info.end, info.records, info.subjects, info.bytes), (0, 3, 3, 2, 3 * 33 + 6));
    };
    check(&mut world);
    world.store = world.reopened();
    check(&mut world);
    let again = world.stream(StreamCommand::Info(StreamName::new("S"))).unwrap().into_info().unwrap();
    assert_eq!((again.id, again.created_ns), (info.id, info.created_ns));
    assert_eq!(world.publish("S", "a.z", "three"), stored(3));
}

#[test]
fn creates_once_and_refuses_what_differs_or_overlaps() {
    let mut world = World::new();
    world.create(spec("S", &["a.>"]));
    let created =
        |world: &mut World, spec: StreamSpec| match world.stream(StreamCommand::Create(Box::new(spec))) {
            Ok(StreamReply::Info { created, .. }) => Ok(created),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        };
    assert_eq!(created(&mut world, spec("S", &["a.>"])), Ok(false));
    assert_eq!(created(&mut world, spec("S", &["b.>"])), Err(Error::StreamExists(StreamName::new("S"))));
    assert_eq!(created(&mut world, spec("T", &["a.b"])), Err(Error::SubjectsOverlap(StreamName::new("S"))));
    let mut topic = spec("T", &["a.b"]);
    topic.made_by = Wire::Kafka;
    assert_eq!(created(&mut world, topic), Ok(true));
    assert_eq!(world.stream(StreamCommand::Delete(StreamName::new("S"))).map(|_| ()), Ok(()));
    world.store = world.reopened();
    assert!(matches!(world.stream(StreamCommand::Info(StreamName::new("S"))), Err(Error::StreamNotFound(_))));
    assert_eq!(created(&mut world, spec("S", &["a.>"])), Ok(true));
}

#[test]
fn conditions_answer_as_nats_server_does() {
    let mut world = World::new();
    world.create(spec("S", &["a.>"]));
    assert_eq!(world.publish("S", "a.x", "1"), stored(0));
    let plain = Conditions::default();
    let rows: Vec<(&str, Conditions<'_>, Result<Stored, Error>)> = vec![
        ("a.x", Conditions { expected_stream: Some(b"T"), ..plain }, Err(Error::WrongExpectedStream)),
        ("a.x", Conditions { expected_last_sequence: Some(2), ..plain }, Err(Error::WrongLastSequence(1))),
        ("a.x", Conditions { expected_last_sequence: Some(1), ..plain }, stored(1)),
        (
            "a.y",
            Conditions { expected_last_subject_sequence: Some(1), ..plain },
            Err(Error::WrongLastSequence(0)),
        ),
        ("a.y", Conditions { expected_last_subject_sequence: Some(0), ..plain }, stored(2)),
        ("a.x", Conditions { message_id: Some(b"m"), ..plain }, stored(3)),
        ("a.x", Conditions { message_id: Some(b"m"), ..plain }, Ok(Stored { offset: 3, duplicate: true })),
        (
            "a.x",
            Conditions { expected_last_message_id: Some(b"n"), ..plain },
            Err(Error::WrongLastMessageId("m".to_owned())),
        ),
        ("a.x", Conditions { expected_last_message_id: Some(b"m"), ..plain }, stored(4)),
        (
            "a.z",
            Conditions { expected_last_subject_sequence: Some(5), expected_subject: Some(b"a.>"), ..plain },
            stored(5),
        ),
    ];
    for (number, (subject, conditions, expected)) in rows.into_iter().enumerate() {
        assert_eq!(world.publish_with("S", subject, "v", conditions), expected, "row {number}");
    }
    world.store = world.reopened();
    let again = Conditions { message_id: Some(b"m"), ..plain };
    assert_eq!(world.publish_with("S", "a.x", "v", again), Ok(Stored { offset: 3, duplicate: true }));
    world.pass(121 * SECOND);
    assert_eq!(world.publish_with("S", "a.x", "v", again), stored(6));
}

#[test]
fn a_run_is_decided_message_by_message() {
    let mut world = World::new();
    world.create(spec("S", &["a.>"]));
    let id = Conditions { message_id: Some(b"m"), ..Conditions::default() };
    let first = Conditions { expected_last_subject_sequence: Some(1), ..Conditions::default() };
    let payload = "x".repeat(40_000);
    let run = [
        Capture { message: message("a.x", &payload), conditions: Some(&id) },
        Capture { message: message("a.x", "dup"), conditions: Some(&id) },
        Capture { message: message("a.x", &payload), conditions: Some(&first) },
        Capture { message: message("a.x", &payload), conditions: Some(&first) },
        Capture { message: message("a.y", ""), conditions: None },
    ];
    let mut results = Vec::new();
    let lsn = world.store.capture(world.now, &StreamName::new("S"), &run, &mut results);
    let expected = [
        stored(0),
        Ok(Stored { offset: 0, duplicate: true }),
        stored(1),
        Err(Error::WrongLastSequence(2)),
        stored(2),
    ];
    assert_eq!(results, expected);
    assert_eq!(lsn, world.journal.end());
}

#[test]
fn limits_remove_the_oldest_or_refuse() {
    let mut world = World::new();
    let mut old = spec("OLD", &["o.*"]);
    old.limits.records_max = Some(3);
    world.create(old);
    for _ in 0..5 {
        world.publish("OLD", "o.x", "v").unwrap();
    }
    let info = world.info("OLD");
    assert_eq!((info.first, info.log_start, info.end, info.records, info.gone), (2, 2, 5, 3, 0));
    let mut new = spec("NEW", &["n.*"]);
    new.limits = Limits { records_max: Some(2), bytes_max: Some(1000), discard: Discard::New, ..new.limits };
    world.create(new);
    world.publish("NEW", "n.x", "v").unwrap();
    assert_eq!(world.publish("NEW", "n.x", &"v".repeat(990)), Err(Error::BytesExceeded));
    world.publish("NEW", "n.x", "v").unwrap();
    assert_eq!(world.publish("NEW", "n.x", "v"), Err(Error::RecordsExceeded));
    let mut bucket = spec("KV_b", &["$KV.b.>"]);
    bucket.limits = Limits { records_per_subject_max: Some(1), discard: Discard::New, ..bucket.limits };
    world.create(bucket);
    for key in ["$KV.b.x", "$KV.b.y", "$KV.b.x", "$KV.b.x"] {
        world.publish("KV_b", key, "v").unwrap();
    }
    let info = world.info("KV_b");
    assert_eq!((info.first, info.log_start, info.records, info.gone_offsets), (1, 0, 2, vec![2]));
    let mut strict = spec("STRICT", &["s.*"]);
    strict.limits = Limits {
        records_per_subject_max: Some(1),
        discard: Discard::New,
        discard_new_per_subject: true,
        ..strict.limits
    };
    world.create(strict);
    world.publish("STRICT", "s.x", "v").unwrap();
    assert_eq!(world.publish("STRICT", "s.x", "v"), Err(Error::SubjectRecordsExceeded));
    world.publish("STRICT", "s.y", "v").unwrap();
    world.store = world.reopened();
    assert_eq!(world.info("OLD").records, 3);
    assert_eq!(world.info("KV_b").gone, 1);
}

#[test]
fn age_expiry_and_markers() {
    let mut world = World::new();
    let mut aged = spec("S", &["a.*"]);
    aged.limits.age_max_ns = Some(10 * SECOND);
    world.create(aged);
    world.publish("S", "a.x", "1").unwrap();
    world.pass(6 * SECOND);
    world.publish("S", "a.y", "2").unwrap();
    world.pass(5 * SECOND);
    let info = world.info("S");
    assert_eq!((info.first, info.log_start, info.records), (1, 1, 1));
    let mut marked = spec("M", &["m.*"]);
    marked.delete_marker_ttl_ns = 3 * SECOND;
    world.create(marked);
    let ttl = Conditions { ttl_ns: Some(SECOND), ..Conditions::default() };
    world.publish_with("M", "m.x", "1", ttl).unwrap();
    world.pass(2 * SECOND);
    world.sync();
    let marker = world.get("M", RecordSelector::Last(filter("m.x"))).unwrap();
    assert_eq!((marker.offset, marker.value.clone()), (1, None));
    assert_eq!(marker.headers().get(b"Nats-Marker-Reason"), Some(Some(&b"MaxAge"[..])));
    world.store = world.reopened();
    world.pass(4 * SECOND);
    assert_eq!(world.info("M").records, 0);
}

#[test]
fn purges_by_filter_offset_and_count() {
    let mut world = World::new();
    world.create(spec("S", &["a.*"]));
    let fill = |world: &mut World| {
        for number in 0..10 {
            world.publish("S", if number % 2 == 0 { "a.x" } else { "a.y" }, "v").unwrap();
        }
    };
    let purge = |world: &mut World, subject: Option<&str>, below, keep| {
        let stream = StreamName::new("S");
        let filter = subject.map(filter);
        let purge = StreamCommand::Purge { stream, partition: None, filter, below, keep, by_client: true };
        match world.stream(purge) {
            Ok(StreamReply::Purged(count)) => count,
            other => panic!("{other:?}"),
        }
    };
    fill(&mut world);
    assert_eq!(purge(&mut world, Some("a.x"), None, Some(1)), 4);
    assert_eq!(world.info("S").log_start, 0);
    assert_eq!(purge(&mut world, None, Some(5), None), 2);
    assert_eq!((world.info("S").log_start, world.info("S").first), (5, 5));
    assert_eq!(purge(&mut world, None, None, Some(1)), 3);
    assert_eq!((world.info("S").log_start, world.info("S").first), (9, 9));
    assert_eq!(purge(&mut world, None, None, None), 1);
    let info = world.info("S");
    assert_eq!((info.first, info.log_start, info.end, info.records, info.bytes), (10, 10, 10, 0, 0));
    fill(&mut world);
    world
        .stream(StreamCommand::DeleteRecord { stream: StreamName::new("S"), partition: 0, offset: 12 })
        .unwrap();
    world.store = world.reopened();
    assert_eq!((world.info("S").records, world.info("S").gone_offsets), (9, vec![12]));
}

#[test]
fn rollup_replaces() {
    let mut world = World::new();
    world.create(spec("S", &["a.*"]));
    for subject in ["a.x", "a.y", "a.x"] {
        world.publish("S", subject, "v").unwrap();
    }
    let rollup = |rollup| Conditions { rollup: Some(rollup), ..Conditions::default() };
    world.publish_with("S", "a.x", "v", rollup(Rollup::Subject)).unwrap();
    assert_eq!((world.info("S").first, world.info("S").records), (1, 2));
    world.publish_with("S", "a.y", "v", rollup(Rollup::All)).unwrap();
    assert_eq!((world.info("S").first, world.info("S").log_start, world.info("S").records), (4, 4, 1));
}

#[test]
fn memory_streams_stay_and_their_records_go() {
    let mut world = World::new();
    world.create(StreamSpec { storage: Storage::Memory, ..spec("S", &["a.*"]) });
    let end = world.journal.end();
    assert_eq!(world.publish("S", "a.x", "v"), stored(0));
    assert_eq!(&world.get("S", at(0)).unwrap().value.unwrap()[..], b"v");
    assert_eq!((world.journal.end(), world.fetch("S", 0).batches.len()), (end, 1));
    world.store = world.reopened();
    assert_eq!(world.info("S").records, 0);
}
