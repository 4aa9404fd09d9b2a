//! ApiVersions: what is offered.

use super::call::Call;
use crate::codec::messages::{ApiVersionsRequest, ApiVersionsResponse};
use crate::codec::{ApiKey, ErrorCode};

/// What is offered, all of it fully handled, by number.
pub(super) const ADVERTISED: &[ApiKey] = &[
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
    ApiKey::DescribeGroups,
    ApiKey::ListGroups,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::DeleteRecords,
    ApiKey::InitProducerId,
    ApiKey::DescribeConfigs,
    ApiKey::CreatePartitions,
    ApiKey::DeleteGroups,
    ApiKey::ListPartitionReassignments,
    ApiKey::DescribeCluster,
];

pub(super) fn handle(call: &mut Call<'_, '_, '_>, request: &ApiVersionsRequest<'_>) {
    let mut answer = ApiVersionsResponse::advertising(ADVERTISED);
    let named = [request.client_software_name, request.client_software_version];
    if call.version() >= 3 && !named.into_iter().all(is_software_name) {
        answer = ApiVersionsResponse { error_code: ErrorCode::InvalidRequest, ..Default::default() };
    }
    call.respond(&answer);
}

/// Letters, digits, `-` and `.`, neither of the two at an end (KIP-511).
fn is_software_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    outer(bytes.first()) && outer(bytes.last()) && bytes.iter().copied().all(inner)
}

#[test]
fn software_names_follow_the_rule() {
    for (name, good) in [
        ("apache-kafka-java", true),
        ("4.3.1", true),
        ("a", true),
        ("", false),
        ("-a", false),
        ("a.", false),
        ("a b", false),
    ] {
        assert_eq!(is_software_name(name), good, "{name}");
    }
}
