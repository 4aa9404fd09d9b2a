//! Heartbeat v0-4. v3 adds the static member, v4 is flexible.

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct HeartbeatRequest<'a> {
        /// Group id.
        group_id: &'a str [..],
        /// Generation of the group, or -1.
        generation_id: i32 [..],
        /// Member id, given by the coordinator; empty before the first join.
        member_id: &'a str [..],
        /// Id of a static member (KIP-345), or null.
        group_instance_id: Option<&'a str> [3..],
    }
}

wire_struct! {
    /// The answer.
    pub struct HeartbeatResponse {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [1..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
    }
}
