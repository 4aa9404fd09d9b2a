//! Metadata: the broker, and the topics asked for. A topic that is missing is made where that is allowed.

use super::call::Call;
use super::cluster::{CLUSTER_RIGHTS, Endpoint, RIGHTS_UNASKED, TOPIC_RIGHTS};
use super::topics::{Topic, name_fault, topics_of};
use super::{LEADER_EPOCH, config, errors};
use crate::codec::messages::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use crate::codec::{ErrorCode, Uuid};
use std::borrow::Cow;
use std::collections::BTreeMap;
use stele_model::{Error, Outcome, Request, StreamCommand, StreamName, StreamReply};

/// For more names than this the whole list is asked for.
const NAMES_ONE_BY_ONE_MAX: usize = 64;

/// What a request wants beside its topics.
#[derive(Clone, Copy)]
struct Wants {
    create: bool,
    topic_rights: bool,
    cluster_rights: bool,
}

/// A topic asked for.
enum Asked {
    Name(String),
    Id(Uuid),
}

type Answer = MetadataResponseTopic<'static>;

pub(super) fn handle(call: &mut Call<'_, '_, '_>, request: &MetadataRequest<'_>) {
    let wants = Wants {
        create: request.allow_auto_topic_creation && call.service.settings.auto_create_topics,
        topic_rights: request.include_topic_authorized_operations,
        cluster_rights: request.include_cluster_authorized_operations,
    };
    let all = match &request.topics {
        None => true,
        Some(topics) => topics.is_empty() && call.version() == 0,
    };
    let list = || Request::Stream(StreamCommand::List);
    if all {
        return call.ask_one(list(), move |outcome, call| all_topics(outcome, wants, call));
    }
    let asked: Vec<Asked> = request.topics.iter().flatten().map(asked).collect();
    let by_name = asked.iter().all(|asked| matches!(asked, Asked::Name(_)));
    if by_name && asked.len() <= NAMES_ONE_BY_ONE_MAX {
        let info = |asked: &Asked| match asked {
            Asked::Name(name) => Request::Stream(StreamCommand::Info(StreamName::new(name))),
            Asked::Id(_) => list(),
        };
        let requests = asked.iter().map(info).collect();
        return call.ask(requests, move |outcomes, call| {
            let found =
                outcomes.into_iter().map(|outcome| Ok(Topic::of_outcome(outcome)?.map(|found| found.0)));
            let found = found.collect();
            answer(asked, found, wants, call);
        });
    }
    call.ask_one(list(), move |outcome, call| {
        let found = match topics_of(outcome) {
            Ok(topics) => pick(&asked, topics.into_iter().map(|(topic, _)| topic).collect(), call),
            Err(error) => asked.iter().map(|_| Err(error.clone())).collect(),
        };
        answer(asked, found, wants, call);
    });
}

fn asked(topic: &crate::codec::messages::MetadataRequestTopic<'_>) -> Asked {
    match topic.name {
        Some(name) => Asked::Name(name.to_owned()),
        None => Asked::Id(topic.topic_id),
    }
}

fn all_topics(outcome: Outcome, wants: Wants, call: &mut Call<'_, '_, '_>) {
    match topics_of(outcome) {
        Ok(topics) => {
            call.service.topics.learn_all(topics.iter().map(|(topic, _)| topic));
            let topics = topics.iter().map(|(topic, _)| shown(topic, wants, call)).collect();
            respond(topics, ErrorCode::None, wants, call);
        }
        Err(error) => respond(Vec::new(), errors::code(&error), wants, call),
    }
}

/// Which of all topics were asked for.
fn pick(asked: &[Asked], topics: Vec<Topic>, call: &Call<'_, '_, '_>) -> Vec<Result<Option<Topic>, Error>> {
    call.service.topics.learn_all(topics.iter());
    let by_name: BTreeMap<&str, &Topic> = topics.iter().map(|topic| (topic.name.as_str(), topic)).collect();
    let by_id: BTreeMap<Uuid, &Topic> = topics.iter().map(|topic| (topic.id, topic)).collect();
    let find = |asked: &Asked| match asked {
        Asked::Name(name) => by_name.get(name.as_str()),
        Asked::Id(id) => by_id.get(id),
    };
    asked.iter().map(|asked| Ok(find(asked).map(|topic| (*topic).clone()))).collect()
}

/// Answers, after making what is missing and may be made.
fn answer(
    asked: Vec<Asked>,
    found: Vec<Result<Option<Topic>, Error>>,
    wants: Wants,
    call: &mut Call<'_, '_, '_>,
) {
    let mut answers = Vec::with_capacity(asked.len());
    let (mut missing, mut creates) = (Vec::new(), Vec::new());
    for (asked, found) in asked.into_iter().zip(found) {
        let code = match (&asked, found) {
            (_, Ok(Some(topic))) => {
                call.service.topics.learn(&topic);
                answers.push(shown(&topic, wants, call));
                continue;
            }
            (_, Err(error)) => errors::code(&error),
            (Asked::Id(_), Ok(None)) => ErrorCode::UnknownTopicId,
            (Asked::Name(name), Ok(None)) if name_fault(name).is_some() => ErrorCode::InvalidTopicException,
            (Asked::Name(name), Ok(None)) if wants.create => {
                let partitions = call.service.settings.partitions_default;
                match config::spec_of(name, partitions, BTreeMap::new()) {
                    Ok(spec) => {
                        missing.push((answers.len(), name.clone()));
                        creates.push(Request::Stream(StreamCommand::Create(Box::new(spec))));
                        ErrorCode::None
                    }
                    Err(_) => ErrorCode::InvalidTopicException,
                }
            }
            (Asked::Name(_), Ok(None)) => ErrorCode::UnknownTopicOrPartition,
        };
        answers.push(refused(asked, code));
    }
    call.ask(creates, move |outcomes, call| {
        for ((at, name), outcome) in missing.into_iter().zip(outcomes) {
            answers[at] = match outcome {
                Outcome::Stream(StreamReply::Info { info, .. }) => match Topic::of(&info) {
                    Some(topic) => {
                        call.service.topics.learn(&topic);
                        shown(&topic, wants, call)
                    }
                    None => refused(Asked::Name(name), ErrorCode::UnknownTopicOrPartition),
                },
                // Somebody else made it in between; the client asks again.
                Outcome::Failed(Error::StreamExists(_)) => {
                    refused(Asked::Name(name), ErrorCode::LeaderNotAvailable)
                }
                Outcome::Failed(error) => refused(Asked::Name(name), errors::code(&error)),
                _ => refused(Asked::Name(name), ErrorCode::UnknownServerError),
            };
        }
        respond(answers, ErrorCode::None, wants, call);
    });
}

fn respond(topics: Vec<Answer>, error_code: ErrorCode, wants: Wants, call: &mut Call<'_, '_, '_>) {
    let endpoint = Endpoint::of(call);
    let cluster_id: Cow<'_, str> = call.service.settings.cluster_id.as_str().into();
    let answer = MetadataResponse {
        brokers: vec![MetadataResponseBroker {
            node_id: endpoint.node_id,
            host: endpoint.host.into(),
            port: endpoint.port,
            rack: None,
        }],
        cluster_id: Some(cluster_id),
        controller_id: endpoint.node_id,
        topics,
        cluster_authorized_operations: if wants.cluster_rights { CLUSTER_RIGHTS } else { RIGHTS_UNASKED },
        error_code,
        ..Default::default()
    };
    call.respond(&answer);
}

fn shown(topic: &Topic, wants: Wants, call: &Call<'_, '_, '_>) -> Answer {
    let node = call.service.settings.node_id;
    let partition = |index: u32| MetadataResponsePartition {
        error_code: ErrorCode::None,
        partition_index: index as i32,
        leader_id: node,
        leader_epoch: LEADER_EPOCH,
        replica_nodes: vec![node],
        isr_nodes: vec![node],
        offline_replicas: Vec::new(),
    };
    Answer {
        error_code: ErrorCode::None,
        name: Some(topic.name.as_str().to_owned().into()),
        topic_id: topic.id,
        is_internal: false,
        partitions: (0..topic.partitions).map(partition).collect(),
        topic_authorized_operations: if wants.topic_rights { TOPIC_RIGHTS } else { RIGHTS_UNASKED },
    }
}

fn refused(asked: Asked, error_code: ErrorCode) -> Answer {
    let (name, topic_id) = match asked {
        Asked::Name(name) => (Some(name.into()), Uuid::ZERO),
        Asked::Id(id) => (None, id),
    };
    Answer { error_code, name, topic_id, ..Default::default() }
}
