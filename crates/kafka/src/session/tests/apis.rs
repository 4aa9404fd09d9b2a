//! The smaller APIs, at every version.

use super::*;
use crate::codec::ErrorCode;
use crate::codec::messages::*;
use stele_model::{GroupReply, Outcome};

#[test]
fn api_versions_names_what_is_offered() {
    for version in 0..=4 {
        let mut world = World::new();
        let mut request = ApiVersionsRequest { client_software_name: "a", client_software_version: "1" };
        let sent = world.send(version, &request);
        world.expect::<ApiVersionsRequest<'_>, _>(version, sent, |answer| {
            assert_eq!(answer.error_code, ErrorCode::None);
            assert!(answer.api_keys.iter().any(|api| (api.api_key, api.max_version) == (18, 4)));
        });
        request.client_software_name = "no good name";
        let sent = world.send(version, &request);
        let expected = if version >= 3 { ErrorCode::InvalidRequest } else { ErrorCode::None };
        world.expect::<ApiVersionsRequest<'_>, _>(version, sent, |answer| {
            assert_eq!(answer.error_code, expected)
        });
    }
}

#[test]
fn this_broker_coordinates_groups_and_no_transactions() {
    for version in 0..=6 {
        let mut world = World::new();
        for (key_type, code) in [(0, ErrorCode::None), (1, ErrorCode::UnsupportedVersion)] {
            if version == 0 && key_type != 0 {
                continue;
            }
            let request = FindCoordinatorRequest { key: "g", key_type, coordinator_keys: vec!["g", "h"] };
            let sent = world.send(version, &request);
            world.expect::<FindCoordinatorRequest<'_>, _>(version, sent, |answer| {
                let node = if code.is_none() { 1 } else { -1 };
                if version < 4 {
                    assert_eq!((answer.error_code, answer.node_id), (code, node));
                } else {
                    let keys: Vec<_> =
                        answer.coordinators.iter().map(|found| (&*found.key, found.node_id)).collect();
                    assert_eq!(keys, [("g", node), ("h", node)]);
                    assert_eq!(answer.coordinators[0].error_code, code);
                }
            });
        }
    }
}

#[test]
fn producer_ids_come_from_the_core() {
    for version in 0..=5 {
        let mut world = World::new();
        let sent = world.send(version, &InitProducerIdRequest::default());
        world.answer(Outcome::Group(GroupReply::Producer(77))).expect("it goes on");
        world.expect::<InitProducerIdRequest<'_>, _>(version, sent, |answer| {
            assert_eq!(
                (answer.error_code, answer.producer_id, answer.producer_epoch),
                (ErrorCode::None, 77, 0)
            );
        });
        let request = InitProducerIdRequest { transactional_id: Some("tx"), ..Default::default() };
        let sent = world.send(version, &request);
        world.expect::<InitProducerIdRequest<'_>, _>(version, sent, |answer| {
            assert_eq!(answer.error_code, ErrorCode::UnsupportedVersion);
        });
    }
}

#[test]
fn the_cluster_is_one_broker() {
    for version in 0..=2 {
        let settings =
            KafkaSettings { advertised: Some(("kafka.example".into(), 1234)), ..Default::default() };
        let mut world = World::with(settings);
        let sent = world.send(version, &DescribeClusterRequest { endpoint_type: 1, ..Default::default() });
        world.expect::<DescribeClusterRequest, _>(version, sent, |answer| {
            assert_eq!((&*answer.cluster_id, answer.controller_id), ("stele", 1));
            assert_eq!((&*answer.brokers[0].host, answer.brokers[0].port), ("kafka.example", 1234));
        });
        if version > 0 {
            let sent =
                world.send(version, &DescribeClusterRequest { endpoint_type: 2, ..Default::default() });
            world.expect::<DescribeClusterRequest, _>(version, sent, |answer| {
                assert_eq!(answer.error_code, ErrorCode::MismatchedEndpointType);
            });
        }
    }
}

#[test]
fn brokers_and_odd_resources_are_described() {
    for version in 1..=4 {
        let mut world = World::new();
        let resource = |resource_type, resource_name| DescribeConfigsResource {
            resource_type,
            resource_name,
            configuration_keys: None,
        };
        let resources = vec![resource(4, "1"), resource(4, "2"), resource(8, "1"), resource(2, "missing")];
        let sent = world.send(version, &DescribeConfigsRequest { resources, ..Default::default() });
        world.answer_streams();
        world.expect::<DescribeConfigsRequest<'_>, _>(version, sent, |answer| {
            let codes: Vec<ErrorCode> = answer.results.iter().map(|result| result.error_code).collect();
            let expected = [
                ErrorCode::None,
                ErrorCode::InvalidRequest,
                ErrorCode::InvalidRequest,
                ErrorCode::UnknownTopicOrPartition,
            ];
            assert_eq!(codes, expected);
            assert!(answer.results[0].configs.iter().any(|entry| entry.name == "num.partitions"));
        });
    }
}

#[test]
fn nothing_is_reassigned() {
    let mut world = World::new();
    let sent = world.send(0, &ListPartitionReassignmentsRequest::default());
    world.expect::<ListPartitionReassignmentsRequest<'_>, _>(0, sent, |answer| assert_eq!(answer.topics, []));
}

#[test]
fn nothing_is_offered_that_is_not_handled() {
    for api in crate::codec::ApiKey::ALL {
        let offered = super::super::versions::ADVERTISED.contains(api);
        assert_eq!(offered, *api != crate::codec::ApiKey::OffsetForLeaderEpoch, "{api:?}");
    }
    let mut bytes = Vec::new();
    codec::encode_request(4, 1, None, &OffsetForLeaderEpochRequest::default(), &mut bytes);
    assert!(matches!(World::new().feed(&bytes), Err(Close::Protocol(_))));
}
