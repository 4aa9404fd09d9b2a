//! Fetch v4-18. Reads record batches, waiting for bytes. v7 adds fetch sessions (KIP-227), v10 allows zstd,
//! v12 is flexible, v13 names topics by id alone, v15 moves the replica into a tagged field.

use std::borrow::Cow;

use crate::codec::fields::wire_struct;
use crate::codec::{ErrorCode, RecordBytes, Uuid};

wire_struct! {
    /// A request.
    pub struct FetchRequest<'a> {
        /// Cluster id, or null.
        cluster_id: Option<&'a str> [12..] tag 0,
        /// Broker id of a replica; -1 from clients.
        replica_id: i32 [..=14] = -1,
        /// The replica; clients leave it out.
        replica_state: FetchReplicaState [15..] tag 1,
        /// Milliseconds to wait for `min_bytes`.
        max_wait_ms: i32 [..],
        /// Bytes to wait for.
        min_bytes: i32 [..],
        /// Bytes to return at most, though one batch comes in any case.
        max_bytes: i32 [..] = i32::MAX,
        /// 0 reads uncommitted records, 1 committed ones only.
        isolation_level: i8 [..],
        /// Fetch session (KIP-227); 0 for none.
        session_id: i32 [7..],
        /// 0 opens a session, -1 closes it or says none, others go on.
        session_epoch: i32 [7..] = -1,
        /// The topics.
        topics: Vec<FetchTopic<'a>> [..],
        /// What the fetch session shall drop.
        forgotten_topics_data: Vec<ForgottenTopic<'a>> [7..],
        /// The consumer's rack; empty for none.
        rack_id: &'a str [11..],
    }
}

wire_struct! {
    /// A replica that fetches.
    pub struct FetchReplicaState {
        /// Broker id of a replica; -1 from clients.
        replica_id: i32 [15..] = -1,
        /// Epoch of the replica, or -1.
        replica_epoch: i64 [15..] = -1,
    }
}

wire_struct! {
    /// A topic to read.
    pub struct FetchTopic<'a> {
        /// Topic name.
        topic: &'a str [..=12],
        /// Topic id; zero where there is none.
        topic_id: Uuid [13..],
        /// The partitions.
        partitions: Vec<FetchPartition> [..],
    }
}

wire_struct! {
    /// A partition to read.
    pub struct FetchPartition {
        /// Partition.
        partition: i32 [..],
        /// Leader epoch as the client knows it, or -1: then it is not checked.
        current_leader_epoch: i32 [9..] = -1,
        /// First offset wanted.
        fetch_offset: i64 [..],
        /// Leader epoch of the last record that the client has, or -1.
        last_fetched_epoch: i32 [12..] = -1,
        /// First offset of the log, or -1.
        log_start_offset: i64 [5..] = -1,
        /// Bytes to return at most, though one batch comes in any case.
        partition_max_bytes: i32 [..],
        /// Directory of the replica; clients leave it out.
        replica_directory_id: Uuid [17..] tag 0,
        /// High watermark that the client knows.
        high_watermark: i64 [18..] tag 1 = i64::MAX,
    }
}

wire_struct! {
    /// Partitions to drop from a fetch session.
    pub struct ForgottenTopic<'a> {
        /// Topic name.
        topic: &'a str [7..=12],
        /// Topic id; zero where there is none.
        topic_id: Uuid [13..],
        /// The partitions.
        partitions: Vec<i32> [7..],
    }
}

wire_struct! {
    /// The answer.
    pub struct FetchResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [7..],
        /// Fetch session (KIP-227); 0 for none.
        session_id: i32 [7..],
        /// One result per topic.
        responses: Vec<FetchTopicResponse<'a>> [..],
        /// Addresses of the brokers named as current leaders.
        node_endpoints: Vec<FetchNodeEndpoint<'a>> [16..] tag 0,
    }
}

wire_struct! {
    /// Records of a topic.
    pub struct FetchTopicResponse<'a> {
        /// Topic name.
        topic: Cow<'a, str> [..=12],
        /// Topic id; zero where there is none.
        topic_id: Uuid [13..],
        /// The partitions.
        partitions: Vec<FetchPartitionResponse<'a>> [..],
    }
}

wire_struct! {
    /// Records of a partition.
    pub struct FetchPartitionResponse<'a> {
        /// Partition.
        partition_index: i32 [..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Offset after the last record that may be read.
        high_watermark: i64 [..],
        /// First offset of the oldest open transaction, or the high watermark.
        last_stable_offset: i64 [..] = -1,
        /// First offset of the log, or -1.
        log_start_offset: i64 [5..] = -1,
        /// Where the client's log parts from ours.
        diverging_epoch: FetchDivergingEpoch [12..] tag 0,
        /// The leader, when the client asked the wrong one.
        current_leader: FetchLeader [12..] tag 1,
        /// Snapshot to fetch; for controllers only.
        snapshot_id: FetchSnapshotId [12..] tag 2,
        /// Aborted transactions in the range, for committed reads; null is read as none.
        aborted_transactions: Option<Vec<AbortedTransaction>> [..],
        /// Broker to read from instead, or -1.
        preferred_read_replica: i32 [11..] = -1,
        /// Record batches.
        records: RecordBytes<'a> [..],
    }
}

wire_struct! {
    /// Where a leader epoch ended.
    pub struct FetchDivergingEpoch {
        /// Leader epoch, or -1.
        epoch: i32 [12..] = -1,
        /// Offset after the last one of the epoch, or -1.
        end_offset: i64 [12..] = -1,
    }
}

wire_struct! {
    /// A partition's leader.
    pub struct FetchLeader {
        /// Broker id of the leader, or -1.
        leader_id: i32 [12..] = -1,
        /// Leader epoch, or -1.
        leader_epoch: i32 [12..] = -1,
    }
}

wire_struct! {
    /// A snapshot.
    pub struct FetchSnapshotId {
        /// End of the snapshot, or -1.
        end_offset: i64 [..] = -1,
        /// Epoch of the snapshot, or -1.
        epoch: i32 [..] = -1,
    }
}

wire_struct! {
    /// An aborted transaction.
    pub struct AbortedTransaction {
        /// Producer id, or -1.
        producer_id: i64 [..],
        /// First offset of the transaction.
        first_offset: i64 [..],
    }
}

wire_struct! {
    /// Address of a broker.
    pub struct FetchNodeEndpoint<'a> {
        /// Broker id.
        node_id: i32 [16..],
        /// Host name or address.
        host: Cow<'a, str> [16..],
        /// Port.
        port: i32 [16..],
        /// Rack, or null.
        rack: Option<Cow<'a, str>> [16..],
    }
}
