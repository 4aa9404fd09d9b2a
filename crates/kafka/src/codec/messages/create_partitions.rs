//! CreatePartitions v0-3. v2 is flexible.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct CreatePartitionsRequest<'a> {
        /// The topics.
        topics: Vec<CreatePartitionsTopic<'a>> [..],
        /// Milliseconds that the broker may take.
        timeout_ms: i32 [..],
        /// Whether to check only, and change nothing.
        validate_only: bool [..],
    }
}

wire_struct! {
    /// A topic to grow.
    pub struct CreatePartitionsTopic<'a> {
        /// Topic name.
        name: &'a str [..],
        /// Number of partitions wanted in all.
        count: i32 [..],
        /// Replicas of the new partitions; null lets the broker choose.
        assignments: Option<Vec<CreatePartitionsAssignment>> [..],
    }
}

wire_struct! {
    /// Replicas of a new partition.
    pub struct CreatePartitionsAssignment {
        /// Broker ids of the replicas, the preferred leader first.
        broker_ids: Vec<i32> [..],
    }
}

wire_struct! {
    /// The answer.
    pub struct CreatePartitionsResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [..],
        /// One result for each thing asked.
        results: Vec<CreatePartitionsTopicResult<'a>> [..],
    }
}

wire_struct! {
    /// Result of a topic.
    pub struct CreatePartitionsTopicResult<'a> {
        /// Topic name.
        name: Cow<'a, str> [..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Words for the error, or null.
        error_message: Option<Cow<'a, str>> [..],
    }
}
