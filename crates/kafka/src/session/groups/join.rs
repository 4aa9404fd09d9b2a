//! JoinGroup.

use super::super::call::Call;
use super::super::errors;
use crate::codec::ErrorCode;
use crate::codec::messages::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use bytes::Bytes;
use stele_model::{Error, GroupCommand, GroupMember, GroupReply, Join, Joined, Outcome, Request};

/// From this version on a new member is told its id and comes again (KIP-394).
const ID_REQUIRED: i16 = 4;
/// From this version on a leader can be told not to assign (KIP-814).
const SKIP_ASSIGNMENT: i16 = 9;

pub(in super::super) fn join(call: &mut Call<'_, '_, '_>, client: &str, request: &JoinGroupRequest<'_>) {
    let version = call.version();
    let protocols = request.protocols.iter();
    let join = Join {
        group: request.group_id.to_owned(),
        member: request.member_id.to_owned(),
        instance: request.group_instance_id.map(str::to_owned),
        client: (client.to_owned(), format!("/{}", call.ends.peer.to_canonical())),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: match version {
            0 => request.session_timeout_ms,
            _ => request.rebalance_timeout_ms,
        },
        protocol_type: request.protocol_type.to_owned(),
        protocols: protocols
            .map(|protocol| (protocol.name.to_owned(), Bytes::copy_from_slice(protocol.metadata)))
            .collect(),
        id_required: version >= ID_REQUIRED,
    };
    let member = request.member_id.to_owned();
    call.ask_one(Request::Group(GroupCommand::Join(Box::new(join))), move |outcome, call| {
        let answer = match outcome {
            Outcome::Group(GroupReply::Joined(joined)) => joined_answer(*joined, call.version()),
            Outcome::Failed(error) => refused(&error, member),
            _ => JoinGroupResponse { error_code: ErrorCode::UnknownServerError, ..Default::default() },
        };
        call.respond(&answer);
    });
}

fn joined_answer(joined: Joined, version: i16) -> JoinGroupResponse<'static> {
    let leader = match joined.skip_assignment && version < SKIP_ASSIGNMENT {
        // It keeps the assignment of the process before it, and must not make another one: to this version only
        // another leader says so.
        true => String::new(),
        false => joined.leader,
    };
    let member = |member: GroupMember| JoinGroupResponseMember {
        member_id: member.member.into(),
        group_instance_id: member.instance.map(Into::into),
        metadata: member.metadata.to_vec().into(),
    };
    let leads = leader == joined.member;
    JoinGroupResponse {
        generation_id: joined.generation,
        protocol_type: Some(joined.protocol_type.into()),
        protocol_name: Some(joined.protocol.into()),
        leader: leader.into(),
        skip_assignment: joined.skip_assignment,
        member_id: joined.member.into(),
        members: if leads { joined.members.into_iter().map(member).collect() } else { Vec::new() },
        ..Default::default()
    }
}

fn refused(error: &Error, member: String) -> JoinGroupResponse<'static> {
    let member = match error {
        Error::MemberIdRequired(id) => id.clone(),
        _ => member,
    };
    JoinGroupResponse {
        error_code: errors::group_code(error),
        protocol_name: None,
        member_id: member.into(),
        ..Default::default()
    }
}
