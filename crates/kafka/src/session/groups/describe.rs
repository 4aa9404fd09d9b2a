//! DescribeGroups, ListGroups, DeleteGroups.

use super::super::call::Call;
use super::{code_of, reply};
use crate::codec::ErrorCode;
use crate::codec::messages::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest,
    DescribeGroupsResponse, DescribedGroup, DescribedGroupMember, ListGroupsRequest, ListGroupsResponse,
    ListedGroup,
};
use stele_model::{GroupCommand, GroupDescription, GroupMember, GroupReply, GroupState, Request};

/// Read, delete, describe, describe and alter configurations (KIP-430).
const GROUP_RIGHTS: i32 = 0b1101_0100_1000;
/// From this version on a missing group is an error, not a dead group (KIP-1043).
const NOT_FOUND: i16 = 6;
/// The one kind of group there is.
const CLASSIC: &str = "Classic";

pub(in super::super) fn describe(call: &mut Call<'_, '_, '_>, request: &DescribeGroupsRequest<'_>) {
    let names: Vec<String> = request.groups.iter().map(|name| (*name).to_owned()).collect();
    let rights = if request.include_authorized_operations { GROUP_RIGHTS } else { i32::MIN };
    let command = GroupCommand::Describe(names.clone());
    call.ask_one(Request::Group(command), move |outcome, call| {
        let version = call.version();
        let groups = match reply(outcome) {
            Ok(GroupReply::Described(groups)) => {
                let described = |(name, group): (String, Option<GroupDescription>)| match group {
                    Some(group) => shown(group),
                    None => missing(name, version),
                };
                names.into_iter().zip(groups).map(described).collect()
            }
            Ok(_) => failed(names, ErrorCode::UnknownServerError),
            Err(code) => failed(names, code),
        };
        let groups =
            groups.into_iter().map(|group| DescribedGroup { authorized_operations: rights, ..group });
        call.respond(&DescribeGroupsResponse { groups: groups.collect(), ..Default::default() });
    });
}

fn shown(group: GroupDescription) -> DescribedGroup<'static> {
    let member = |member: GroupMember| DescribedGroupMember {
        member_id: member.member.into(),
        group_instance_id: member.instance.map(Into::into),
        client_id: member.client.0.into(),
        client_host: member.client.1.into(),
        member_metadata: member.metadata.to_vec().into(),
        member_assignment: member.assignment.to_vec().into(),
    };
    DescribedGroup {
        group_id: group.group.into(),
        group_state: state_name(group.state).into(),
        protocol_type: group.protocol_type.into(),
        protocol_data: group.protocol.into(),
        members: group.members.into_iter().map(member).collect(),
        ..Default::default()
    }
}

fn missing(name: String, version: i16) -> DescribedGroup<'static> {
    let (error_code, error_message) = match version >= NOT_FOUND {
        true => (ErrorCode::GroupIdNotFound, Some(format!("Group {name} not found.").into())),
        false => (ErrorCode::None, None),
    };
    DescribedGroup {
        error_code,
        error_message,
        group_id: name.into(),
        group_state: state_name(GroupState::Dead).into(),
        ..Default::default()
    }
}

fn failed(names: Vec<String>, error_code: ErrorCode) -> Vec<DescribedGroup<'static>> {
    let group = |name: String| DescribedGroup { error_code, group_id: name.into(), ..Default::default() };
    names.into_iter().map(group).collect()
}

fn state_name(state: GroupState) -> &'static str {
    match state {
        GroupState::Empty => "Empty",
        GroupState::PreparingRebalance => "PreparingRebalance",
        GroupState::CompletingRebalance => "CompletingRebalance",
        GroupState::Stable => "Stable",
        GroupState::Dead => "Dead",
    }
}

pub(in super::super) fn list(call: &mut Call<'_, '_, '_>, request: &ListGroupsRequest<'_>) {
    let lower = |names: &[&str]| names.iter().map(|name| name.to_lowercase()).collect::<Vec<String>>();
    let (states, types) = (lower(&request.states_filter), lower(&request.types_filter));
    call.ask_one(Request::Group(GroupCommand::List), move |outcome, call| {
        let (groups, error_code) = match reply(outcome) {
            Ok(GroupReply::Described(groups)) => (groups, ErrorCode::None),
            Ok(_) => (Vec::new(), ErrorCode::UnknownServerError),
            Err(code) => (Vec::new(), code),
        };
        let wanted = |group: &GroupDescription| {
            let state = state_name(group.state).to_lowercase();
            (states.is_empty() || states.contains(&state))
                && (types.is_empty() || types.contains(&CLASSIC.to_lowercase()))
        };
        let listed = groups.into_iter().flatten().filter(wanted).map(|group| ListedGroup {
            group_id: group.group.into(),
            protocol_type: group.protocol_type.into(),
            group_state: state_name(group.state).into(),
            group_type: CLASSIC.into(),
        });
        call.respond(&ListGroupsResponse { error_code, groups: listed.collect(), ..Default::default() });
    });
}

pub(in super::super) fn delete(call: &mut Call<'_, '_, '_>, request: &DeleteGroupsRequest<'_>) {
    let names: Vec<String> = request.groups_names.iter().map(|name| (*name).to_owned()).collect();
    let command = GroupCommand::Delete(names.clone());
    call.ask_one(Request::Group(command), move |outcome, call| {
        let codes: Vec<ErrorCode> = match reply(outcome) {
            Ok(GroupReply::Deleted(results)) => results.iter().map(code_of).collect(),
            Ok(_) => vec![ErrorCode::UnknownServerError; names.len()],
            Err(code) => vec![code; names.len()],
        };
        let results = names.into_iter().zip(codes);
        let results =
            results.map(|(name, error_code)| DeletableGroupResult { group_id: name.into(), error_code });
        call.respond(&DeleteGroupsResponse { results: results.collect(), ..Default::default() });
    });
}
