//! Commits, their durability and their end.

use super::*;
use crate::journal::Journal;

pub(super) fn offset(stream: &str, partition: u32, offset: u64) -> CommitOffset {
    CommitOffset {
        stream: StreamName::new(stream),
        partition,
        offset,
        leader_epoch: -1,
        metadata: offset.is_multiple_of(2).then(|| "note".to_owned()),
    }
}

pub(super) fn commit(group: &str, offsets: Vec<CommitOffset>) -> GroupCommand {
    GroupCommand::Commit {
        group: group.to_owned(),
        member: String::new(),
        instance: None,
        generation: -1,
        offsets,
    }
}

fn fetch(group: &str) -> GroupCommand {
    GroupCommand::Fetch { group: group.to_owned(), partitions: None }
}

fn offsets(reply: GroupReply) -> Vec<(String, u32, Option<u64>)> {
    let GroupReply::Offsets(offsets) = reply else { panic!("no offsets: {reply:?}") };
    let flat = |found: CommittedOffset| {
        (found.stream.as_str().to_owned(), found.partition, found.commit.map(|commit| commit.offset))
    };
    offsets.into_iter().map(flat).collect()
}

#[test]
fn a_commit_is_answered_when_it_is_durable() {
    let mut world = World::new();
    let answer = world.group(commit("g", vec![offset("t", 0, 7)]));
    let Answer::Ready { lsn, .. } = answer else { panic!("{answer:?}") };
    assert!(lsn > world.journal.durable());
    assert_eq!(lsn, world.journal.end());
    // A reader of it waits for the same.
    let Answer::Ready { lsn: read, .. } = world.group(fetch("g")) else { panic!("no answer") };
    assert_eq!(read, lsn);
    let asked = Some(vec![(StreamName::new("t"), 0), (StreamName::new("t"), 1)]);
    let reply = world.group_now(GroupCommand::Fetch { group: "g".to_owned(), partitions: asked });
    assert_eq!(offsets(reply.expect("it is answered")), [("t".into(), 0, Some(7)), ("t".into(), 1, None)]);
    let mut other = World::new();
    assert_eq!(offsets(other.group_now(fetch("nobody")).expect("it is answered")), []);
}

#[test]
fn who_may_commit() {
    let mut world = World::new();
    let (member, generation) = world.alone(plain());
    let by = |member: &str, generation| GroupCommand::Commit {
        group: "g".to_owned(),
        member: member.to_owned(),
        instance: None,
        generation,
        offsets: vec![offset("t", 0, 1)],
    };
    for (id, generation, expected) in [
        (&*member.id, generation, None),
        (&*member.id, generation + 1, Some(Error::IllegalGeneration)),
        ("stranger", generation, Some(Error::UnknownMember)),
        ("", -1, Some(Error::UnknownMember)),
    ] {
        assert_eq!(world.group_now(by(id, generation)).err(), expected, "{id} {generation}");
    }
    let missing = GroupCommand::Commit {
        group: "missing".to_owned(),
        member: "m".to_owned(),
        instance: None,
        generation: 1,
        offsets: Vec::new(),
    };
    assert_eq!(world.group_now(missing).err(), Some(Error::IllegalGeneration));
    let mut large = offset("t", 0, 1);
    large.metadata = Some("x".repeat(4097));
    let reply = world.group_now(commit("h", vec![large, offset("t", 1, 2)])).expect("it is answered");
    assert!(
        matches!(reply, GroupReply::Committed(results) if results == [Err(Error::MetadataTooLarge), Ok(())])
    );
}

#[test]
fn offsets_expire_a_week_after_the_last_member_left() {
    const DAY: u64 = 24 * 3600 * SECOND;
    let mut world = World::new();
    world.group_now(commit("g", vec![offset("t", 0, 7)])).expect("it is answered");
    world.pass(4 * DAY);
    world.group_now(commit("g", vec![offset("t", 1, 8)])).expect("it is answered");
    world.pass(4 * DAY);
    assert_eq!(offsets(world.group_now(fetch("g")).expect("it is answered")), [("t".into(), 1, Some(8))]);
    world.pass(4 * DAY);
    assert_eq!(offsets(world.group_now(fetch("g")).expect("it is answered")), []);
    world.journal.sync();
    let reopened = world.reopened();
    assert!(matches!(reopened.request(world.now, &world.caller(), Request::Group(GroupCommand::List)),
        Answer::Ready { outcome: Outcome::Group(GroupReply::Described(groups)), .. } if groups.is_empty()));
}

#[test]
fn groups_are_deleted_when_nobody_is_in_them() {
    let mut world = World::new();
    let (member, _) = world.alone(plain());
    world.group_now(commit("h", vec![offset("t", 0, 7)])).expect("it is answered");
    let names = ["g", "h", "missing"].map(str::to_owned).to_vec();
    let reply = world.group_now(GroupCommand::Delete(names)).expect("it is answered");
    let expected = [Err(Error::GroupNotEmpty), Ok(()), Err(Error::GroupNotFound)];
    assert!(matches!(reply, GroupReply::Deleted(results) if results == expected));
    let GroupReply::Described(groups) = world.group_now(GroupCommand::List).expect("it is answered") else {
        panic!("no list")
    };
    assert_eq!(groups.iter().flatten().map(|group| &*group.group).collect::<Vec<_>>(), ["g"]);
    let group = groups[0].as_ref().expect("it is listed");
    assert_eq!(
        (&*group.protocol_type, &*group.protocol, &*group.members[0].member),
        ("consumer", "range", &*member.id)
    );
}

#[test]
fn a_deleted_topic_takes_its_commits_along() {
    let mut world = World::new();
    world.create(crate::store::tests::spec("t", &["t"]));
    world.group_now(commit("g", vec![offset("t", 0, 7), offset("u", 0, 8)])).expect("it is answered");
    world.stream(StreamCommand::Delete(StreamName::new("t"))).expect("it is there");
    assert_eq!(offsets(world.group_now(fetch("g")).expect("it is answered")), [("u".into(), 0, Some(8))]);
}

#[test]
fn producer_ids_never_return() {
    let mut world = World::new();
    let take = |world: &mut World| match world.group_now(GroupCommand::NewProducerId) {
        Ok(GroupReply::Producer(id)) => id,
        other => panic!("no id: {other:?}"),
    };
    let given: Vec<i64> = (0..1500).map(|_| take(&mut world)).collect();
    assert!(given.is_sorted_by(|left, right| left < right));
    let reopened = world.reopened();
    let caller = world.caller();
    match reopened.request(world.now, &caller, Request::Group(GroupCommand::NewProducerId)) {
        Answer::Ready { outcome: Outcome::Group(GroupReply::Producer(id)), .. } => assert_eq!(id, 2000),
        other => panic!("no id: {other:?}"),
    }
}
