//! DeleteGroups v0-2. v2 is flexible.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct DeleteGroupsRequest<'a> {
        /// Group ids.
        groups_names: Vec<&'a str> [..],
    }
}

wire_struct! {
    /// The answer.
    pub struct DeleteGroupsResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [..],
        /// One result for each thing asked.
        results: Vec<DeletableGroupResult<'a>> [..],
    }
}

wire_struct! {
    /// Result of a group.
    pub struct DeletableGroupResult<'a> {
        /// Group id.
        group_id: Cow<'a, str> [..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
    }
}
