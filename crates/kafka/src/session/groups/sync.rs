//! SyncGroup, Heartbeat, LeaveGroup.

use super::super::call::Call;
use super::{code_of, reply};
use crate::codec::ErrorCode;
use crate::codec::messages::{
    HeartbeatRequest, HeartbeatResponse, LeaveGroupRequest, LeaveGroupResponse, MemberResponse,
    SyncGroupRequest, SyncGroupResponse,
};
use bytes::Bytes;
use stele_model::{GroupCommand, GroupReply, Request};

/// From this version on protocol type and name are told and checked.
const PROTOCOL_CHECKED: i16 = 5;
/// From this version on several members leave at once.
const BATCHED: i16 = 3;

pub(in super::super) fn sync(call: &mut Call<'_, '_, '_>, request: &SyncGroupRequest<'_>) {
    let assignments = request.assignments.iter();
    let command = GroupCommand::Sync {
        group: request.group_id.to_owned(),
        member: request.member_id.to_owned(),
        instance: request.group_instance_id.map(str::to_owned),
        generation: request.generation_id,
        protocol: (request.protocol_type.map(str::to_owned), request.protocol_name.map(str::to_owned)),
        assignments: assignments
            .map(|entry| (entry.member_id.to_owned(), Bytes::copy_from_slice(entry.assignment)))
            .collect(),
    };
    if call.version() >= PROTOCOL_CHECKED
        && (request.protocol_type.is_none() || request.protocol_name.is_none())
    {
        let error_code = ErrorCode::InconsistentGroupProtocol;
        return call.respond(&SyncGroupResponse { error_code, ..Default::default() });
    }
    call.ask_one(Request::Group(command), |outcome, call| {
        let answer = match reply(outcome) {
            Ok(GroupReply::Assignment { assignment, protocol_type, protocol }) => SyncGroupResponse {
                protocol_type: Some(protocol_type.into()),
                protocol_name: Some(protocol.into()),
                assignment: assignment.to_vec().into(),
                ..Default::default()
            },
            Ok(_) => SyncGroupResponse { error_code: ErrorCode::UnknownServerError, ..Default::default() },
            Err(error_code) => SyncGroupResponse { error_code, ..Default::default() },
        };
        call.respond(&answer);
    });
}

pub(in super::super) fn heartbeat(call: &mut Call<'_, '_, '_>, request: &HeartbeatRequest<'_>) {
    let command = GroupCommand::Heartbeat {
        group: request.group_id.to_owned(),
        member: request.member_id.to_owned(),
        instance: request.group_instance_id.map(str::to_owned),
        generation: request.generation_id,
    };
    call.ask_one(Request::Group(command), |outcome, call| {
        let error_code = reply(outcome).err().unwrap_or_default();
        call.respond(&HeartbeatResponse { error_code, ..Default::default() });
    });
}

pub(in super::super) fn leave(call: &mut Call<'_, '_, '_>, request: &LeaveGroupRequest<'_>) {
    let members: Vec<(String, Option<String>)> = match call.version() {
        BATCHED.. => {
            let members = request.members.iter();
            members
                .map(|member| (member.member_id.to_owned(), member.group_instance_id.map(str::to_owned)))
                .collect()
        }
        _ => vec![(request.member_id.to_owned(), None)],
    };
    let command = GroupCommand::Leave { group: request.group_id.to_owned(), members: members.clone() };
    call.ask_one(Request::Group(command), move |outcome, call| {
        let answer = match reply(outcome) {
            Ok(GroupReply::Left(results)) => left(call.version(), members, &results),
            Ok(_) => LeaveGroupResponse { error_code: ErrorCode::UnknownServerError, ..Default::default() },
            Err(error_code) => LeaveGroupResponse { error_code, ..Default::default() },
        };
        call.respond(&answer);
    });
}

fn left(
    version: i16,
    members: Vec<(String, Option<String>)>,
    results: &[Result<(), stele_model::Error>],
) -> LeaveGroupResponse<'static> {
    if version < BATCHED {
        let error_code = results.first().map_or(ErrorCode::UnknownServerError, code_of);
        return LeaveGroupResponse { error_code, ..Default::default() };
    }
    let member = |((id, instance), result): ((String, Option<String>), &Result<(), _>)| MemberResponse {
        member_id: id.into(),
        group_instance_id: instance.map(Into::into),
        error_code: code_of(result),
    };
    LeaveGroupResponse {
        members: members.into_iter().zip(results).map(member).collect(),
        ..Default::default()
    }
}
