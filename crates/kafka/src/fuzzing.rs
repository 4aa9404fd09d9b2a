//! Fuzz targets as plain functions: the fuzzer and the ordinary tests call the same ones.
//!
//! A decoder's target reads a version from the first byte and a message from the rest. What decodes must
//! encode, and that must decode to the same value.

mod grow;
mod session;

pub use session::fuzz_session;

use crate::codec::messages::*;
use crate::codec::{self, ApiKey, Form, Reader, Wire, Writer};

/// A fuzz target.
pub type Target = fn(&[u8]);

macro_rules! list {
    ($(($api:ident, $request:ident, $response:ident, $fuzz_request:ident, $fuzz_response:ident))*) => {
        /// All targets with their names.
        pub const TARGETS: &[(&str, Target)] = &[
            ("fuzz_split", fuzz_split),
            ("fuzz_request", fuzz_request),
            ("fuzz_session", fuzz_session),
            $(
                (stringify!($fuzz_request), $fuzz_request),
                (stringify!($fuzz_response), $fuzz_response),
            )*
        ];

        /// Inputs to start from: for each message one of its oldest and one of its newest version, written by this codec.
        pub fn message_seeds() -> Vec<(&'static str, Vec<u8>)> {
            let mut seeds = Vec::new();
            $(
                for version in ends(ApiKey::$api) {
                    let form = ApiKey::$api.form(version);
                    let first = (version - ApiKey::$api.versions().start()) as u8;
                    let noises: Vec<Vec<u8>> = grow::noises().collect();
                    let default = written(&$request::default(), form);
                    let request = grow::largest(default, &noises, |noise| {
                        $request::read(&mut Reader::new(noise), form).ok().map(|value| written(&value, form))
                    });
                    seeds.push((stringify!($fuzz_request), [vec![first], request].concat()));
                    let default = written(&$response::default(), form);
                    let response = grow::largest(default, &noises, |noise| {
                        $response::read(&mut Reader::new(noise), form).ok().map(|value| written(&value, form))
                    });
                    seeds.push((stringify!($fuzz_response), [vec![first], response].concat()));
                }
            )*
            seeds
        }

        /// A request of each API at its newest version, framed.
        pub fn request_seeds() -> Vec<(&'static str, Vec<u8>)> {
            let noises: Vec<Vec<u8>> = grow::noises().collect();
            vec![$({
                let [_, version] = ends(ApiKey::$api);
                let form = ApiKey::$api.form(version);
                let default = written(&$request::default(), form);
                let body = grow::largest(default, &noises, |noise| {
                    $request::read(&mut Reader::new(noise), form).ok().map(|value| written(&value, form))
                });
                let mut frame = Vec::new();
                if let Ok(request) = $request::read(&mut Reader::new(&body), form) {
                    codec::encode_request(version, 7, Some("seed"), &request, &mut frame);
                }
                (stringify!($api), frame)
            }),*]
        }

        $(
            #[doc = concat!("Reads ", stringify!($request), ".")]
            pub fn $fuzz_request(data: &[u8]) {
                with_version(ApiKey::$api, data, |body, form| {
                    if let Ok(value) = $request::read(&mut Reader::new(body), form) {
                        let bytes = written(&value, form);
                        assert_eq!($request::read(&mut Reader::new(&bytes), form), Ok(value));
                    }
                });
            }

            #[doc = concat!("Reads ", stringify!($response), ".")]
            pub fn $fuzz_response(data: &[u8]) {
                with_version(ApiKey::$api, data, |body, form| {
                    if let Ok(value) = $response::read(&mut Reader::new(body), form) {
                        let bytes = written(&value, form);
                        assert_eq!($response::read(&mut Reader::new(&bytes), form), Ok(value));
                    }
                });
            }
        )*
    };
}

list! {
    (Produce, ProduceRequest, ProduceResponse, fuzz_produce_request, fuzz_produce_response)
    (Fetch, FetchRequest, FetchResponse, fuzz_fetch_request, fuzz_fetch_response)
    (ListOffsets, ListOffsetsRequest, ListOffsetsResponse, fuzz_list_offsets_request, fuzz_list_offsets_response)
    (Metadata, MetadataRequest, MetadataResponse, fuzz_metadata_request, fuzz_metadata_response)
    (OffsetCommit, OffsetCommitRequest, OffsetCommitResponse, fuzz_offset_commit_request, fuzz_offset_commit_response)
    (OffsetFetch, OffsetFetchRequest, OffsetFetchResponse, fuzz_offset_fetch_request, fuzz_offset_fetch_response)
    (FindCoordinator, FindCoordinatorRequest, FindCoordinatorResponse, fuzz_find_coordinator_request, fuzz_find_coordinator_response)
    (JoinGroup, JoinGroupRequest, JoinGroupResponse, fuzz_join_group_request, fuzz_join_group_response)
    (Heartbeat, HeartbeatRequest, HeartbeatResponse, fuzz_heartbeat_request, fuzz_heartbeat_response)
    (LeaveGroup, LeaveGroupRequest, LeaveGroupResponse, fuzz_leave_group_request, fuzz_leave_group_response)
    (SyncGroup, SyncGroupRequest, SyncGroupResponse, fuzz_sync_group_request, fuzz_sync_group_response)
    (DescribeGroups, DescribeGroupsRequest, DescribeGroupsResponse, fuzz_describe_groups_request, fuzz_describe_groups_response)
    (ListGroups, ListGroupsRequest, ListGroupsResponse, fuzz_list_groups_request, fuzz_list_groups_response)
    (ApiVersions, ApiVersionsRequest, ApiVersionsResponse, fuzz_api_versions_request, fuzz_api_versions_response)
    (CreateTopics, CreateTopicsRequest, CreateTopicsResponse, fuzz_create_topics_request, fuzz_create_topics_response)
    (DeleteTopics, DeleteTopicsRequest, DeleteTopicsResponse, fuzz_delete_topics_request, fuzz_delete_topics_response)
    (DeleteRecords, DeleteRecordsRequest, DeleteRecordsResponse, fuzz_delete_records_request, fuzz_delete_records_response)
    (InitProducerId, InitProducerIdRequest, InitProducerIdResponse, fuzz_init_producer_id_request, fuzz_init_producer_id_response)
    (OffsetForLeaderEpoch, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, fuzz_offset_for_leader_epoch_request, fuzz_offset_for_leader_epoch_response)
    (DescribeConfigs, DescribeConfigsRequest, DescribeConfigsResponse, fuzz_describe_configs_request, fuzz_describe_configs_response)
    (CreatePartitions, CreatePartitionsRequest, CreatePartitionsResponse, fuzz_create_partitions_request, fuzz_create_partitions_response)
    (DeleteGroups, DeleteGroupsRequest, DeleteGroupsResponse, fuzz_delete_groups_request, fuzz_delete_groups_response)
    (ListPartitionReassignments, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, fuzz_list_partition_reassignments_request, fuzz_list_partition_reassignments_response)
    (DescribeCluster, DescribeClusterRequest, DescribeClusterResponse, fuzz_describe_cluster_request, fuzz_describe_cluster_response)
}

/// Splits frames.
pub fn fuzz_split(data: &[u8]) {
    if let Ok(codec::Split::Whole { frame, consumed }) = codec::split(data, 1 << 20) {
        assert_eq!(frame.len() + codec::FRAME_PREFIX_BYTES, consumed);
        assert!(consumed <= data.len());
    }
}

/// Reads a whole request: header and body, as a broker does.
pub fn fuzz_request(data: &[u8]) {
    if let Ok((header, _)) = codec::decode_request(data) {
        assert!(header.api.versions().contains(&header.version));
    }
}

/// The oldest and the newest version.
fn ends(api: ApiKey) -> [i16; 2] {
    [*api.versions().start(), *api.versions().end()]
}

/// Takes the version from the first byte; others than the API has wrap around.
fn with_version(api: ApiKey, data: &[u8], check: impl FnOnce(&[u8], Form)) {
    let Some((first, body)) = data.split_first() else { return };
    let (low, high) = (*api.versions().start(), *api.versions().end());
    check(body, api.form(low + i16::from(*first) % (high - low + 1)));
}

fn written<'a>(value: &impl Wire<'a>, form: Form) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write(&mut Writer::new(&mut bytes), form);
    bytes
}
