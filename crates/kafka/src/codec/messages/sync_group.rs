//! SyncGroup v0-5. v3 adds the static member, v4 is flexible, v5 checks protocol type and name.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct SyncGroupRequest<'a> {
        /// Group id.
        group_id: &'a str [..],
        /// Generation of the group, or -1.
        generation_id: i32 [..],
        /// Member id, given by the coordinator; empty before the first join.
        member_id: &'a str [..],
        /// Id of a static member (KIP-345), or null.
        group_instance_id: Option<&'a str> [3..],
        /// Kind of group: `consumer`, `connect`, or what else an application made up.
        protocol_type: Option<&'a str> [5..],
        /// Protocol that the coordinator chose, or null.
        protocol_name: Option<&'a str> [5..],
        /// Assignments.
        assignments: Vec<SyncGroupRequestAssignment<'a>> [..],
    }
}

wire_struct! {
    /// What the leader assigned to a member.
    pub struct SyncGroupRequestAssignment<'a> {
        /// Member id, given by the coordinator; empty before the first join.
        member_id: &'a str [..],
        /// Opaque bytes: the member's assignment.
        assignment: &'a [u8] [..],
    }
}

wire_struct! {
    /// The answer.
    pub struct SyncGroupResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [1..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Kind of group: `consumer`, `connect`, or what else an application made up.
        protocol_type: Option<Cow<'a, str>> [5..],
        /// Protocol that the coordinator chose, or null.
        protocol_name: Option<Cow<'a, str>> [5..],
        /// Opaque bytes: the member's assignment.
        assignment: Cow<'a, [u8]> [..],
    }
}
