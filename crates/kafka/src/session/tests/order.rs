//! Frames, their order, and what waits for what.

use super::*;
use crate::codec::messages::*;
use crate::codec::{ErrorCode, Uuid};
use stele_model::{AppendReply, BatchReply};

fn produce<'b>(id: [u8; 16], acks: i16, records: &'b [u8]) -> ProduceRequest<'b> {
    ProduceRequest {
        acks,
        timeout_ms: 1000,
        topic_data: vec![TopicProduceData {
            topic_id: Uuid(id),
            partition_data: vec![PartitionProduceData { index: 0, records: Some(records) }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn appended(base_offset: u64) -> Outcome {
    let reply = BatchReply { base_offset, append_time_ms: -1, log_start: 0 };
    Outcome::Appended(AppendReply { batches: vec![Ok(reply)], ..Default::default() })
}

fn known_topic(world: &mut World) -> [u8; 16] {
    let id = world.topic("t", 1);
    let asked = world.send(12, &MetadataRequest { topics: None, ..Default::default() });
    world.answer_streams();
    world.expect::<MetadataRequest<'_>, _>(12, asked, |answer| assert_eq!(answer.topics.len(), 1));
    id
}

#[test]
fn frames_come_in_any_pieces() {
    let mut world = World::new();
    let mut bytes = Vec::new();
    codec::encode_request(3, 7, None, &api_versions(), &mut bytes);
    for cut in 0..bytes.len() {
        assert_eq!(world.feed(&bytes[..cut]), Ok(0));
        assert_eq!(world.session.wants(), if cut < 4 { 4 } else { bytes.len() });
    }
    assert_eq!(world.feed(&bytes), Ok(bytes.len()));
    world.expect::<ApiVersionsRequest<'_>, _>(3, 7, |answer| assert_eq!(answer.error_code, ErrorCode::None));
}

fn api_versions() -> ApiVersionsRequest<'static> {
    ApiVersionsRequest { client_software_name: "tester", client_software_version: "1.0" }
}

#[test]
fn produce_requests_are_appended_as_they_come_and_answered_in_turn() {
    let mut world = World::new();
    let id = known_topic(&mut world);
    let records = batch(b"x");
    let sent: Vec<i32> = (0..3).map(|_| world.send(13, &produce(id, -1, &records))).collect();
    assert_eq!(world.asked_count(), 3);
    // What is no produce waits for them; so does a produce behind it.
    let metadata = world.send(12, &MetadataRequest { topics: Some(Vec::new()), ..Default::default() });
    let last = world.send(13, &produce(id, 1, &records));
    assert_eq!(world.asked_count(), 3);
    assert!(!world.session.ready());
    for (offset, id) in (10..).zip(&sent) {
        world.answer(appended(offset)).expect("it goes on");
        world.expect::<ProduceRequest<'_>, _>(13, *id, |answer| {
            assert_eq!(answer.responses[0].partition_responses[0].base_offset, offset as i64);
        });
    }
    world.expect::<MetadataRequest<'_>, _>(12, metadata, |answer| assert_eq!(answer.topics, []));
    assert!(world.session.ready());
    world.answer(appended(13)).expect("it goes on");
    world.expect::<ProduceRequest<'_>, _>(13, last, |_| ());
    assert!(world.session.busy.is_none(), "an idle connection keeps nothing");
}

#[test]
fn without_acks_nothing_is_answered_and_a_failure_ends_the_connection() {
    let mut world = World::new();
    let id = known_topic(&mut world);
    let records = batch(b"x");
    world.send(13, &produce(id, 0, &records));
    let next = world.send(13, &produce(id, 1, &records));
    world.answer(appended(0)).expect("it goes on");
    assert_eq!(world.frame(), None);
    world.answer(appended(1)).expect("it goes on");
    world.expect::<ProduceRequest<'_>, _>(13, next, |_| ());
    world.send(13, &produce(id, 0, &records));
    let failed = Outcome::Failed(Error::Storage);
    assert!(matches!(world.answer(failed), Err(Close::Refused(_))));
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_as_version_0() {
    let mut world = World::new();
    // ApiVersions v5, as franz-go sends it first.
    let frame = [0, 0, 0, 10, 0, 18, 0, 5, 0, 0, 0, 9, 0xff, 0xff];
    assert_eq!(world.feed(&frame), Ok(frame.len()));
    world.expect::<ApiVersionsRequest<'_>, _>(0, 9, |answer| {
        assert_eq!(answer.error_code, ErrorCode::UnsupportedVersion);
        let produce = answer.api_keys.iter().find(|api| api.api_key == 0).expect("produce is offered");
        assert_eq!((produce.min_version, produce.max_version), (0, 13));
    });
}

#[test]
fn what_is_not_offered_closes() {
    for (what, frame) in [
        ("an unknown API", &[0, 0, 0, 10, 0x7f, 0, 0, 0, 0, 0, 0, 9, 0xff, 0xff][..]),
        ("produce v2", &[0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 9, 0xff, 0xff]),
        ("a negative length", &[0xff, 0xff, 0xff, 0xff]),
        ("garbage", &[0, 0, 0, 10, 0, 3, 0, 12, 0, 0, 0, 9, 0xff, 0xff]),
        ("a metadata request of 64 MiB", &[4, 0, 0, 0, 0, 3]),
        ("a produce request of 1 GiB", &[0x40, 0, 0, 0, 0, 0]),
    ] {
        assert!(matches!(World::new().feed(frame), Err(Close::Protocol(_))), "{what}");
    }
    assert_eq!(World::new().feed(&[1, 0, 0, 0, 0, 0]), Ok(0), "a produce request of 16 MiB may come");
}
