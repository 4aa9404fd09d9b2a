//! ListGroups v0-5. v3 is flexible, v4 filters by state, v5 by type.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct ListGroupsRequest<'a> {
        /// States of group to list; empty for all.
        states_filter: Vec<&'a str> [4..],
        /// Types of group to list; empty for all.
        types_filter: Vec<&'a str> [5..],
    }
}

wire_struct! {
    /// The answer.
    pub struct ListGroupsResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [1..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// The groups.
        groups: Vec<ListedGroup<'a>> [..],
    }
}

wire_struct! {
    /// A group.
    pub struct ListedGroup<'a> {
        /// Group id.
        group_id: Cow<'a, str> [..],
        /// Kind of group: `consumer`, `connect`, or what else an application made up.
        protocol_type: Cow<'a, str> [..],
        /// State of the group, in words.
        group_state: Cow<'a, str> [4..],
        /// Type of the group: `classic`, `consumer`, `share`, `streams`.
        group_type: Cow<'a, str> [5..],
    }
}
