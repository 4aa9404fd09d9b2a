//! OffsetFetch v1-10. v2 lets null mean all topics, v6 is flexible, v7 can ask for stable offsets, v8 asks for
//! several groups, v9 adds the member (KIP-848), v10 names topics by id alone.

use std::borrow::Cow;

use crate::codec::fields::wire_struct;
use crate::codec::{ErrorCode, Uuid};

wire_struct! {
    /// A request.
    pub struct OffsetFetchRequest<'a> {
        /// Group id.
        group_id: &'a str [..=7],
        /// The topics asked for; null for all.
        topics: Option<Vec<OffsetFetchRequestTopic<'a>>> [..=7] null [2..=7],
        /// The groups.
        groups: Vec<OffsetFetchRequestGroup<'a>> [8..],
        /// Whether to wait for offsets of open transactions.
        require_stable: bool [7..],
    }
}

wire_struct! {
    /// A topic asked for, until v7.
    pub struct OffsetFetchRequestTopic<'a> {
        /// Topic name.
        name: &'a str [..=7],
        /// Partitions.
        partition_indexes: Vec<i32> [..=7],
    }
}

wire_struct! {
    /// A group asked for.
    pub struct OffsetFetchRequestGroup<'a> {
        /// Group id.
        group_id: &'a str [8..],
        /// Member id, given by the coordinator; empty before the first join.
        member_id: Option<&'a str> [9..],
        /// Member epoch (KIP-848), or -1.
        member_epoch: i32 [9..] = -1,
        /// The topics asked for; null for all.
        topics: Option<Vec<OffsetFetchRequestTopics<'a>>> [8..],
    }
}

wire_struct! {
    /// A topic asked for, from v8 on.
    pub struct OffsetFetchRequestTopics<'a> {
        /// Topic name.
        name: &'a str [8..=9],
        /// Topic id; zero where there is none.
        topic_id: Uuid [10..],
        /// Partitions.
        partition_indexes: Vec<i32> [8..],
    }
}

wire_struct! {
    /// The answer.
    pub struct OffsetFetchResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [3..],
        /// The topics.
        topics: Vec<OffsetFetchResponseTopic<'a>> [..=7],
        /// Zero, or what went wrong.
        error_code: ErrorCode [2..=7],
        /// The groups.
        groups: Vec<OffsetFetchResponseGroup<'a>> [8..],
    }
}

wire_struct! {
    /// Offsets of a topic, until v7.
    pub struct OffsetFetchResponseTopic<'a> {
        /// Topic name.
        name: Cow<'a, str> [..=7],
        /// The partitions.
        partitions: Vec<OffsetFetchResponsePartition<'a>> [..=7],
    }
}

wire_struct! {
    /// Offset of a partition, until v7.
    pub struct OffsetFetchResponsePartition<'a> {
        /// Partition.
        partition_index: i32 [..=7],
        /// Committed offset; -1 for none.
        committed_offset: i64 [..=7],
        /// Leader epoch of the record before the committed offset, or -1.
        committed_leader_epoch: i32 [5..=7] = -1,
        /// The client's note on the commit, or null.
        metadata: Option<Cow<'a, str>> [..=7],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..=7],
    }
}

wire_struct! {
    /// Offsets of a group.
    pub struct OffsetFetchResponseGroup<'a> {
        /// Group id.
        group_id: Cow<'a, str> [8..],
        /// The topics.
        topics: Vec<OffsetFetchResponseTopics<'a>> [8..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [8..],
    }
}

wire_struct! {
    /// Offsets of a topic, from v8 on.
    pub struct OffsetFetchResponseTopics<'a> {
        /// Topic name.
        name: Cow<'a, str> [8..=9],
        /// Topic id; zero where there is none.
        topic_id: Uuid [10..],
        /// The partitions.
        partitions: Vec<OffsetFetchResponsePartitions<'a>> [8..],
    }
}

wire_struct! {
    /// Offset of a partition, from v8 on.
    pub struct OffsetFetchResponsePartitions<'a> {
        /// Partition.
        partition_index: i32 [8..],
        /// Committed offset; -1 for none.
        committed_offset: i64 [8..],
        /// Leader epoch of the record before the committed offset, or -1.
        committed_leader_epoch: i32 [8..] = -1,
        /// The client's note on the commit, or null.
        metadata: Option<Cow<'a, str>> [8..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [8..],
    }
}
