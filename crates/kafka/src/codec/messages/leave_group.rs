//! LeaveGroup v0-5. v3 takes several members, v4 is flexible, v5 adds a reason.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct LeaveGroupRequest<'a> {
        /// Group id.
        group_id: &'a str [..],
        /// Member id, given by the coordinator; empty before the first join.
        member_id: &'a str [..=2],
        /// The members that leave.
        members: Vec<MemberIdentity<'a>> [3..],
    }
}

wire_struct! {
    /// A member that leaves.
    pub struct MemberIdentity<'a> {
        /// Member id, given by the coordinator; empty before the first join.
        member_id: &'a str [3..],
        /// Id of a static member (KIP-345), or null.
        group_instance_id: Option<&'a str> [3..],
        /// Why, in words, or null.
        reason: Option<&'a str> [5..],
    }
}

wire_struct! {
    /// The answer.
    pub struct LeaveGroupResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [1..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// The members.
        members: Vec<MemberResponse<'a>> [3..],
    }
}

wire_struct! {
    /// Result of a member.
    pub struct MemberResponse<'a> {
        /// Member id, given by the coordinator; empty before the first join.
        member_id: Cow<'a, str> [3..],
        /// Id of a static member (KIP-345), or null.
        group_instance_id: Option<Cow<'a, str>> [3..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [3..],
    }
}
