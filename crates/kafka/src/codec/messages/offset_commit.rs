//! OffsetCommit v2-10. v5 drops the retention field, v7 adds the static member, v8 is flexible, v9 allows member
//! epochs (KIP-848), v10 names topics by id alone.

use std::borrow::Cow;

use crate::codec::fields::wire_struct;
use crate::codec::{ErrorCode, Uuid};

wire_struct! {
    /// A request.
    pub struct OffsetCommitRequest<'a> {
        /// Group id.
        group_id: &'a str [..],
        /// Generation of a classic group or epoch of a member (KIP-848), or -1 outside of groups.
        generation_id_or_member_epoch: i32 [..] = -1,
        /// Member id, given by the coordinator; empty before the first join.
        member_id: &'a str [..],
        /// Id of a static member (KIP-345), or null.
        group_instance_id: Option<&'a str> [7..],
        /// Milliseconds to keep the offset; -1 for the default.
        retention_time_ms: i64 [..=4] = -1,
        /// The topics.
        topics: Vec<OffsetCommitRequestTopic<'a>> [..],
    }
}

wire_struct! {
    /// A topic to commit.
    pub struct OffsetCommitRequestTopic<'a> {
        /// Topic name.
        name: &'a str [..=9],
        /// Topic id; zero where there is none.
        topic_id: Uuid [10..],
        /// The partitions.
        partitions: Vec<OffsetCommitRequestPartition<'a>> [..],
    }
}

wire_struct! {
    /// A partition to commit.
    pub struct OffsetCommitRequestPartition<'a> {
        /// Partition.
        partition_index: i32 [..],
        /// Committed offset; -1 for none.
        committed_offset: i64 [..],
        /// Leader epoch of the record before the committed offset, or -1.
        committed_leader_epoch: i32 [6..] = -1,
        /// The client's note on the commit, or null.
        committed_metadata: Option<&'a str> [..],
    }
}

wire_struct! {
    /// The answer.
    pub struct OffsetCommitResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [3..],
        /// The topics.
        topics: Vec<OffsetCommitResponseTopic<'a>> [..],
    }
}

wire_struct! {
    /// Results of a topic.
    pub struct OffsetCommitResponseTopic<'a> {
        /// Topic name.
        name: Cow<'a, str> [..=9],
        /// Topic id; zero where there is none.
        topic_id: Uuid [10..],
        /// The partitions.
        partitions: Vec<OffsetCommitResponsePartition> [..],
    }
}

wire_struct! {
    /// Result of a partition.
    pub struct OffsetCommitResponsePartition {
        /// Partition.
        partition_index: i32 [..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
    }
}
