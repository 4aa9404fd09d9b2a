//! CreateTopics: a stream for each topic.

use super::call::Call;
use super::config::{check_configs, entries_of, spec_of};
use super::topics::{Topic, name_fault};
use super::{errors, message};
use crate::KafkaSettings;
use crate::codec::messages::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use crate::codec::{ErrorCode, Uuid};
use std::borrow::Cow;
use std::collections::BTreeMap;
use stele_model::{Error, Outcome, Request, StreamCommand, StreamReply, StreamSpec};

type Answer = CreatableTopicResult<'static>;
/// A code with words.
type Refusal = (ErrorCode, Cow<'static, str>);

/// The source of a value that the topic itself sets, and of a default.
pub(super) const SOURCE_TOPIC: i8 = 1;
pub(super) const SOURCE_DEFAULT: i8 = 5;

pub(super) fn handle(call: &mut Call<'_, '_, '_>, request: &CreateTopicsRequest<'_>) {
    let validate_only = request.validate_only;
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    for topic in &request.topics {
        *names.entry(topic.name).or_default() += 1;
    }
    let (mut answers, mut asked, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    for topic in &request.topics {
        let settings = &call.service.settings;
        let spec = match names.get(topic.name) {
            Some(1) => spec_for(settings, topic),
            _ => Err((ErrorCode::InvalidRequest, "Duplicate topic name.".into())),
        };
        match spec {
            Ok(spec) => {
                asked.push((answers.len(), spec.clone()));
                requests.push(Request::Stream(match validate_only {
                    true => StreamCommand::Info(spec.name.clone()),
                    false => StreamCommand::Create(Box::new(spec)),
                }));
                answers.push(Answer { name: topic.name.to_owned().into(), ..Default::default() });
            }
            Err(refusal) => answers.push(refused(topic.name, refusal)),
        }
    }
    call.ask(requests, move |outcomes, call| {
        for ((at, spec), outcome) in asked.into_iter().zip(outcomes) {
            let name = spec.name.as_str();
            answers[at] = match made(outcome, validate_only, call) {
                Ok(id) => shown(&spec, id),
                Err(refusal) => refused(name, refusal),
            };
        }
        call.respond(&CreateTopicsResponse { topics: answers, ..Default::default() });
    });
}

/// What the core made of it: the new topic's id, zero where it was only checked.
fn made(outcome: Outcome, validate_only: bool, call: &Call<'_, '_, '_>) -> Result<Uuid, Refusal> {
    let exists = || (ErrorCode::TopicAlreadyExists, "Topic already exists.".into());
    match outcome {
        Outcome::Failed(Error::StreamNotFound(_)) if validate_only => Ok(Uuid::ZERO),
        Outcome::Failed(error) => {
            let code = errors::code(&error);
            Err((code, message(code, &error).unwrap_or_default()))
        }
        Outcome::Stream(StreamReply::Info { info, created: true }) if !validate_only => {
            if let Some(topic) = Topic::of(&info) {
                call.service.topics.learn(&topic);
            }
            Ok(Uuid(info.id))
        }
        Outcome::Stream(StreamReply::Info { .. }) => Err(exists()),
        _ => Err((ErrorCode::UnknownServerError, "an answer about a stream was expected".into())),
    }
}

fn spec_for(settings: &KafkaSettings, topic: &CreatableTopic<'_>) -> Result<StreamSpec, Refusal> {
    if let Some(fault) = name_fault(topic.name) {
        return Err((ErrorCode::InvalidTopicException, fault.into()));
    }
    let partitions = match topic.assignments.is_empty() {
        true => partitions_of(settings, topic)?,
        false => assigned(settings, topic)?,
    };
    let entries = topic.configs.iter().map(|config| (config.name, config.value));
    let invalid = |fault: String| (ErrorCode::InvalidConfig, fault.into());
    spec_of(topic.name, partitions, check_configs(entries).map_err(invalid)?).map_err(invalid)
}

fn partitions_of(settings: &KafkaSettings, topic: &CreatableTopic<'_>) -> Result<u32, Refusal> {
    let factor = topic.replication_factor;
    if factor == 0 || factor < -1 {
        return Err((
            ErrorCode::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.".into(),
        ));
    }
    if factor > 1 && !settings.accept_replication {
        let text = format!(
            "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} cannot be reached \
             because only 1 broker(s) are registered."
        );
        return Err((ErrorCode::InvalidReplicationFactor, text.into()));
    }
    match topic.num_partitions {
        -1 => Ok(settings.partitions_default),
        1.. => Ok(topic.num_partitions as u32),
        _ => Err((
            ErrorCode::InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.".into(),
        )),
    }
}

/// Partitions whose replicas the client placed: 0, 1, 2 … each on this broker.
fn assigned(settings: &KafkaSettings, topic: &CreatableTopic<'_>) -> Result<u32, Refusal> {
    let refuse = |text: &'static str| Err((ErrorCode::InvalidReplicaAssignment, text.into()));
    if topic.num_partitions != -1 || topic.replication_factor != -1 {
        let text = "A manual partition assignment was specified, but numPartitions or replicationFactor was not set to -1.";
        return Err((ErrorCode::InvalidRequest, text.into()));
    }
    let mut indexes: Vec<i32> =
        topic.assignments.iter().map(|assignment| assignment.partition_index).collect();
    indexes.sort_unstable();
    if !indexes.iter().copied().eq(0..indexes.len() as i32) {
        return refuse("partitions should be a consecutive 0-based integer sequence");
    }
    let here = |brokers: &[i32]| brokers == [settings.node_id];
    if !topic.assignments.iter().all(|assignment| here(&assignment.broker_ids)) {
        return refuse("replicas are placed on brokers that do not exist");
    }
    Ok(indexes.len() as u32)
}

fn shown(spec: &StreamSpec, topic_id: Uuid) -> Answer {
    let config =
        |(rule, value, set): (&'static super::config::ConfigRule, String, bool)| CreatableTopicConfigs {
            name: rule.name.into(),
            value: Some(value.into()),
            read_only: false,
            config_source: if set { SOURCE_TOPIC } else { SOURCE_DEFAULT },
            is_sensitive: false,
        };
    Answer {
        name: spec.name.as_str().to_owned().into(),
        topic_id,
        num_partitions: spec.partitions as i32,
        replication_factor: 1,
        configs: Some(entries_of(spec).into_iter().map(config).collect()),
        ..Default::default()
    }
}

fn refused(name: &str, (error_code, text): Refusal) -> Answer {
    Answer {
        name: name.to_owned().into(),
        error_code,
        error_message: Some(text),
        configs: Some(Vec::new()),
        ..Default::default()
    }
}
