//! Produce v3-13. Appends one batch per partition. v7 allows zstd, v8 adds errors per record, v9 is flexible,
//! v12 is what transaction version 2 needs, v13 names topics by id alone. `acks` 0 is never answered.

use std::borrow::Cow;

use crate::codec::fields::wire_struct;
use crate::codec::{ErrorCode, Uuid};

wire_struct! {
    /// A request.
    pub struct ProduceRequest<'a> {
        /// Transactional id, or null.
        transactional_id: Option<&'a str> [..],
        /// 0 for no answer at all, 1 or -1 for an answer once the records are durable.
        acks: i16 [..],
        /// Milliseconds that the broker may take.
        timeout_ms: i32 [..],
        /// The topics.
        topic_data: Vec<TopicProduceData<'a>> [..],
    }
}

wire_struct! {
    /// A topic to append to.
    pub struct TopicProduceData<'a> {
        /// Topic name.
        name: &'a str [..=12],
        /// Topic id; zero where there is none.
        topic_id: Uuid [13..],
        /// The partitions.
        partition_data: Vec<PartitionProduceData<'a>> [..],
    }
}

wire_struct! {
    /// A partition to append to.
    pub struct PartitionProduceData<'a> {
        /// Partition.
        index: i32 [..],
        /// One record batch; null is refused by a broker.
        records: Option<&'a [u8]> [..],
    }
}

wire_struct! {
    /// The answer.
    pub struct ProduceResponse<'a> {
        /// One result per topic.
        responses: Vec<TopicProduceResponse<'a>> [..],
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [..],
        /// Addresses of the brokers named as current leaders.
        node_endpoints: Vec<ProduceNodeEndpoint<'a>> [10..] tag 0,
    }
}

wire_struct! {
    /// Results of a topic.
    pub struct TopicProduceResponse<'a> {
        /// Topic name.
        name: Cow<'a, str> [..=12],
        /// Topic id; zero where there is none.
        topic_id: Uuid [13..],
        /// One result per partition.
        partition_responses: Vec<PartitionProduceResponse<'a>> [..],
    }
}

wire_struct! {
    /// Result of a partition.
    pub struct PartitionProduceResponse<'a> {
        /// Partition.
        index: i32 [..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Offset of the first record, or -1.
        base_offset: i64 [..],
        /// Milliseconds since 1970 of the append when the topic has the broker set times, else -1.
        log_append_time_ms: i64 [..] = -1,
        /// First offset of the log, or -1.
        log_start_offset: i64 [5..] = -1,
        /// The records that made the batch fail.
        record_errors: Vec<BatchIndexAndErrorMessage<'a>> [8..],
        /// Words for the error, or null.
        error_message: Option<Cow<'a, str>> [8..],
        /// The leader, when the client asked the wrong one.
        current_leader: ProduceLeader [10..] tag 0,
    }
}

wire_struct! {
    /// A record that was refused.
    pub struct BatchIndexAndErrorMessage<'a> {
        /// Index of the record in its batch.
        batch_index: i32 [8..],
        /// Words for the error, or null.
        batch_index_error_message: Option<Cow<'a, str>> [8..],
    }
}

wire_struct! {
    /// A partition's leader.
    pub struct ProduceLeader {
        /// Broker id of the leader, or -1.
        leader_id: i32 [10..] = -1,
        /// Leader epoch, or -1.
        leader_epoch: i32 [10..] = -1,
    }
}

wire_struct! {
    /// Address of a broker.
    pub struct ProduceNodeEndpoint<'a> {
        /// Broker id.
        node_id: i32 [10..],
        /// Host name or address.
        host: Cow<'a, str> [10..],
        /// Port.
        port: i32 [10..],
        /// Rack, or null.
        rack: Option<Cow<'a, str>> [10..],
    }
}
