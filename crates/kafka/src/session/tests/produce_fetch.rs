//! Produce, Fetch and ListOffsets.

use super::*;
use crate::codec::messages::*;
use crate::codec::{ErrorCode, Uuid};
use stele_model::{AppendReply, BatchReply, Isolation, ReadPartReply, ReadReply};

fn produce<'b>(topic: &'b str, id: [u8; 16], records: &[Option<&'b [u8]>]) -> ProduceRequest<'b> {
    let partition =
        |(index, records): (i32, &Option<&'b [u8]>)| PartitionProduceData { index, records: *records };
    ProduceRequest {
        acks: -1,
        timeout_ms: 1000,
        topic_data: vec![TopicProduceData {
            name: topic,
            topic_id: Uuid(id),
            partition_data: (0..).zip(records).map(partition).collect(),
        }],
        ..Default::default()
    }
}

#[test]
fn every_version_of_produce_appends() {
    for version in 3..=13 {
        let mut world = World::new();
        let id = world.topic("t", 1);
        let records = batch(b"x");
        let sent = world.send(version, &produce("t", id, &[Some(&records), None]));
        // Nobody has asked of the topic yet.
        world.answer_streams();
        let Some(Request::Append(append)) = world.asked() else { panic!("an append was expected") };
        assert_eq!((append.batches.len(), &append.batches[0].batch[..]), (1, &records[..]));
        assert_eq!(append.batches[0].id, Some(id));
        let reply = BatchReply { base_offset: 41, append_time_ms: -1, log_start: 3 };
        let reply = AppendReply { batches: vec![Ok(reply)], ..Default::default() };
        world.answer(Outcome::Appended(reply)).expect("it goes on");
        world.expect::<ProduceRequest<'_>, _>(version, sent, |answer| {
            let parts = &answer.responses[0].partition_responses;
            assert_eq!((parts[0].error_code, parts[0].base_offset), (ErrorCode::None, 41));
            assert_eq!(parts[0].log_start_offset, if version >= 5 { 3 } else { -1 });
            assert_eq!((parts[1].error_code, parts[1].base_offset), (ErrorCode::InvalidRecord, -1));
        });
    }
}

#[test]
fn batches_are_refused_with_their_code() {
    let good = batch(b"x");
    let mut torn = good.clone();
    torn.pop();
    let mut flipped = good.clone();
    *flipped.last_mut().expect("bytes") ^= 1;
    let mut old = good.clone();
    old[16] = 1;
    let two = [good.clone(), good.clone()].concat();
    for (what, records, code) in [
        ("torn", &torn, ErrorCode::CorruptMessage),
        ("flipped", &flipped, ErrorCode::CorruptMessage),
        ("old format", &old, ErrorCode::InvalidRecord),
        ("two batches", &two, ErrorCode::InvalidRecord),
    ] {
        let mut world = World::new();
        let id = world.topic("t", 1);
        let sent = world.send(9, &produce("t", id, &[Some(records)]));
        world.answer_streams();
        if world.asked().is_some() {
            world.answer(Outcome::Appended(AppendReply::default())).expect("it goes on");
        }
        world.expect::<ProduceRequest<'_>, _>(9, sent, |answer| {
            assert_eq!(answer.responses[0].partition_responses[0].error_code, code, "{what}");
        });
    }
}

#[test]
fn unknown_topics_transactions_and_odd_acks_are_refused() {
    let records = batch(b"x");
    for (version, transactional_id, acks, name, code) in [
        (9, None, -1, "missing", ErrorCode::UnknownTopicOrPartition),
        (13, None, -1, "", ErrorCode::UnknownTopicId),
        (9, Some("tx"), -1, "t", ErrorCode::InvalidTxnState),
        (9, None, 2, "t", ErrorCode::InvalidRequiredAcks),
    ] {
        let mut world = World::new();
        world.topic("t", 1);
        let request = ProduceRequest { transactional_id, acks, ..produce(name, [77; 16], &[Some(&records)]) };
        let sent = world.send(version, &request);
        world.answer_streams();
        if world.asked().is_some() {
            world.answer(Outcome::Appended(AppendReply::default())).expect("it goes on");
        }
        world.expect::<ProduceRequest<'_>, _>(version, sent, |answer| {
            assert_eq!(answer.responses[0].partition_responses[0].error_code, code);
        });
    }
}

fn fetch<'b>(topic: &'b str, id: [u8; 16], parts: &[(i32, i64)]) -> FetchRequest<'b> {
    let partition = |(partition, fetch_offset): &(i32, i64)| FetchPartition {
        partition: *partition,
        fetch_offset: *fetch_offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        isolation_level: 1,
        topics: vec![FetchTopic {
            topic,
            topic_id: Uuid(id),
            partitions: parts.iter().map(partition).collect(),
        }],
        ..Default::default()
    }
}

#[test]
fn every_version_of_fetch_reads() {
    for version in 4..=18 {
        let mut world = World::new();
        let id = world.topic("t", 2);
        let sent = world.send(version, &fetch("t", id, &[(0, 5), (1, 0)]));
        world.answer_streams();
        let Some(Request::Read(read)) = world.asked() else { panic!("a read was expected") };
        assert_eq!((read.bytes_min, read.isolation), (1, Isolation::Committed));
        assert_eq!(read.deadline_ns, now().monotonic_ns + 500_000_000);
        assert_eq!((read.parts[0].from, read.parts[0].partition, read.parts[1].partition), (5, 0, 1));
        let records = batch(b"x");
        let full = ReadPartReply {
            batches: vec![records.clone().into(), records.clone().into()],
            high_watermark: 7,
            last_stable: 6,
            log_start: 2,
            error: None,
        };
        let failed = ReadPartReply { error: Some(Error::OffsetOutOfRange), ..Default::default() };
        world.answer(Outcome::Read(ReadReply { parts: vec![full, failed] })).expect("it goes on");
        world.expect::<FetchRequest<'_>, _>(version, sent, |answer| {
            assert_eq!((answer.error_code, answer.session_id), (ErrorCode::None, 0));
            let parts = &answer.responses[0].partitions;
            assert_eq!(parts[0].records.len(), 2 * records.len());
            assert_eq!((parts[0].high_watermark, parts[0].last_stable_offset), (7, 6));
            assert_eq!(parts[1].error_code, ErrorCode::OffsetOutOfRange);
            assert!(parts[1].records.is_empty());
        });
    }
}

#[test]
fn a_fetch_of_what_is_not_there_does_not_wait() {
    for (version, code) in [(12, ErrorCode::UnknownTopicOrPartition), (13, ErrorCode::UnknownTopicId)] {
        let mut world = World::new();
        let sent = world.send(version, &fetch("missing", [9; 16], &[(0, 0)]));
        world.answer_streams();
        assert_eq!(world.asked_count(), 0);
        world.expect::<FetchRequest<'_>, _>(version, sent, |answer| {
            assert_eq!(answer.responses[0].partitions[0].error_code, code);
        });
    }
}

#[test]
fn fetch_sessions_are_not_found() {
    let mut world = World::new();
    let sent = world.send(11, &FetchRequest { session_id: 5, session_epoch: 1, ..Default::default() });
    world.expect::<FetchRequest<'_>, _>(11, sent, |answer| {
        assert_eq!(answer.error_code, ErrorCode::FetchSessionIdNotFound);
    });
}

#[test]
fn list_offsets_looks_up_times_and_ends() {
    for version in 1..=11 {
        let mut world = World::new();
        let partition = |timestamp| ListOffsetsPartition { timestamp, ..Default::default() };
        let request = ListOffsetsRequest {
            topics: vec![ListOffsetsTopic {
                name: "t",
                partitions: [-1, -2, -5, -9, 1234].map(partition).to_vec(),
            }],
            ..Default::default()
        };
        let sent = world.send(version, &request);
        let mut times = Vec::new();
        while let Some(Request::Lookup(lookup)) = world.asked() {
            times.push(lookup.timestamp_ms);
            let found = (times.len() < 3).then_some((times.len() as u64, 50));
            world.answer(Outcome::Found(found)).expect("it goes on");
        }
        assert_eq!(times, [-1, -2, 1234]);
        world.expect::<ListOffsetsRequest<'_>, _>(version, sent, |answer| {
            let offsets: Vec<i64> = answer.topics[0].partitions.iter().map(|part| part.offset).collect();
            assert_eq!(offsets, [1, 2, -1, -1, -1]);
            let codes: Vec<ErrorCode> =
                answer.topics[0].partitions.iter().map(|part| part.error_code).collect();
            let remote = if version >= 9 { ErrorCode::None } else { ErrorCode::UnsupportedVersion };
            assert_eq!(codes[2..], [remote, ErrorCode::UnsupportedVersion, ErrorCode::None]);
        });
    }
}
