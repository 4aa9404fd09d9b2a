//! DeleteTopics v1-6. v4 is flexible, v5 adds error messages, v6 names topics by name or by id.

use std::borrow::Cow;

use crate::codec::fields::wire_struct;
use crate::codec::{ErrorCode, Uuid};

wire_struct! {
    /// A request.
    pub struct DeleteTopicsRequest<'a> {
        /// The topics.
        topics: Vec<DeleteTopicState<'a>> [6..],
        /// Names of topics.
        topic_names: Vec<&'a str> [..=5],
        /// Milliseconds that the broker may take.
        timeout_ms: i32 [..],
    }
}

wire_struct! {
    /// A topic to delete.
    pub struct DeleteTopicState<'a> {
        /// Topic name, or null when named by id.
        name: Option<&'a str> [6..],
        /// Topic id; zero where there is none.
        topic_id: Uuid [6..],
    }
}

wire_struct! {
    /// The answer.
    pub struct DeleteTopicsResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [..],
        /// One result per topic.
        responses: Vec<DeletableTopicResult<'a>> [..],
    }
}

wire_struct! {
    /// Result of a topic.
    pub struct DeletableTopicResult<'a> {
        /// Topic name, or null when only the id is known.
        name: Option<Cow<'a, str>> [..] null [6..],
        /// Topic id; zero where there is none.
        topic_id: Uuid [6..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Words for the error, or null.
        error_message: Option<Cow<'a, str>> [5..],
    }
}
