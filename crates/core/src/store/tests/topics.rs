//! Topics: batches as produced, what is fetched, and topics that go and come again under the same name.

use super::streams::at;
use super::*;
use bytes::Bytes;
use stele_model::batch::{Batch, BatchBuilder, Producer, patch};

fn batch(values: &[(&str, &str)], producer: Option<(i64, i32)>) -> Bytes {
    let mut out = Vec::new();
    let mut builder = BatchBuilder::new(&mut out, 0);
    if let Some((id, base_sequence)) = producer {
        builder = builder.producer(Producer { id, epoch: 0, base_sequence });
    }
    for (number, (key, value)) in values.iter().enumerate() {
        let key = (!key.is_empty()).then_some(key.as_bytes());
        builder.push(1000 + number as i64, key, Some(value.as_bytes()), []).unwrap();
    }
    builder.finish();
    out.into()
}

fn topic(name: &str) -> StreamSpec {
    StreamSpec { made_by: Wire::Kafka, dedup_window_ns: 0, ..spec(name, &[name]) }
}

impl World {
    fn produce(&mut self, stream: &str, partition: u32, batch: &Bytes) -> Result<BatchReply, Error> {
        let batch =
            AppendedBatch { stream: StreamName::new(stream), id: None, partition, batch: batch.clone() };
        match self.now(Request::Append(Append { batches: vec![batch] }))? {
            Outcome::Appended(mut reply) => reply.batches.pop().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn fetch(&mut self, stream: &str, from: u64) -> ReadPartReply {
        let part =
            ReadPart { stream: StreamName::new(stream), id: None, partition: 0, from, bytes_max: 1 << 20 };
        let isolation = Isolation::Uncommitted;
        let read = Read { parts: vec![part], bytes_min: 0, bytes_max: 1 << 20, deadline_ns: 0, isolation };
        match self.now(Request::Read(read)).unwrap() {
            Outcome::Read(mut reply) => reply.parts.pop().unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_produced_batch_comes_back_byte_for_byte() {
    let mut world = World::new();
    world.create(topic("t"));
    let sent = batch(&[("k", "v"), ("", "w")], None);
    for base in [0, 2] {
        let reply = world.produce("t", 0, &sent).unwrap();
        assert_eq!((reply.base_offset, reply.append_time_ms, reply.log_start), (base, -1, 0));
    }
    for reopened in [false, true] {
        if reopened {
            world.store = world.reopened();
        }
        let part = world.fetch("t", 3);
        let mut expected = sent.to_vec();
        patch(&mut expected, 2, 0);
        assert_eq!((part.batches, part.high_watermark), (vec![Bytes::from(expected)], 4));
    }
    assert_eq!(world.fetch("t", 5).error, Some(Error::OffsetOutOfRange));
    let record = world.get("t", at(1)).unwrap();
    assert_eq!((&record.subject[..], record.key, record.wire_time_ms), (&b"t"[..], None, 1001));
}

#[test]
fn idempotent_producers_survive() {
    let mut world = World::new();
    world.create(topic("t"));
    assert_eq!(world.produce("t", 0, &batch(&[("", "a"), ("", "b")], Some((9, 0)))).unwrap().base_offset, 0);
    for _ in 0..2 {
        let again = batch(&[("", "a"), ("", "b")], Some((9, 0)));
        assert_eq!(world.produce("t", 0, &again).unwrap().base_offset, 0);
        let gap = batch(&[("", "a")], Some((9, 5)));
        assert_eq!(world.produce("t", 0, &gap), Err(Error::OutOfOrderSequence));
        world.store = world.reopened();
    }
    assert_eq!(world.produce("t", 0, &batch(&[("", "c")], Some((9, 2)))).unwrap().base_offset, 2);
}

#[test]
fn a_topic_with_subjects_reads_keys() {
    let mut world = World::new();
    world.create(StreamSpec { subjects: vec![filter("home.>")], ..topic("t") });
    world.create(StreamSpec { dedup_window_ns: 0, ..spec("js", &["shop.>"]) });
    world
        .produce("t", 0, &batch(&[("home.x", "1"), ("else", "2"), ("", "3"), ("home.*", "4")], None))
        .unwrap();
    let subjects: Vec<_> = (0..4).map(|offset| world.get("t", at(offset)).unwrap().subject).collect();
    assert_eq!(subjects, [&b"home.x"[..], b"t", b"t", b"t"]);
    assert!(matches!(world.produce("js", 0, &batch(&[("", "1")], None)), Err(Error::InvalidRecord(_))));
    world.produce("js", 0, &batch(&[("shop.x", "1")], None)).unwrap();
    assert_eq!(&world.get("js", at(0)).unwrap().subject[..], b"shop.x");
}

#[test]
fn fetches_around_gone_records_and_over_holes() {
    let mut world = World::new();
    world.create(spec("S", &["a.*"]));
    let run: Vec<_> = ["a.x", "a.y", "a.z"]
        .iter()
        .map(|s| Capture { message: message(s, "v"), conditions: None })
        .collect();
    world.store.capture(world.now, &StreamName::new("S"), &run, &mut Vec::new());
    world.sync();
    let delete = |world: &mut World, offset| {
        world
            .stream(StreamCommand::DeleteRecord { stream: StreamName::new("S"), partition: 0, offset })
            .unwrap();
    };
    delete(&mut world, 1);
    let part = world.fetch("S", 0);
    let read = Batch::parse(&part.batches[0]).unwrap();
    let offsets: Vec<_> = read.plain_records().unwrap().map(|record| record.unwrap().offset).collect();
    assert_eq!((offsets, read.header().next_offset()), (vec![0, 2], 3));
    delete(&mut world, 2);
    let part = world.fetch("S", 1);
    let hole = Batch::parse(&part.batches[0]).unwrap();
    assert!(hole.header().attributes.is_control());
    assert_eq!((part.batches.len(), hole.header().next_offset()), (1, 3));
    assert!(world.fetch("S", 3).batches.is_empty());
}

#[test]
fn a_read_waits_for_the_disk_and_for_its_deadline() {
    let mut world = World::new();
    world.create(topic("t"));
    let read = |world: &World, from| {
        let part =
            ReadPart { stream: StreamName::new("t"), id: None, partition: 0, from, bytes_max: 1 << 20 };
        let deadline_ns = world.now.monotonic_ns + SECOND;
        let isolation = Isolation::Uncommitted;
        Request::Read(Read { parts: vec![part], bytes_min: 1, bytes_max: 1 << 20, deadline_ns, isolation })
    };
    let request = read(&world, 0);
    assert!(matches!(world.ask(request), Answer::Waiting));
    let append = AppendedBatch {
        stream: StreamName::new("t"),
        id: None,
        partition: 0,
        batch: batch(&[("", "v")], None),
    };
    world.ask(Request::Append(Append { batches: vec![append] }));
    world.store.settle(world.now);
    assert!(world.outcomes().is_empty(), "nothing is told before it is durable");
    world.sync();
    let outcomes = world.outcomes();
    let [(Ticket(2), Outcome::Read(reply))] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(reply.parts[0].batches.len(), 1);
    let request = read(&world, 1);
    assert!(matches!(world.ask(request), Answer::Waiting));
    world.pass(2 * SECOND);
    let outcomes = world.outcomes();
    let [(_, Outcome::Read(reply))] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(reply.parts[0].batches.is_empty());
}

#[test]
fn looks_offsets_up_by_time() {
    let mut world = World::new();
    world.create(topic("t"));
    world.produce("t", 0, &batch(&[("", "a"), ("", "b")], None)).unwrap();
    world.produce("t", 0, &batch(&[("", "c")], None)).unwrap();
    for (timestamp_ms, expected) in [
        (-1, Some((3, -1))),
        (-2, Some((0, -1))),
        (-3, Some((1, 1001))),
        (1001, Some((1, 1001))),
        (1002, None),
        (5, Some((0, 1000))),
    ] {
        let isolation = Isolation::Uncommitted;
        let lookup = TimeLookup { stream: StreamName::new("t"), partition: 0, timestamp_ms, isolation };
        match world.now(Request::Lookup(lookup)).unwrap() {
            Outcome::Found(found) => assert_eq!(found, expected, "{timestamp_ms}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn many_partitions_show_as_streams() {
    let mut world = World::new();
    world.create(StreamSpec { partitions: 3, ..spec("S", &["a.*"]) });
    for number in 0..30 {
        world.publish("S", &format!("a.{number}"), "v").unwrap();
    }
    let info = world.stream(StreamCommand::Info(StreamName::new("S"))).unwrap().into_info().unwrap();
    assert_eq!(info.partitions.iter().map(|partition| partition.records).sum::<u64>(), 30);
    assert!(info.partitions.iter().all(|partition| partition.records > 3));
    let view = world.stream(StreamCommand::Info(StreamName::new("S-2"))).unwrap().into_info().unwrap();
    assert_eq!((view.spec.name.as_str(), view.partitions.len()), ("S-2", 1));
    assert_eq!(view.partitions[0].records, info.partitions[2].records);
}

#[test]
fn another_topic_of_the_name_gets_nothing_meant_for_the_first() {
    let mut world = World::new();
    let first = world.create(topic("t")).id;
    world.stream(StreamCommand::Delete(StreamName::new("t"))).unwrap();
    let second = world.create(topic("t")).id;
    for (id, found) in [(first, false), (second, true)] {
        let (stream, id) = (StreamName::new("t"), Some(id));
        let batch =
            AppendedBatch { stream: stream.clone(), id, partition: 0, batch: batch(&[("", "v")], None) };
        let Ok(Outcome::Appended(reply)) = world.now(Request::Append(Append { batches: vec![batch] })) else {
            panic!("no answer")
        };
        assert_eq!(reply.batches[0].is_ok(), found);
        let part = ReadPart { stream, id, partition: 0, from: 0, bytes_max: 1 };
        let (bytes_min, bytes_max, deadline_ns, isolation) = (0, 1, 0, Isolation::Uncommitted);
        let read = Read { parts: vec![part], bytes_min, bytes_max, deadline_ns, isolation };
        let Ok(Outcome::Read(reply)) = world.now(Request::Read(read)) else { panic!("no answer") };
        assert_eq!(reply.parts[0].error.is_none(), found);
    }
}
