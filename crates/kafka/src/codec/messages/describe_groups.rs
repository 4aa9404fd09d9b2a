//! DescribeGroups v0-6. v3 can ask for rights, v4 shows static members, v5 is flexible, v6 adds error messages and
//! answers GROUP_ID_NOT_FOUND instead of a dead group.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct DescribeGroupsRequest<'a> {
        /// Group ids.
        groups: Vec<&'a str> [..],
        /// Whether to tell the client's rights on each group.
        include_authorized_operations: bool [3..],
    }
}

wire_struct! {
    /// The answer.
    pub struct DescribeGroupsResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [1..],
        /// The groups.
        groups: Vec<DescribedGroup<'a>> [..],
    }
}

wire_struct! {
    /// A group.
    pub struct DescribedGroup<'a> {
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Words for the error, or null.
        error_message: Option<Cow<'a, str>> [6..],
        /// Group id.
        group_id: Cow<'a, str> [..],
        /// State of the group, in words.
        group_state: Cow<'a, str> [..],
        /// Kind of group: `consumer`, `connect`, or what else an application made up.
        protocol_type: Cow<'a, str> [..],
        /// Protocol that the coordinator chose.
        protocol_data: Cow<'a, str> [..],
        /// The members.
        members: Vec<DescribedGroupMember<'a>> [..],
        /// Rights on the group as bits; i32::MIN when not asked for.
        authorized_operations: i32 [3..] = i32::MIN,
    }
}

wire_struct! {
    /// A member.
    pub struct DescribedGroupMember<'a> {
        /// Member id, given by the coordinator; empty before the first join.
        member_id: Cow<'a, str> [..],
        /// Id of a static member (KIP-345), or null.
        group_instance_id: Option<Cow<'a, str>> [4..],
        /// Client id.
        client_id: Cow<'a, str> [..],
        /// The client's address.
        client_host: Cow<'a, str> [..],
        /// Opaque bytes of the member's protocol.
        member_metadata: Cow<'a, [u8]> [..],
        /// Opaque bytes: the member's assignment.
        member_assignment: Cow<'a, [u8]> [..],
    }
}
