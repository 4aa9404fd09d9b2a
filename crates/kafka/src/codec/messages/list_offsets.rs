//! ListOffsets v1-11. Offsets by time: -1 latest, -2 earliest, -3 highest timestamp (v7), -4 and -5 about tiered
//! storage (v8, v9), -6 pending upload (v11). v6 is flexible.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct ListOffsetsRequest<'a> {
        /// Broker id of a replica; -1 from clients.
        replica_id: i32 [..],
        /// 0 reads uncommitted records, 1 committed ones only.
        isolation_level: i8 [2..],
        /// The topics.
        topics: Vec<ListOffsetsTopic<'a>> [..],
        /// Milliseconds that the broker may take.
        timeout_ms: i32 [10..],
    }
}

wire_struct! {
    /// A topic to look up.
    pub struct ListOffsetsTopic<'a> {
        /// Topic name.
        name: &'a str [..],
        /// The partitions.
        partitions: Vec<ListOffsetsPartition> [..],
    }
}

wire_struct! {
    /// A partition to look up.
    pub struct ListOffsetsPartition {
        /// Partition.
        partition_index: i32 [..],
        /// Leader epoch as the client knows it, or -1: then it is not checked.
        current_leader_epoch: i32 [4..] = -1,
        /// Milliseconds since 1970, or one of the negative names.
        timestamp: i64 [..],
    }
}

wire_struct! {
    /// The answer.
    pub struct ListOffsetsResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [2..],
        /// One result per topic.
        topics: Vec<ListOffsetsTopicResponse<'a>> [..],
    }
}

wire_struct! {
    /// Results of a topic.
    pub struct ListOffsetsTopicResponse<'a> {
        /// Topic name.
        name: Cow<'a, str> [..],
        /// The partitions.
        partitions: Vec<ListOffsetsPartitionResponse> [..],
    }
}

wire_struct! {
    /// Result of a partition.
    pub struct ListOffsetsPartitionResponse {
        /// Partition.
        partition_index: i32 [..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Milliseconds since 1970, or -1.
        timestamp: i64 [..] = -1,
        /// Offset, or -1.
        offset: i64 [..] = -1,
        /// Leader epoch, or -1.
        leader_epoch: i32 [4..] = -1,
    }
}
