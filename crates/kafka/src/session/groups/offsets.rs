//! OffsetCommit and OffsetFetch.

use super::super::call::Call;
use super::super::topics::{Known, Topic, Topics, topics_of};
use super::{code_of, reply};
use crate::codec::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
    OffsetFetchRequest, OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use crate::codec::{ErrorCode, Uuid};
use std::collections::BTreeMap;
use stele_model::{
    CommitOffset, CommittedOffset, GroupCommand, GroupReply, Outcome, PartitionIndex, Request, StreamCommand,
    StreamName,
};

/// From this version on both APIs name topics by id alone.
const BY_ID: i16 = 10;
/// From this version on offsets of several groups are fetched at once.
const BATCHED: i16 = 8;

/// A partition with what is committed for it.
type Commit = (i32, i64, i32, Option<String>);

/// A commit that no longer borrows.
struct Wanted {
    group: String,
    member: String,
    instance: Option<String>,
    generation: i32,
    topics: Vec<(String, Uuid, Vec<Commit>)>,
}

pub(in super::super) fn commit(call: &mut Call<'_, '_, '_>, request: &OffsetCommitRequest<'_>) {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let metadata = partition.committed_metadata.map(str::to_owned);
            (
                partition.partition_index,
                partition.committed_offset,
                partition.committed_leader_epoch,
                metadata,
            )
        });
        (topic.name.to_owned(), topic.topic_id, partitions.collect())
    });
    let wanted = Wanted {
        group: request.group_id.to_owned(),
        member: request.member_id.to_owned(),
        instance: request.group_instance_id.map(str::to_owned),
        generation: request.generation_id_or_member_epoch,
        topics: topics.collect(),
    };
    let topics = wanted.topics.iter().map(|(name, id, _)| (name.as_str(), *id));
    let questions = questions(&call.service.topics, call.version(), topics);
    call.ask(questions, |outcomes, call| {
        learn(&call.service.topics, outcomes);
        commit_known(call, wanted);
    });
}

/// What must be asked before these topics are known.
fn questions<'n>(
    known: &Topics,
    version: i16,
    mut topics: impl Iterator<Item = (&'n str, Uuid)>,
) -> Vec<Request> {
    if version >= BY_ID {
        let unknown = topics.any(|(_, id)| known.with_id(id).is_none());
        return unknown.then_some(Request::Stream(StreamCommand::List)).into_iter().collect();
    }
    let unknown = topics.filter(|(name, _)| known.named(name).is_none());
    unknown.map(|(name, _)| Request::Stream(StreamCommand::Info(StreamName::new(name)))).collect()
}

fn learn(known: &Topics, outcomes: Vec<Outcome>) {
    for outcome in outcomes {
        if let Outcome::Stream(stele_model::StreamReply::List(_)) = &outcome {
            if let Ok(all) = topics_of(outcome) {
                known.learn_all(all.iter().map(|(topic, _)| topic));
            }
        } else if let Ok(Some((topic, _))) = Topic::of_outcome(outcome) {
            known.learn(&topic);
        }
    }
}

fn find(known: &Topics, version: i16, name: &str, id: Uuid) -> Result<Known, ErrorCode> {
    match version >= BY_ID {
        true => known.with_id(id).ok_or(ErrorCode::UnknownTopicId),
        false => known.named(name).ok_or(ErrorCode::UnknownTopicOrPartition),
    }
}

fn commit_known(call: &mut Call<'_, '_, '_>, wanted: Wanted) {
    let version = call.version();
    let mut offsets = Vec::new();
    // For each partition its refusal, or none where it goes to the core.
    let mut topics = Vec::new();
    for (name, id, commits) in wanted.topics {
        let known = find(&call.service.topics, version, &name, id);
        let partitions: Vec<(i32, Option<ErrorCode>)> = commits
            .into_iter()
            .map(|commit| {
                let index = commit.0;
                match known.clone().and_then(|known| offset_of(known.name, commit)) {
                    Ok(offset) => {
                        offsets.push(offset);
                        (index, None)
                    }
                    Err(code) => (index, Some(code)),
                }
            })
            .collect();
        topics.push((name, id, partitions));
    }
    let command = GroupCommand::Commit {
        group: wanted.group,
        member: wanted.member,
        instance: wanted.instance,
        generation: wanted.generation,
        offsets,
    };
    call.ask_one(Request::Group(command), move |outcome, call| {
        let (results, failed) = match reply(outcome) {
            Ok(GroupReply::Committed(results)) => (results, ErrorCode::None),
            Ok(_) => (Vec::new(), ErrorCode::UnknownServerError),
            Err(code) => (Vec::new(), code),
        };
        let mut results = results.iter().map(code_of).chain(std::iter::repeat(failed));
        let topics = topics.into_iter().map(|(name, id, partitions)| OffsetCommitResponseTopic {
            name: name.into(),
            topic_id: id,
            partitions: partitions
                .into_iter()
                .map(|(partition_index, refused)| OffsetCommitResponsePartition {
                    partition_index,
                    error_code: refused.or_else(|| results.next()).unwrap_or_default(),
                })
                .collect(),
        });
        let answer = OffsetCommitResponse { topics: topics.collect(), ..Default::default() };
        call.respond(&answer);
    });
}

fn offset_of(stream: StreamName, commit: Commit) -> Result<CommitOffset, ErrorCode> {
    let (index, offset, leader_epoch, metadata) = commit;
    Ok(CommitOffset {
        stream,
        partition: u32::try_from(index).map_err(|_| ErrorCode::UnknownTopicOrPartition)?,
        // There is no offset below 0 to go on from.
        offset: u64::try_from(offset).map_err(|_| ErrorCode::InvalidRequest)?,
        leader_epoch,
        metadata,
    })
}

/// A group whose offsets are asked for.
struct Asked {
    group: String,
    /// `None`: all of the group.
    topics: Option<Vec<(String, Uuid, Vec<i32>)>>,
}

pub(in super::super) fn fetch(call: &mut Call<'_, '_, '_>, request: &OffsetFetchRequest<'_>) {
    let asked: Vec<Asked> = if call.version() < BATCHED {
        let topics = request.topics.as_ref().map(|topics| {
            let topics = topics.iter();
            topics.map(|topic| (topic.name.to_owned(), Uuid::ZERO, topic.partition_indexes.clone())).collect()
        });
        vec![Asked { group: request.group_id.to_owned(), topics }]
    } else {
        let group = |group: &crate::codec::messages::OffsetFetchRequestGroup<'_>| Asked {
            group: group.group_id.to_owned(),
            topics: group.topics.as_ref().map(|topics| {
                let topics = topics.iter();
                topics
                    .map(|topic| (topic.name.to_owned(), topic.topic_id, topic.partition_indexes.clone()))
                    .collect()
            }),
        };
        request.groups.iter().map(group).collect()
    };
    let by_id = call.version() >= BY_ID;
    let all = by_id && asked.iter().any(|asked| asked.topics.is_none());
    let topics = asked.iter().flat_map(|asked| asked.topics.iter().flatten());
    let questions = match by_id {
        // Names are not asked for: an offset outlives no topic.
        false => Vec::new(),
        true if all => vec![Request::Stream(StreamCommand::List)],
        true => questions(&call.service.topics, BY_ID, topics.map(|(name, id, _)| (name.as_str(), *id))),
    };
    call.ask(questions, |outcomes, call| {
        learn(&call.service.topics, outcomes);
        fetch_known(call, asked);
    });
}

/// A topic of the answer with its partitions: the committed offset, nothing, or why it is not known.
type Answer = (String, Uuid, Vec<(i32, Result<Option<CommitOffset>, ErrorCode>)>);

fn fetch_known(call: &mut Call<'_, '_, '_>, asked: Vec<Asked>) {
    let version = call.version();
    let commands = asked.iter().map(|asked| {
        let partitions = asked.topics.as_ref().map(|topics| {
            let topics = topics.iter();
            topics.flat_map(|topic| partitions_of(&call.service.topics, version, topic)).collect()
        });
        Request::Group(GroupCommand::Fetch { group: asked.group.clone(), partitions })
    });
    let commands = commands.collect();
    call.ask(commands, |outcomes, call| {
        let groups = asked.into_iter().zip(outcomes).map(|(asked, outcome)| {
            let (topics, code) = match reply(outcome) {
                Ok(GroupReply::Offsets(found)) => (topics_found(call, asked.topics, found), ErrorCode::None),
                Ok(_) => (Vec::new(), ErrorCode::UnknownServerError),
                Err(code) => (Vec::new(), code),
            };
            (asked.group, topics, code)
        });
        let groups = groups.collect();
        respond(call, groups);
    });
}

fn partitions_of(
    known: &Topics,
    version: i16,
    (name, id, partitions): &(String, Uuid, Vec<i32>),
) -> Vec<(StreamName, PartitionIndex)> {
    let name = match version >= BY_ID {
        true => known.with_id(*id).map(|known| known.name),
        false => Some(StreamName::new(name)),
    };
    let partition = |index: &i32| Some((name.clone()?, u32::try_from(*index).ok()?));
    partitions.iter().filter_map(partition).collect()
}

/// What was found, in the order of the question.
fn topics_found(
    call: &Call<'_, '_, '_>,
    asked: Option<Vec<(String, Uuid, Vec<i32>)>>,
    found: Vec<CommittedOffset>,
) -> Vec<Answer> {
    let known = &call.service.topics;
    let by_id = call.version() >= BY_ID;
    let Some(asked) = asked else {
        let mut topics: BTreeMap<StreamName, Vec<_>> = BTreeMap::new();
        for committed in found {
            let entry = (committed.partition as i32, Ok(committed.commit));
            topics.entry(committed.stream).or_default().push(entry);
        }
        let topic = |(name, partitions): (StreamName, Vec<_>)| {
            let id = known.named(name.as_str()).map(|known| known.id);
            // Without an id there is no way to tell of it.
            if by_id && id.is_none() {
                return None;
            }
            Some((name.as_str().to_owned(), id.unwrap_or(Uuid::ZERO), partitions))
        };
        return topics.into_iter().filter_map(topic).collect();
    };
    let mut found = found.into_iter();
    let topic = |(name, id, partitions): (String, Uuid, Vec<i32>)| {
        let unknown = by_id && known.with_id(id).is_none();
        let partition = |index: i32| match (unknown, index) {
            (true, _) => (index, Err(ErrorCode::UnknownTopicId)),
            (false, ..0) => (index, Ok(None)),
            (false, _) => (index, Ok(found.next().and_then(|committed| committed.commit))),
        };
        (name, id, partitions.into_iter().map(partition).collect())
    };
    asked.into_iter().map(topic).collect()
}

fn respond(call: &mut Call<'_, '_, '_>, groups: Vec<(String, Vec<Answer>, ErrorCode)>) {
    let mut answer = OffsetFetchResponse::default();
    if call.version() < BATCHED {
        if let Some((_, topics, code)) = groups.into_iter().next() {
            answer.error_code = code;
            answer.topics = topics.into_iter().map(old_topic).collect();
        }
    } else {
        let group =
            |(group, topics, error_code): (String, Vec<Answer>, ErrorCode)| OffsetFetchResponseGroup {
                group_id: group.into(),
                topics: topics.into_iter().map(new_topic).collect(),
                error_code,
            };
        answer.groups = groups.into_iter().map(group).collect();
    }
    call.respond(&answer);
}

/// Offset, leader epoch, metadata and error, as an answer says them.
fn said(found: Result<Option<CommitOffset>, ErrorCode>) -> (i64, i32, String, ErrorCode) {
    match found {
        Ok(Some(commit)) => {
            (commit.offset as i64, commit.leader_epoch, commit.metadata.unwrap_or_default(), ErrorCode::None)
        }
        Ok(None) => (-1, -1, String::new(), ErrorCode::None),
        Err(code) => (-1, -1, String::new(), code),
    }
}

fn old_topic((name, _, partitions): Answer) -> OffsetFetchResponseTopic<'static> {
    let partition = |(partition_index, found)| {
        let (committed_offset, committed_leader_epoch, metadata, error_code) = said(found);
        OffsetFetchResponsePartition {
            partition_index,
            committed_offset,
            committed_leader_epoch,
            metadata: Some(metadata.into()),
            error_code,
        }
    };
    OffsetFetchResponseTopic {
        name: name.into(),
        partitions: partitions.into_iter().map(partition).collect(),
    }
}

fn new_topic((name, topic_id, partitions): Answer) -> OffsetFetchResponseTopics<'static> {
    let partition = |(partition_index, found)| {
        let (committed_offset, committed_leader_epoch, metadata, error_code) = said(found);
        OffsetFetchResponsePartitions {
            partition_index,
            committed_offset,
            committed_leader_epoch,
            metadata: Some(metadata.into()),
            error_code,
        }
    };
    OffsetFetchResponseTopics {
        name: name.into(),
        topic_id,
        partitions: partitions.into_iter().map(partition).collect(),
    }
}
