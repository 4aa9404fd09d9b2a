//! Joins, rebalances, time-outs, static members.

use super::*;

#[test]
fn two_members_share() {
    let mut world = World::new();
    let (mut first, generation) = world.alone(plain());
    assert_eq!((generation, world.state()), (1, Some(GroupState::Stable)));
    let mut second = client(&[("sticky", "s"), ("range", "n")]);
    assert!(matches!(world.join(&second), Answer::Waiting));
    assert_eq!(world.state(), Some(GroupState::PreparingRebalance));
    assert_eq!(world.heartbeat(&first, 1).err(), Some(Error::RebalanceInProgress));
    assert!(matches!(world.join(&first), Answer::Waiting));
    let joins = world.arrived_joins();
    assert_eq!((joins[0].generation, &*joins[0].protocol), (2, "range"));
    let leader = joins.iter().find(|joined| joined.leader == joined.member).expect("one leads");
    assert_eq!(leader.member, first.id);
    let metadata: Vec<&[u8]> = leader.members.iter().map(|member| &*member.metadata).collect();
    assert_eq!(metadata, [b"m", b"n"]);
    second.id = joins.iter().find(|joined| joined.member != first.id).expect("another").member.clone();
    assert!(matches!(world.sync_with(&second, 2, &[]), Answer::Waiting));
    let ids = [(&*first.id.clone(), "one"), (&*second.id.clone(), "two")];
    assert!(matches!(world.sync_with(&first, 2, &ids), Answer::Waiting));
    let assignments: Vec<Bytes> = world.arrived().into_iter().map(assignment).collect();
    assert_eq!(assignments.len(), 2);
    assert!(world.heartbeat(&second, 2).is_ok());
    assert_eq!(world.heartbeat(&second, 1).err(), Some(Error::IllegalGeneration));
    // A follower that joins again unchanged gets the same answer; a leader wants a rebalance.
    assert!(matches!(world.join(&second), Answer::Ready { .. }));
    assert!(matches!(world.join(&first), Answer::Waiting));
    assert_eq!(world.state(), Some(GroupState::PreparingRebalance));
    first.id.push('x');
    assert_eq!(world.heartbeat(&first, 2).err(), Some(Error::UnknownMember));
}

#[test]
fn a_new_member_is_told_its_id_first() {
    let mut world = World::new();
    let mut join = Join {
        group: "g".to_owned(),
        member: String::new(),
        instance: None,
        client: ("me".to_owned(), "/h".to_owned()),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "connect".to_owned(),
        protocols: vec![("p".to_owned(), Bytes::new())],
        id_required: true,
    };
    let ask = |join: &Join| {
        let Join { group, member, instance, client, protocol_type, protocols, .. } = join;
        GroupCommand::Join(Box::new(Join {
            group: group.clone(),
            member: member.clone(),
            instance: instance.clone(),
            client: client.clone(),
            protocol_type: protocol_type.clone(),
            protocols: protocols.clone(),
            ..*join
        }))
    };
    let Error::MemberIdRequired(id) = error(world.group(ask(&join))) else { panic!("an id was expected") };
    assert!(id.starts_with("me-"));
    join.member = "made-up".to_owned();
    assert_eq!(error(world.group(ask(&join))), Error::UnknownMember);
    join.member = id.clone();
    assert!(matches!(world.group(ask(&join)), Answer::Waiting));
    assert_eq!(world.arrived_joins()[0].member, id);
    for (session_timeout_ms, expected) in
        [(5_999, Error::InvalidSessionTimeout), (1_800_001, Error::InvalidSessionTimeout)]
    {
        join.session_timeout_ms = session_timeout_ms;
        assert_eq!(error(world.group(ask(&join))), expected);
    }
    (join.session_timeout_ms, join.member) = (10_000, String::new());
    join.protocol_type = "consumer".to_owned();
    assert_eq!(error(world.group(ask(&join))), Error::InconsistentProtocol);
    (join.protocol_type, join.protocols) = ("connect".to_owned(), vec![("q".to_owned(), Bytes::new())]);
    assert_eq!(error(world.group(ask(&join))), Error::InconsistentProtocol);
    join.group = String::new();
    assert_eq!(error(world.group(ask(&join))), Error::InvalidGroup);
}

#[test]
fn silent_members_are_out_and_the_rest_go_on() {
    let mut world = World::new();
    let (first, _) = world.alone(plain());
    assert!(matches!(world.join(&plain()), Answer::Waiting));
    // The first one says nothing: its session ends, and the second is alone.
    world.pass(9 * SECOND);
    assert!(world.arrived().is_empty());
    world.pass(SECOND);
    let joins = world.arrived_joins();
    assert_eq!((joins.len(), joins[0].generation), (1, 2));
    assert_eq!(world.heartbeat(&first, 1).err(), Some(Error::UnknownMember));
    // The second never syncs, nor beats: the group is empty, and later forgotten.
    world.pass(10 * SECOND);
    assert_eq!(world.state(), Some(GroupState::Empty));
    world.pass(601 * SECOND);
    assert_eq!(world.state(), None);
}

#[test]
fn a_rebalance_waits_for_members_that_beat_but_not_for_ever() {
    let mut world = World::new();
    let (first, _) = world.alone(plain());
    assert!(matches!(world.join(&plain()), Answer::Waiting));
    for _ in 0..11 {
        world.pass(5 * SECOND);
        assert_eq!(world.heartbeat(&first, 1).err(), Some(Error::RebalanceInProgress));
    }
    assert!(world.arrived().is_empty());
    world.pass(5 * SECOND);
    assert_eq!(world.arrived_joins().len(), 1);
    assert_eq!(world.heartbeat(&first, 2).err(), Some(Error::UnknownMember));
}

#[test]
fn leaving_lets_the_others_share() {
    let mut world = World::new();
    let (first, _) = world.alone(plain());
    assert!(matches!(world.join(&plain()), Answer::Waiting));
    let leave =
        |id: &str| GroupCommand::Leave { group: "g".to_owned(), members: vec![(id.to_owned(), None)] };
    let left = world.group_now(leave(&first.id)).expect("it is answered");
    assert!(matches!(left, GroupReply::Left(results) if results == [Ok(())]));
    let joins = world.arrived_joins();
    assert_eq!(joins[0].leader, joins[0].member);
    let left = world.group_now(leave(&first.id)).expect("it is answered");
    assert!(matches!(left, GroupReply::Left(results) if results == [Err(Error::UnknownMember)]));
    world.group_now(leave(&joins[0].member)).expect("it is answered");
    assert_eq!(world.state(), Some(GroupState::Empty));
}

#[test]
fn a_static_member_is_taken_over_without_a_rebalance() {
    let mut world = World::new();
    let (old, generation) = world.alone(fixed("a"));
    let Answer::Ready { outcome: Outcome::Group(GroupReply::Joined(joined)), .. } = world.join(&fixed("a"))
    else {
        panic!("it was to be answered at once")
    };
    assert_eq!((joined.generation, joined.skip_assignment, joined.members.len()), (generation, true, 1));
    assert_ne!(joined.member, old.id);
    let new = Client { id: joined.member.clone(), ..fixed("a") };
    assert_eq!(world.heartbeat(&old, generation).err(), Some(Error::FencedInstance));
    let Answer::Ready { outcome: Outcome::Group(reply), .. } = world.sync_with(&new, generation, &[]) else {
        panic!("it was to be answered at once")
    };
    assert_eq!(assignment(Ok(reply)), "mine");
    assert_eq!(error(world.join(&old)), Error::FencedInstance);
    // Other metadata is a rebalance.
    let changed = Client { protocols: client(&[("range", "other")]).protocols, ..fixed("a") };
    assert!(matches!(world.join(&changed), Answer::Waiting));
    assert_eq!(world.arrived_joins()[0].generation, generation + 1);
    // By its instance alone an administrator takes it out.
    let leave = GroupCommand::Leave {
        group: "g".to_owned(),
        members: vec![(String::new(), Some("a".to_owned())), (String::new(), Some("b".to_owned()))],
    };
    let left = world.group_now(leave).expect("it is answered");
    assert!(matches!(left, GroupReply::Left(results) if results == [Ok(()), Err(Error::UnknownMember)]));
}

#[test]
fn a_closed_connection_keeps_its_place_until_the_session_ends() {
    let mut world = World::new();
    let (first, generation) = world.alone(plain());
    assert!(matches!(world.join(&plain()), Answer::Waiting));
    world.store.detach(world.link.id);
    assert!(matches!(world.join(&first), Answer::Waiting));
    assert!(world.arrived().is_empty(), "the second one counts still");
    world.pass(10 * SECOND);
    let joins = world.arrived_joins();
    assert_eq!((joins.len(), joins[0].generation), (1, generation + 1));
}

#[test]
fn members_that_do_not_sync_are_out() {
    let mut world = World::new();
    assert!(matches!(world.join(&plain()), Answer::Waiting));
    let joined = world.arrived_joins().remove(0);
    let member = Client { id: joined.member, ..plain() };
    for _ in 0..12 {
        assert!(world.heartbeat(&member, 1).is_ok());
        world.pass(5 * SECOND);
    }
    assert_eq!(world.state(), Some(GroupState::Empty));
}

#[test]
fn the_first_rebalance_can_wait_for_more() {
    let mut settings = crate::store::tests::settings();
    settings.groups.initial_delay_ms = 3_000;
    let mut world = World::with(settings);
    assert!(matches!(world.join(&plain()), Answer::Waiting));
    world.pass(SECOND);
    assert!(matches!(world.join(&plain()), Answer::Waiting));
    assert!(world.arrived().is_empty());
    world.pass(2 * SECOND);
    let joins = world.arrived_joins();
    assert_eq!((joins.len(), joins[0].generation), (2, 1));
}
