//! DeleteRecords v0-2. Moves the log start; offset -1 is the high watermark. v2 is flexible.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct DeleteRecordsRequest<'a> {
        /// The topics.
        topics: Vec<DeleteRecordsTopic<'a>> [..],
        /// Milliseconds that the broker may take.
        timeout_ms: i32 [..],
    }
}

wire_struct! {
    /// A topic.
    pub struct DeleteRecordsTopic<'a> {
        /// Topic name.
        name: &'a str [..],
        /// The partitions.
        partitions: Vec<DeleteRecordsPartition> [..],
    }
}

wire_struct! {
    /// A partition.
    pub struct DeleteRecordsPartition {
        /// Partition.
        partition_index: i32 [..],
        /// First offset to keep; -1 for the high watermark.
        offset: i64 [..],
    }
}

wire_struct! {
    /// The answer.
    pub struct DeleteRecordsResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [..],
        /// The topics.
        topics: Vec<DeleteRecordsTopicResult<'a>> [..],
    }
}

wire_struct! {
    /// Results of a topic.
    pub struct DeleteRecordsTopicResult<'a> {
        /// Topic name.
        name: Cow<'a, str> [..],
        /// The partitions.
        partitions: Vec<DeleteRecordsPartitionResult> [..],
    }
}

wire_struct! {
    /// Result of a partition.
    pub struct DeleteRecordsPartitionResult {
        /// Partition.
        partition_index: i32 [..],
        /// First offset of the log, or -1.
        low_watermark: i64 [..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
    }
}
