//! FindCoordinator v0-6. v1 adds the kind of key, v3 is flexible, v4 asks for several keys, v6 knows share groups.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct FindCoordinatorRequest<'a> {
        /// Group id or transactional id.
        key: &'a str [..=3],
        /// 0 group, 1 transactional id, 2 share group.
        key_type: i8 [1..],
        /// Group ids or transactional ids.
        coordinator_keys: Vec<&'a str> [4..],
    }
}

wire_struct! {
    /// The answer.
    pub struct FindCoordinatorResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [1..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..=3],
        /// Words for the error, or null.
        error_message: Option<Cow<'a, str>> [1..=3],
        /// Broker id.
        node_id: i32 [..=3],
        /// Host name or address.
        host: Cow<'a, str> [..=3],
        /// Port.
        port: i32 [..=3],
        /// One result per key.
        coordinators: Vec<Coordinator<'a>> [4..],
    }
}

wire_struct! {
    /// Where a key's coordinator is.
    pub struct Coordinator<'a> {
        /// The key asked for.
        key: Cow<'a, str> [4..],
        /// Broker id.
        node_id: i32 [4..],
        /// Host name or address.
        host: Cow<'a, str> [4..],
        /// Port.
        port: i32 [4..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [4..],
        /// Words for the error, or null.
        error_message: Option<Cow<'a, str>> [4..],
    }
}
