//! Groups, at every version.

use super::*;
use crate::codec::messages::*;
use crate::codec::{ErrorCode, Uuid};
use bytes::Bytes;
use stele_model::{
    CommitOffset, CommittedOffset, GroupCommand, GroupDescription, GroupMember, GroupReply, GroupState,
    Joined,
};

fn command(world: &World) -> &GroupCommand {
    match world.asked() {
        Some(Request::Group(command)) => command,
        other => panic!("no group command: {other:?}"),
    }
}

fn group(world: &mut World, reply: GroupReply) {
    world.answer(Outcome::Group(reply)).expect("it goes on");
}

fn fail(world: &mut World, error: Error) {
    world.answer(Outcome::Failed(error)).expect("it goes on");
}

fn member(id: &str) -> GroupMember {
    GroupMember {
        member: id.to_owned(),
        instance: Some("i".to_owned()),
        client: ("c".to_owned(), "/h".to_owned()),
        metadata: Bytes::from_static(b"meta"),
        assignment: Bytes::from_static(b"mine"),
    }
}

fn joined(skip_assignment: bool) -> GroupReply {
    GroupReply::Joined(Box::new(Joined {
        generation: 3,
        protocol_type: "consumer".to_owned(),
        protocol: "range".to_owned(),
        leader: "m-1".to_owned(),
        member: "m-1".to_owned(),
        members: vec![member("m-1")],
        skip_assignment,
    }))
}

#[test]
fn every_version_of_join_group_joins() {
    for version in 0..=9 {
        let mut world = World::new();
        let protocol = JoinGroupRequestProtocol { name: "range", metadata: b"meta" };
        let request = JoinGroupRequest {
            group_id: "g",
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            group_instance_id: Some("i"),
            protocol_type: "consumer",
            protocols: vec![protocol],
            ..Default::default()
        };
        let sent = world.send(version, &request);
        let GroupCommand::Join(join) = command(&world) else { panic!("no join") };
        assert_eq!(join.rebalance_timeout_ms, if version == 0 { 10_000 } else { 60_000 });
        assert_eq!((join.id_required, join.instance.is_some()), (version >= 4, version >= 5));
        assert_eq!(join.client, ("tester".to_owned(), "/10.0.0.9".to_owned()));
        fail(&mut world, Error::MemberIdRequired("m-1".to_owned()));
        world.expect::<JoinGroupRequest<'_>, _>(version, sent, |answer| {
            assert_eq!((answer.error_code, &*answer.member_id), (ErrorCode::MemberIdRequired, "m-1"));
        });
        for skip in [false, true] {
            let sent = world.send(version, &request);
            group(&mut world, joined(skip));
            world.expect::<JoinGroupRequest<'_>, _>(version, sent, |answer| {
                assert_eq!((answer.error_code, answer.generation_id), (ErrorCode::None, 3));
                assert_eq!(answer.protocol_name.as_deref(), Some("range"));
                // A leader that must not assign is told so by its version's means.
                let leads = !skip || version >= 9;
                assert_eq!((&*answer.leader == "m-1", answer.members.len()), (leads, usize::from(leads)));
                assert_eq!(answer.skip_assignment, skip && version >= 9);
            });
        }
    }
}

#[test]
fn every_version_of_sync_heartbeat_and_leave() {
    for version in 0..=5 {
        let mut world = World::new();
        let request = SyncGroupRequest {
            group_id: "g",
            generation_id: 3,
            member_id: "m",
            protocol_type: Some("consumer"),
            protocol_name: Some("range"),
            assignments: vec![SyncGroupRequestAssignment { member_id: "m", assignment: b"mine" }],
            ..Default::default()
        };
        let sent = world.send(version, &request);
        assert!(matches!(command(&world), GroupCommand::Sync { assignments, .. } if assignments.len() == 1));
        let (protocol_type, protocol) = ("consumer".to_owned(), "range".to_owned());
        group(
            &mut world,
            GroupReply::Assignment { assignment: Bytes::from_static(b"mine"), protocol_type, protocol },
        );
        world.expect::<SyncGroupRequest<'_>, _>(version, sent, |answer| {
            assert_eq!(&*answer.assignment, b"mine")
        });

        let request = LeaveGroupRequest {
            group_id: "g",
            member_id: "m",
            members: vec![MemberIdentity { member_id: "m", ..Default::default() }, MemberIdentity::default()],
        };
        let sent = world.send(version, &request);
        let results = vec![Err(Error::UnknownMember), Ok(())];
        group(&mut world, GroupReply::Left(results));
        world.expect::<LeaveGroupRequest<'_>, _>(version, sent, |answer| {
            let codes: Vec<ErrorCode> = answer.members.iter().map(|member| member.error_code).collect();
            match version {
                3.. => assert_eq!(codes, [ErrorCode::UnknownMemberId, ErrorCode::None]),
                _ => assert_eq!(answer.error_code, ErrorCode::UnknownMemberId),
            }
        });
        let version = version.min(4);
        let request =
            HeartbeatRequest { group_id: "g", generation_id: 3, member_id: "m", ..Default::default() };
        for (error, code) in [
            (None, ErrorCode::None),
            (Some(Error::RebalanceInProgress), ErrorCode::RebalanceInProgress),
            (Some(Error::Storage), ErrorCode::CoordinatorNotAvailable),
        ] {
            let sent = world.send(version, &request);
            match error {
                None => group(&mut world, GroupReply::Done),
                Some(error) => fail(&mut world, error),
            }
            world.expect::<HeartbeatRequest<'_>, _>(version, sent, |answer| {
                assert_eq!(answer.error_code, code)
            });
        }
    }
}

#[test]
fn every_version_of_offset_commit_commits() {
    for version in 2..=10 {
        let mut world = World::new();
        let id = world.topic("t", 1);
        let partition = |partition_index, committed_offset| OffsetCommitRequestPartition {
            partition_index,
            committed_offset,
            committed_metadata: Some("note"),
            ..Default::default()
        };
        let topic = |name, topic_id| OffsetCommitRequestTopic {
            name,
            topic_id: Uuid(topic_id),
            partitions: vec![partition(0, 5), partition(1, -1), partition(2, 6)],
        };
        let request = OffsetCommitRequest {
            group_id: "g",
            topics: vec![topic("t", id), topic("missing", [9; 16])],
            ..Default::default()
        };
        let sent = world.send(version, &request);
        world.answer_streams();
        let GroupCommand::Commit { offsets, generation, .. } = command(&world) else { panic!("no commit") };
        assert_eq!(*generation, -1);
        assert_eq!(
            offsets.iter().map(|offset| (offset.partition, offset.offset)).collect::<Vec<_>>(),
            [(0, 5), (2, 6)]
        );
        group(&mut world, GroupReply::Committed(vec![Ok(()), Err(Error::MetadataTooLarge)]));
        world.expect::<OffsetCommitRequest<'_>, _>(version, sent, |answer| {
            let codes: Vec<ErrorCode> =
                answer.topics[0].partitions.iter().map(|part| part.error_code).collect();
            assert_eq!(
                codes,
                [ErrorCode::None, ErrorCode::InvalidRequest, ErrorCode::OffsetMetadataTooLarge]
            );
            let missing = answer.topics[1].partitions[0].error_code;
            let unknown =
                if version >= 10 { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
            assert_eq!(missing, unknown);
        });
        let sent = world.send(version, &request);
        world.answer_streams();
        fail(&mut world, Error::IllegalGeneration);
        world.expect::<OffsetCommitRequest<'_>, _>(version, sent, |answer| {
            assert_eq!(answer.topics[0].partitions[2].error_code, ErrorCode::IllegalGeneration);
        });
    }
}

fn committed(partition: u32, offset: Option<u64>) -> CommittedOffset {
    let stream = StreamName::new("t");
    let commit =
        |offset| CommitOffset { stream: stream.clone(), partition, offset, leader_epoch: 0, metadata: None };
    CommittedOffset { commit: offset.map(commit), stream: stream.clone(), partition }
}

#[test]
fn every_version_of_offset_fetch_answers_in_order() {
    for version in 1..=10 {
        let mut world = World::new();
        let id = world.topic("t", 2);
        let topics =
            OffsetFetchRequestTopics { name: "t", topic_id: Uuid(id), partition_indexes: vec![1, -4, 0] };
        let old = OffsetFetchRequestTopic { name: "t", partition_indexes: vec![1, -4, 0] };
        let wanted = |topics| OffsetFetchRequestGroup { group_id: "g", topics, ..Default::default() };
        let request = OffsetFetchRequest {
            group_id: "g",
            topics: Some(vec![old]),
            groups: vec![wanted(Some(vec![topics])), wanted(None)],
            ..Default::default()
        };
        let sent = world.send(version, &request);
        world.answer_streams();
        let GroupCommand::Fetch { partitions, .. } = command(&world) else { panic!("no fetch") };
        let expected = vec![(StreamName::new("t"), 1), (StreamName::new("t"), 0)];
        assert_eq!(partitions.as_ref(), Some(&expected));
        group(&mut world, GroupReply::Offsets(vec![committed(1, Some(7)), committed(0, None)]));
        if version >= 8 {
            group(&mut world, GroupReply::Offsets(vec![committed(1, Some(7))]));
        }
        world.expect::<OffsetFetchRequest<'_>, _>(version, sent, |answer| {
            let offsets: Vec<i64> = match version {
                8.. => {
                    answer.groups[0].topics[0].partitions.iter().map(|part| part.committed_offset).collect()
                }
                _ => answer.topics[0].partitions.iter().map(|part| part.committed_offset).collect(),
            };
            assert_eq!(offsets, [7, -1, -1]);
            if version >= 8 {
                let all = &answer.groups[1].topics;
                assert_eq!((all.len(), all[0].partitions.len()), (1, 1));
                assert_eq!(all[0].topic_id, if version >= 10 { Uuid(id) } else { Uuid::ZERO });
            }
        });
    }
}

fn described() -> GroupDescription {
    GroupDescription {
        group: "g".to_owned(),
        state: GroupState::Stable,
        protocol_type: "consumer".to_owned(),
        protocol: "range".to_owned(),
        members: vec![member("m")],
    }
}

#[test]
fn every_version_of_describe_list_and_delete() {
    for version in 0..=6 {
        let mut world = World::new();
        let request = DescribeGroupsRequest { groups: vec!["g", "h"], include_authorized_operations: true };
        let sent = world.send(version, &request);
        group(&mut world, GroupReply::Described(vec![Some(described()), None]));
        world.expect::<DescribeGroupsRequest<'_>, _>(version, sent, |answer| {
            let first = &answer.groups[0];
            assert_eq!(
                (&*first.group_state, &*first.protocol_data, first.members.len()),
                ("Stable", "range", 1)
            );
            assert_eq!(&*answer.groups[1].group_state, "Dead");
            let code = if version >= 6 { ErrorCode::GroupIdNotFound } else { ErrorCode::None };
            assert_eq!(answer.groups[1].error_code, code);
        });
        let version = version.min(5);
        for (filter, count) in
            [(vec![], 1), (vec!["stable"], 1), (vec!["Empty"], if version >= 4 { 0 } else { 1 })]
        {
            let sent =
                world.send(version, &ListGroupsRequest { states_filter: filter, types_filter: vec![] });
            group(&mut world, GroupReply::Described(vec![Some(described())]));
            world.expect::<ListGroupsRequest<'_>, _>(version, sent, |answer| {
                assert_eq!(answer.groups.len(), count)
            });
        }
        let version = version.min(2);
        let sent = world.send(version, &DeleteGroupsRequest { groups_names: vec!["g", "h"] });
        group(&mut world, GroupReply::Deleted(vec![Ok(()), Err(Error::GroupNotEmpty)]));
        world.expect::<DeleteGroupsRequest<'_>, _>(version, sent, |answer| {
            let codes: Vec<ErrorCode> = answer.results.iter().map(|result| result.error_code).collect();
            assert_eq!(codes, [ErrorCode::None, ErrorCode::NonEmptyGroup]);
        });
    }
}
