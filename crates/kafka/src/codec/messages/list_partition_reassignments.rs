//! ListPartitionReassignments v0. `kafka-topics --describe` asks each time; a single node answers with an empty list.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct ListPartitionReassignmentsRequest<'a> {
        /// Milliseconds that the broker may take.
        timeout_ms: i32 [..] = 60000,
        /// The topics asked for; null for all.
        topics: Option<Vec<ListPartitionReassignmentsTopics<'a>>> [..],
    }
}

wire_struct! {
    /// A topic asked for.
    pub struct ListPartitionReassignmentsTopics<'a> {
        /// Topic name.
        name: &'a str [..],
        /// Partitions.
        partition_indexes: Vec<i32> [..],
    }
}

wire_struct! {
    /// The answer.
    pub struct ListPartitionReassignmentsResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Words for the error, or null.
        error_message: Option<Cow<'a, str>> [..],
        /// The topics.
        topics: Vec<OngoingTopicReassignment<'a>> [..],
    }
}

wire_struct! {
    /// A topic on the move.
    pub struct OngoingTopicReassignment<'a> {
        /// Topic name.
        name: Cow<'a, str> [..],
        /// The partitions.
        partitions: Vec<OngoingPartitionReassignment> [..],
    }
}

wire_struct! {
    /// A partition on the move.
    pub struct OngoingPartitionReassignment {
        /// Partition.
        partition_index: i32 [..],
        /// Broker ids of the replicas.
        replicas: Vec<i32> [..],
        /// Broker ids on their way in.
        adding_replicas: Vec<i32> [..],
        /// Broker ids on their way out.
        removing_replicas: Vec<i32> [..],
    }
}
