//! JoinGroup v0-9. v4 wants a second round with the member id that the broker gave, v5 adds static members,
//! v6 is flexible, v9 lets a leader skip the assignment.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct JoinGroupRequest<'a> {
        /// Group id.
        group_id: &'a str [..],
        /// Milliseconds without heartbeat after which the member is out.
        session_timeout_ms: i32 [..],
        /// Milliseconds that members have to rejoin; -1 in v0, where the session timeout counts.
        rebalance_timeout_ms: i32 [1..] = -1,
        /// Member id, given by the coordinator; empty before the first join.
        member_id: &'a str [..],
        /// Id of a static member (KIP-345), or null.
        group_instance_id: Option<&'a str> [5..],
        /// Kind of group: `consumer`, `connect`, or what else an application made up.
        protocol_type: &'a str [..],
        /// Protocols that the member knows, the best first.
        protocols: Vec<JoinGroupRequestProtocol<'a>> [..],
        /// Why, in words, or null.
        reason: Option<&'a str> [8..],
    }
}

wire_struct! {
    /// A protocol that the member knows.
    pub struct JoinGroupRequestProtocol<'a> {
        /// Name of the protocol.
        name: &'a str [..],
        /// Opaque bytes of the member's protocol.
        metadata: &'a [u8] [..],
    }
}

wire_struct! {
    /// The answer.
    pub struct JoinGroupResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [2..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Generation of the group, or -1.
        generation_id: i32 [..] = -1,
        /// Kind of group: `consumer`, `connect`, or what else an application made up.
        protocol_type: Option<Cow<'a, str>> [7..],
        /// Protocol that the coordinator chose, or null.
        protocol_name: Option<Cow<'a, str>> [..] null [7..],
        /// Member id of the leader.
        leader: Cow<'a, str> [..],
        /// Whether the leader need not assign.
        skip_assignment: bool [9..],
        /// Member id, given by the coordinator; empty before the first join.
        member_id: Cow<'a, str> [..],
        /// All members, for the leader; empty for the others.
        members: Vec<JoinGroupResponseMember<'a>> [..],
    }
}

wire_struct! {
    /// A member, as its leader sees it.
    pub struct JoinGroupResponseMember<'a> {
        /// Member id, given by the coordinator; empty before the first join.
        member_id: Cow<'a, str> [..],
        /// Id of a static member (KIP-345), or null.
        group_instance_id: Option<Cow<'a, str>> [5..],
        /// Opaque bytes of the member's protocol.
        metadata: Cow<'a, [u8]> [..],
    }
}
