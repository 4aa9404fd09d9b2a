//! The APIs and versions that the codec knows: one table, from which everything else follows.

use std::ops::RangeInclusive;

use super::messages::*;
use super::{Form, Reader, Wire, WireError};

/// A request's body. Its encoding is both sides': a broker reads it, a client writes it.
pub trait RequestBody<'a>: Wire<'a> {
    /// The API.
    const API: ApiKey;
    /// What answers it.
    type Response: ResponseBody<'a>;
}

/// A response's body.
pub trait ResponseBody<'a>: Wire<'a> {
    /// The API.
    const API: ApiKey;
}

macro_rules! apis {
    ($($name:ident = $key:literal, $low:literal..=$high:literal, flexible $flexible:literal,
       $request:ident $(<$rl:lifetime>)?, $response:ident $(<$sl:lifetime>)?;)*) => {
        /// An API that the codec knows.
        ///
        /// Known is not handled: what a broker advertises is its own list, see
        /// [`ApiVersionsResponse::advertising`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $(
                #[doc = concat!(stringify!($name), ", v", $low, " to v", $high, ".")]
                $name = $key,
            )*
        }

        impl ApiKey {
            /// All of them, by number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The API with a number.
            pub fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($key => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Versions that decode and encode.
            pub fn versions(self) -> RangeInclusive<i16> {
                match self {
                    $(Self::$name => $low..=$high,)*
                }
            }

            /// First version with compact lengths, tagged fields and the headers that go with them.
            pub fn flexible_from(self) -> i16 {
                match self {
                    $(Self::$name => $flexible,)*
                }
            }
        }

        /// A decoded request, borrowed from its frame.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(clippy::large_enum_variant, reason = "it lives on the stack, between decoding and handling")]
        pub enum Request<'a> {
            $(
                #[doc = concat!(stringify!($name), ".")]
                $name($request $(<$rl>)?),
            )*
        }

        impl<'a> Request<'a> {
            /// Reads the body of `api` at `version`, which must be one of [`ApiKey::versions`].
            pub fn read(api: ApiKey, version: i16, reader: &mut Reader<'a>) -> Result<Self, WireError> {
                let form = api.form(version);
                match api {
                    $(ApiKey::$name => $request::read(reader, form).map(Self::$name),)*
                }
            }
        }

        $(
            impl<'a> RequestBody<'a> for $request $(<$rl>)? {
                const API: ApiKey = ApiKey::$name;
                type Response = $response $(<$sl>)?;
            }

            impl<'a> ResponseBody<'a> for $response $(<$sl>)? {
                const API: ApiKey = ApiKey::$name;
            }
        )*

        /// Calls `$do!(Api, Request, Response)` for each API.
        #[allow(unused_macros, reason = "for tests and fuzz targets")]
        macro_rules! for_each_api {
            ($do:ident) => {
                $( $do!($name, $request, $response); )*
            };
        }
        #[allow(unused_imports, reason = "for tests and fuzz targets")]
        pub(crate) use for_each_api;
    };
}

// Where a range starts above 0, Apache Kafka 4 has dropped what lies below (KIP-896). InitProducerId v6 is
// unstable there.
apis! {
    Produce = 0, 3..=13, flexible 9, ProduceRequest<'a>, ProduceResponse<'a>;
    Fetch = 1, 4..=18, flexible 12, FetchRequest<'a>, FetchResponse<'a>;
    ListOffsets = 2, 1..=11, flexible 6, ListOffsetsRequest<'a>, ListOffsetsResponse<'a>;
    Metadata = 3, 0..=13, flexible 9, MetadataRequest<'a>, MetadataResponse<'a>;
    OffsetCommit = 8, 2..=10, flexible 8, OffsetCommitRequest<'a>, OffsetCommitResponse<'a>;
    OffsetFetch = 9, 1..=10, flexible 6, OffsetFetchRequest<'a>, OffsetFetchResponse<'a>;
    FindCoordinator = 10, 0..=6, flexible 3, FindCoordinatorRequest<'a>, FindCoordinatorResponse<'a>;
    JoinGroup = 11, 0..=9, flexible 6, JoinGroupRequest<'a>, JoinGroupResponse<'a>;
    Heartbeat = 12, 0..=4, flexible 4, HeartbeatRequest<'a>, HeartbeatResponse;
    LeaveGroup = 13, 0..=5, flexible 4, LeaveGroupRequest<'a>, LeaveGroupResponse<'a>;
    SyncGroup = 14, 0..=5, flexible 4, SyncGroupRequest<'a>, SyncGroupResponse<'a>;
    DescribeGroups = 15, 0..=6, flexible 5, DescribeGroupsRequest<'a>, DescribeGroupsResponse<'a>;
    ListGroups = 16, 0..=5, flexible 3, ListGroupsRequest<'a>, ListGroupsResponse<'a>;
    ApiVersions = 18, 0..=4, flexible 3, ApiVersionsRequest<'a>, ApiVersionsResponse<'a>;
    CreateTopics = 19, 2..=7, flexible 5, CreateTopicsRequest<'a>, CreateTopicsResponse<'a>;
    DeleteTopics = 20, 1..=6, flexible 4, DeleteTopicsRequest<'a>, DeleteTopicsResponse<'a>;
    DeleteRecords = 21, 0..=2, flexible 2, DeleteRecordsRequest<'a>, DeleteRecordsResponse<'a>;
    InitProducerId = 22, 0..=5, flexible 2, InitProducerIdRequest<'a>, InitProducerIdResponse;
    OffsetForLeaderEpoch = 23, 2..=4, flexible 4, OffsetForLeaderEpochRequest<'a>, OffsetForLeaderEpochResponse<'a>;
    DescribeConfigs = 32, 1..=4, flexible 4, DescribeConfigsRequest<'a>, DescribeConfigsResponse<'a>;
    CreatePartitions = 37, 0..=3, flexible 2, CreatePartitionsRequest<'a>, CreatePartitionsResponse<'a>;
    DeleteGroups = 42, 0..=2, flexible 2, DeleteGroupsRequest<'a>, DeleteGroupsResponse<'a>;
    ListPartitionReassignments = 46, 0..=0, flexible 0,
        ListPartitionReassignmentsRequest<'a>, ListPartitionReassignmentsResponse<'a>;
    DescribeCluster = 60, 0..=2, flexible 0, DescribeClusterRequest, DescribeClusterResponse<'a>;
}

impl ApiKey {
    /// The number on the wire.
    pub fn code(self) -> i16 {
        self as i16
    }

    /// Versions to name in ApiVersions. Produce says 0 though 3 is the lowest: older librdkafka stops to
    /// compress otherwise, silently (KAFKA-18659).
    pub fn advertised(self) -> RangeInclusive<i16> {
        match self {
            Self::Produce => 0..=*self.versions().end(),
            _ => self.versions(),
        }
    }

    /// Whether messages at `version` have compact lengths and tagged fields.
    pub fn is_flexible(self, version: i16) -> bool {
        version >= self.flexible_from()
    }

    /// The form of a message body at `version`.
    pub fn form(self, version: i16) -> Form {
        Form { version, flexible: self.is_flexible(version), nullable: true }
    }
}
