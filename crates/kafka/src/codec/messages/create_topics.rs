//! CreateTopics v2-7. v4 takes -1 for partitions and replication (the broker's defaults), v5 is flexible and
//! returns configurations, v7 returns the topic id.

use std::borrow::Cow;

use crate::codec::fields::wire_struct;
use crate::codec::{ErrorCode, Uuid};

wire_struct! {
    /// A request.
    pub struct CreateTopicsRequest<'a> {
        /// The topics.
        topics: Vec<CreatableTopic<'a>> [..],
        /// Milliseconds that the broker may take.
        timeout_ms: i32 [..] = 60000,
        /// Whether to check only, and change nothing.
        validate_only: bool [..],
    }
}

wire_struct! {
    /// A topic to create.
    pub struct CreatableTopic<'a> {
        /// Topic name.
        name: &'a str [..],
        /// Number of partitions; -1 for the default.
        num_partitions: i32 [..],
        /// Replicas of each partition; -1 for the default.
        replication_factor: i16 [..],
        /// Assignments.
        assignments: Vec<CreatableReplicaAssignment> [..],
        /// Configuration entries.
        configs: Vec<CreatableTopicConfig<'a>> [..],
    }
}

wire_struct! {
    /// Replicas of a partition.
    pub struct CreatableReplicaAssignment {
        /// Partition.
        partition_index: i32 [..],
        /// Broker ids of the replicas, the preferred leader first.
        broker_ids: Vec<i32> [..],
    }
}

wire_struct! {
    /// A configuration entry.
    pub struct CreatableTopicConfig<'a> {
        /// Name of the entry.
        name: &'a str [..],
        /// Value, or null.
        value: Option<&'a str> [..],
    }
}

wire_struct! {
    /// The answer.
    pub struct CreateTopicsResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [..],
        /// The topics.
        topics: Vec<CreatableTopicResult<'a>> [..],
    }
}

wire_struct! {
    /// Result of a topic.
    pub struct CreatableTopicResult<'a> {
        /// Topic name.
        name: Cow<'a, str> [..],
        /// Topic id; zero where there is none.
        topic_id: Uuid [7..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Words for the error, or null.
        error_message: Option<Cow<'a, str>> [..],
        /// Why configurations are not shown.
        topic_config_error_code: ErrorCode [5..] tag 0,
        /// Number of partitions; -1 for the default.
        num_partitions: i32 [5..] = -1,
        /// Replicas of each partition; -1 for the default.
        replication_factor: i16 [5..] = -1,
        /// Configuration entries.
        configs: Option<Vec<CreatableTopicConfigs<'a>>> [5..],
    }
}

wire_struct! {
    /// A configuration entry as it came out.
    pub struct CreatableTopicConfigs<'a> {
        /// Name of the entry.
        name: Cow<'a, str> [5..],
        /// Value, or null.
        value: Option<Cow<'a, str>> [5..],
        /// Whether it cannot be changed.
        read_only: bool [5..],
        /// Where the value comes from: 1 topic, 2 broker (dynamic), 3 default broker (dynamic), 4 broker file,
        /// 5 default, 6 broker logger, 7 client metrics, 8 group; -1 unknown.
        config_source: i8 [5..] = -1,
        /// Whether the value is a secret, then null.
        is_sensitive: bool [5..],
    }
}
