//! Metadata and the administration of topics.

use super::*;
use crate::codec::messages::*;
use crate::codec::{ErrorCode, Uuid};
use stele_model::{Filter, Wire};

fn ask(names: &[&'static str], create: bool) -> MetadataRequest<'static> {
    let topic = |name: &&'static str| MetadataRequestTopic { name: Some(name), ..Default::default() };
    MetadataRequest {
        topics: Some(names.iter().map(topic).collect()),
        allow_auto_topic_creation: create,
        ..Default::default()
    }
}

#[test]
fn every_version_of_metadata_names_the_broker_and_topics() {
    for version in 0..=13 {
        let mut world = World::new();
        let id = world.topic("t", 3);
        let sent = world.send(version, &ask(&["t", "bad name", "missing"], false));
        world.answer_streams();
        world.expect::<MetadataRequest<'_>, _>(version, sent, |answer| {
            let broker = &answer.brokers[0];
            assert_eq!((broker.node_id, &*broker.host, broker.port), (1, "127.0.0.1", 9292));
            let topics = &answer.topics;
            assert_eq!((topics[0].partitions.len(), topics[0].partitions[2].leader_id), (3, 1));
            assert_eq!(topics[0].topic_id, if version >= 10 { Uuid(id) } else { Uuid::ZERO });
            assert_eq!(topics[1].error_code, ErrorCode::InvalidTopicException);
            // Below version 4 a client cannot forbid the making of topics.
            let made = if version < 4 { ErrorCode::None } else { ErrorCode::UnknownTopicOrPartition };
            assert_eq!(topics[2].error_code, made);
        });
        assert_eq!(world.streams.len(), if version < 4 { 2 } else { 1 });
    }
}

#[test]
fn missing_topics_are_made_where_that_is_allowed() {
    for (setting, flag, made) in [(true, true, true), (true, false, false), (false, true, false)] {
        let settings =
            KafkaSettings { auto_create_topics: setting, partitions_default: 4, ..Default::default() };
        let mut world = World::with(settings);
        let sent = world.send(9, &ask(&["new"], flag));
        world.answer_streams();
        world.expect::<MetadataRequest<'_>, _>(9, sent, |answer| {
            assert_eq!(answer.topics[0].partitions.len(), if made { 4 } else { 0 });
        });
        let subjects = world.streams.values().map(|info| info.spec.subjects.clone()).next();
        assert_eq!(subjects, made.then(|| vec![Filter::new(b"new").expect("a filter")]));
    }
}

#[test]
fn all_topics_are_those_that_kafka_can_name() {
    let mut world = World::new();
    world.topic("t", 1);
    for name in ["KV_bucket", "with space", "$odd"] {
        let spec = super::super::config::spec_of(name, 1, BTreeMap::new()).expect("a spec");
        world.put(StreamSpec { made_by: Wire::Nats, documents: Vec::new(), ..spec });
    }
    for (version, none) in [(0, None), (1, Some(Vec::new())), (12, Some(Vec::new()))] {
        let all = if version == 0 { Some(Vec::new()) } else { None };
        let sent = world.send(version, &MetadataRequest { topics: all, ..Default::default() });
        world.answer_streams();
        world.expect::<MetadataRequest<'_>, _>(version, sent, |answer| {
            let names: Vec<_> = answer.topics.iter().map(|topic| topic.name.as_deref()).collect();
            assert_eq!(names, [Some("KV_bucket"), Some("t")]);
        });
        let Some(none) = none else { continue };
        let sent = world.send(version, &MetadataRequest { topics: Some(none), ..Default::default() });
        world.expect::<MetadataRequest<'_>, _>(version, sent, |answer| assert_eq!(answer.topics, []));
    }
}

#[test]
fn a_view_of_a_partition_is_no_topic() {
    let mut world = World::new();
    world.topic("a.b", 1);
    // JetStream's name for it, which the core answers with the stream under that name.
    let view = world.streams[&StreamName::new("a.b")].clone();
    let shown = StreamSpec { name: StreamName::new("a_b"), ..(*view.spec).clone() };
    world.streams.insert(StreamName::new("a_b"), StreamInfo { spec: shown.into(), ..view });
    let sent = world.send(9, &ask(&["a_b", "a.b"], false));
    world.answer_streams();
    world.expect::<MetadataRequest<'_>, _>(9, sent, |answer| {
        let codes: Vec<ErrorCode> = answer.topics.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [ErrorCode::UnknownTopicOrPartition, ErrorCode::None]);
    });
}

#[test]
fn topics_are_found_by_id() {
    let mut world = World::new();
    let id = world.topic("t", 1);
    let topic = |id| MetadataRequestTopic { topic_id: Uuid(id), name: None };
    let request = MetadataRequest { topics: Some(vec![topic(id), topic([9; 16])]), ..Default::default() };
    let sent = world.send(12, &request);
    world.answer_streams();
    world.expect::<MetadataRequest<'_>, _>(12, sent, |answer| {
        assert_eq!(answer.topics[0].name.as_deref(), Some("t"));
        assert_eq!(answer.topics[1].error_code, ErrorCode::UnknownTopicId);
    });
}

fn create(name: &'static str, partitions: i32, factor: i16) -> CreatableTopic<'static> {
    CreatableTopic { name, num_partitions: partitions, replication_factor: factor, ..Default::default() }
}

#[test]
fn every_version_of_create_topics_makes_them() {
    for version in 2..=7 {
        let mut world = World::with(KafkaSettings { accept_replication: false, ..Default::default() });
        world.topic("there", 1);
        let config = |name, value| CreatableTopicConfig { name, value: Some(value) };
        let topics = vec![
            CreatableTopic { configs: vec![config("retention.ms", "1000")], ..create("new", 3, 1) },
            create("there", -1, -1),
            create("zero", 0, 1),
            create("many", 1, 3),
            create("bad name", 1, 1),
            CreatableTopic { configs: vec![config("retention.ms", "soon")], ..create("conf", 1, 1) },
            create("twice", 1, 1),
            create("twice", 1, 1),
        ];
        let sent = world.send(version, &CreateTopicsRequest { topics, ..Default::default() });
        world.answer_streams();
        world.expect::<CreateTopicsRequest<'_>, _>(version, sent, |answer| {
            let codes: Vec<ErrorCode> = answer.topics.iter().map(|topic| topic.error_code).collect();
            assert_eq!(
                codes,
                [
                    ErrorCode::None,
                    ErrorCode::TopicAlreadyExists,
                    ErrorCode::InvalidPartitions,
                    ErrorCode::InvalidReplicationFactor,
                    ErrorCode::InvalidTopicException,
                    ErrorCode::InvalidConfig,
                    ErrorCode::InvalidRequest,
                    ErrorCode::InvalidRequest,
                ]
            );
            assert_eq!(answer.topics[0].num_partitions, if version >= 5 { 3 } else { -1 });
            assert_eq!(answer.topics[0].topic_id == Uuid::ZERO, version < 7);
        });
        let spec = &world.streams[&StreamName::new("new")].spec;
        assert_eq!((spec.partitions, spec.limits.age_max_ns), (3, Some(1_000_000_000)));
        // The configuration comes back.
        let resource =
            DescribeConfigsResource { resource_type: 2, resource_name: "new", configuration_keys: None };
        let request = DescribeConfigsRequest {
            resources: vec![resource],
            include_synonyms: true,
            ..Default::default()
        };
        let sent = world.send(version.min(4), &request);
        world.answer_streams();
        world.expect::<DescribeConfigsRequest<'_>, _>(version.min(4), sent, |answer| {
            let configs = &answer.results[0].configs;
            let entry = configs.iter().find(|entry| entry.name == "retention.ms").expect("it is listed");
            assert_eq!(
                (entry.value.as_deref(), entry.config_source, entry.synonyms.len()),
                (Some("1000"), 1, 2)
            );
        });
    }
}

#[test]
fn validating_makes_nothing() {
    let mut world = World::new();
    world.topic("there", 1);
    let topics = vec![create("new", 1, 1), create("there", 1, 1)];
    let sent = world.send(7, &CreateTopicsRequest { topics, validate_only: true, ..Default::default() });
    world.answer_streams();
    world.expect::<CreateTopicsRequest<'_>, _>(7, sent, |answer| {
        let codes: Vec<ErrorCode> = answer.topics.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [ErrorCode::None, ErrorCode::TopicAlreadyExists]);
    });
    assert_eq!(world.streams.len(), 1);
}

#[test]
fn every_version_of_delete_topics_deletes_them() {
    for version in 1..=6 {
        let mut world = World::new();
        world.topic("a", 1);
        let id = world.topic("b", 1);
        let state = |name, topic_id| DeleteTopicState { name, topic_id };
        let request = match version {
            6 => DeleteTopicsRequest {
                topics: vec![
                    state(Some("a"), Uuid::ZERO),
                    state(None, Uuid(id)),
                    state(None, Uuid([9; 16])),
                    state(Some("c"), Uuid::ZERO),
                ],
                ..Default::default()
            },
            _ => DeleteTopicsRequest { topic_names: vec!["a", "b", "c"], ..Default::default() },
        };
        let sent = world.send(version, &request);
        world.answer_streams();
        world.expect::<DeleteTopicsRequest<'_>, _>(version, sent, |answer| {
            let codes: Vec<ErrorCode> = answer.responses.iter().map(|topic| topic.error_code).collect();
            assert_eq!(codes[..2], [ErrorCode::None; 2]);
            assert_eq!(codes.last(), Some(&ErrorCode::UnknownTopicOrPartition));
            if version == 6 {
                assert_eq!(codes[2], ErrorCode::UnknownTopicId);
                assert_eq!(answer.responses[1].name.as_deref(), Some("b"));
            }
        });
        assert!(world.streams.is_empty());
    }
}

#[test]
fn partitions_only_grow() {
    for version in 0..=3 {
        let mut world = World::new();
        world.topic("t", 2);
        let topic = |name, count| CreatePartitionsTopic { name, count, assignments: None };
        let topics = vec![topic("t", 5), topic("missing", 5)];
        let sent = world.send(version, &CreatePartitionsRequest { topics, ..Default::default() });
        world.answer_streams();
        world.expect::<CreatePartitionsRequest<'_>, _>(version, sent, |answer| {
            let codes: Vec<ErrorCode> = answer.results.iter().map(|topic| topic.error_code).collect();
            assert_eq!(codes, [ErrorCode::None, ErrorCode::UnknownTopicOrPartition]);
        });
        let sent = world
            .send(version, &CreatePartitionsRequest { topics: vec![topic("t", 5)], ..Default::default() });
        world.answer_streams();
        world.expect::<CreatePartitionsRequest<'_>, _>(version, sent, |answer| {
            assert_eq!(answer.results[0].error_code, ErrorCode::InvalidPartitions);
        });
    }
}

#[test]
fn records_are_deleted_up_to_an_offset() {
    for version in 0..=2 {
        let mut world = World::new();
        world.topic("t", 1);
        let partition = |partition_index, offset| DeleteRecordsPartition { partition_index, offset };
        let partitions = vec![partition(0, 4), partition(0, -1), partition(0, 11), partition(7, 0)];
        let topics = vec![DeleteRecordsTopic { name: "t", partitions }];
        let sent = world.send(version, &DeleteRecordsRequest { topics, ..Default::default() });
        world.answer_streams();
        world.expect::<DeleteRecordsRequest<'_>, _>(version, sent, |answer| {
            let results: Vec<_> = answer.topics[0]
                .partitions
                .iter()
                .map(|part| (part.error_code, part.low_watermark))
                .collect();
            assert_eq!(
                results,
                [
                    (ErrorCode::None, 10),
                    (ErrorCode::None, 10),
                    (ErrorCode::OffsetOutOfRange, -1),
                    (ErrorCode::UnknownTopicOrPartition, -1),
                ]
            );
        });
    }
}
