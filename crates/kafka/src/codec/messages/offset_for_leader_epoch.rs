//! OffsetForLeaderEpoch v2-4. Where an epoch ended, for clients that check for truncation. v4 is flexible.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct OffsetForLeaderEpochRequest<'a> {
        /// Broker id of a replica; -1 from clients.
        replica_id: i32 [3..] = -2,
        /// The topics.
        topics: Vec<OffsetForLeaderTopic<'a>> [..],
    }
}

wire_struct! {
    /// A topic asked for.
    pub struct OffsetForLeaderTopic<'a> {
        /// Topic name.
        topic: &'a str [..],
        /// The partitions.
        partitions: Vec<OffsetForLeaderPartition> [..],
    }
}

wire_struct! {
    /// A partition asked for.
    pub struct OffsetForLeaderPartition {
        /// Partition.
        partition: i32 [..],
        /// Leader epoch as the client knows it, or -1: then it is not checked.
        current_leader_epoch: i32 [..] = -1,
        /// Leader epoch, or -1.
        leader_epoch: i32 [..],
    }
}

wire_struct! {
    /// The answer.
    pub struct OffsetForLeaderEpochResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [..],
        /// The topics.
        topics: Vec<OffsetForLeaderTopicResult<'a>> [..],
    }
}

wire_struct! {
    /// Results of a topic.
    pub struct OffsetForLeaderTopicResult<'a> {
        /// Topic name.
        topic: Cow<'a, str> [..],
        /// The partitions.
        partitions: Vec<OffsetForLeaderResult> [..],
    }
}

wire_struct! {
    /// Where a leader epoch ended.
    pub struct OffsetForLeaderResult {
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Partition.
        partition: i32 [..],
        /// Leader epoch, or -1.
        leader_epoch: i32 [..] = -1,
        /// Offset after the last one of the epoch, or -1.
        end_offset: i64 [..] = -1,
    }
}
