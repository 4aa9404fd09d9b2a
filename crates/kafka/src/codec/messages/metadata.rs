//! Metadata v0-13. Brokers and topics. v0 says all topics by an empty list, later versions by null. v9 is
//! flexible, v10 adds topic ids, v12 lets a name be null, v13 adds an error for the whole answer.

use std::borrow::Cow;

use crate::codec::fields::wire_struct;
use crate::codec::{ErrorCode, Uuid};

wire_struct! {
    /// A request.
    pub struct MetadataRequest<'a> {
        /// The topics asked for: all when null, and in v0 when empty; none when empty later.
        topics: Option<Vec<MetadataRequestTopic<'a>>> [..] null [1..],
        /// Whether topics may be created that do not exist.
        allow_auto_topic_creation: bool [4..] = true,
        /// Whether to tell the client's rights on the cluster.
        include_cluster_authorized_operations: bool [8..=10],
        /// Whether to tell the client's rights on each topic.
        include_topic_authorized_operations: bool [8..],
    }
}

wire_struct! {
    /// A topic asked for.
    pub struct MetadataRequestTopic<'a> {
        /// Topic id; zero where there is none.
        topic_id: Uuid [10..],
        /// Topic name, or null when asked by id.
        name: Option<&'a str> [..] null [10..],
    }
}

wire_struct! {
    /// The answer.
    pub struct MetadataResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [3..],
        /// The brokers.
        brokers: Vec<MetadataResponseBroker<'a>> [..],
        /// Cluster id, or null.
        cluster_id: Option<Cow<'a, str>> [2..],
        /// Broker id of the controller, or -1.
        controller_id: i32 [1..] = -1,
        /// The topics.
        topics: Vec<MetadataResponseTopic<'a>> [..],
        /// Rights on the cluster as bits; i32::MIN when not asked for.
        cluster_authorized_operations: i32 [8..=10] = i32::MIN,
        /// Zero, or what went wrong.
        error_code: ErrorCode [13..],
    }
}

wire_struct! {
    /// A broker.
    pub struct MetadataResponseBroker<'a> {
        /// Broker id.
        node_id: i32 [..],
        /// Host name or address.
        host: Cow<'a, str> [..],
        /// Port.
        port: i32 [..],
        /// Rack, or null.
        rack: Option<Cow<'a, str>> [1..],
    }
}

wire_struct! {
    /// A topic.
    pub struct MetadataResponseTopic<'a> {
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Topic name, or null when only the id is known.
        name: Option<Cow<'a, str>> [..] null [12..],
        /// Topic id; zero where there is none.
        topic_id: Uuid [10..],
        /// Whether the topic is internal to the broker.
        is_internal: bool [1..],
        /// The partitions.
        partitions: Vec<MetadataResponsePartition> [..],
        /// Rights on the topic as bits; i32::MIN when not asked for.
        topic_authorized_operations: i32 [8..] = i32::MIN,
    }
}

wire_struct! {
    /// A partition.
    pub struct MetadataResponsePartition {
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Partition.
        partition_index: i32 [..],
        /// Broker id of the leader, or -1.
        leader_id: i32 [..],
        /// Leader epoch, or -1.
        leader_epoch: i32 [7..] = -1,
        /// Broker ids of the replicas.
        replica_nodes: Vec<i32> [..],
        /// Broker ids of the replicas in sync.
        isr_nodes: Vec<i32> [..],
        /// Broker ids of replicas that are offline.
        offline_replicas: Vec<i32> [5..],
    }
}
