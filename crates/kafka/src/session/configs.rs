//! DescribeConfigs: topics, and what of the broker has a name in Kafka.

use super::call::Call;
use super::config::{ConfigRule, ConfigType, entries_of};
use super::create_topics::{SOURCE_DEFAULT, SOURCE_TOPIC};
use super::topics::{Topic, name_fault};
use super::{errors, message};
use crate::codec::ErrorCode;
use crate::codec::messages::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};
use stele_model::{Error, Outcome, Request, StreamCommand, StreamName};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// The source of what the broker was started with.
const SOURCE_BROKER: i8 = 4;

type Answer = DescribeConfigsResult<'static>;
type Entry = DescribeConfigsResourceResult<'static>;

#[derive(Clone, Copy)]
struct Wants {
    synonyms: bool,
    documentation: bool,
}

pub(super) fn describe(call: &mut Call<'_, '_, '_>, request: &DescribeConfigsRequest<'_>) {
    let wants = Wants { synonyms: request.include_synonyms, documentation: request.include_documentation };
    let (mut answers, mut asked, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    for resource in &request.resources {
        let mut answer = Answer {
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.to_owned().into(),
            ..Default::default()
        };
        let keys = keys_of(resource);
        match resource.resource_type {
            TOPIC => match name_fault(resource.resource_name) {
                None => {
                    let name = StreamName::new(resource.resource_name);
                    asked.push((answers.len(), keys));
                    requests.push(Request::Stream(StreamCommand::Info(name)));
                }
                Some(fault) => refuse(&mut answer, ErrorCode::InvalidTopicException, fault),
            },
            BROKER => describe_broker(call, &mut answer, keys.as_deref(), wants),
            _ => refuse(&mut answer, ErrorCode::InvalidRequest, "Unsupported resource type".into()),
        }
        answers.push(answer);
    }
    call.ask(requests, move |outcomes, call| {
        for ((at, keys), outcome) in asked.into_iter().zip(outcomes) {
            describe_topic(&mut answers[at], keys.as_deref(), outcome, wants);
        }
        call.respond(&DescribeConfigsResponse { results: answers, ..Default::default() });
    });
}

fn keys_of(resource: &DescribeConfigsResource<'_>) -> Option<Vec<String>> {
    let keys = resource.configuration_keys.as_ref()?;
    Some(keys.iter().map(|key| (*key).to_owned()).collect())
}

fn refuse(answer: &mut Answer, code: ErrorCode, text: String) {
    answer.error_code = code;
    answer.error_message = Some(text.into());
}

fn is_wanted(keys: Option<&[String]>, name: &str) -> bool {
    keys.is_none_or(|keys| keys.iter().any(|key| key == name))
}

fn describe_topic(answer: &mut Answer, keys: Option<&[String]>, outcome: Outcome, wants: Wants) {
    match Topic::of_outcome(outcome) {
        Ok(Some((topic, _))) => {
            let entries = entries_of(&topic.spec).into_iter().filter(|(rule, ..)| is_wanted(keys, rule.name));
            answer.configs = entries.map(|(rule, value, set)| entry(rule, value, set, wants)).collect();
        }
        Ok(None) => {
            let error = Error::StreamNotFound(StreamName::new(&answer.resource_name));
            answer.error_code = errors::code(&error);
            answer.error_message = message(answer.error_code, &error);
        }
        Err(error) => {
            answer.error_code = errors::code(&error);
            answer.error_message = message(answer.error_code, &error);
        }
    }
}

fn entry(rule: &ConfigRule, value: String, set: bool, wants: Wants) -> Entry {
    let mut synonyms = Vec::new();
    if wants.synonyms {
        if set {
            synonyms.push(synonym(rule.name, value.clone(), SOURCE_TOPIC));
        }
        synonyms.push(synonym(rule.name, rule.default.to_owned(), SOURCE_DEFAULT));
    }
    Entry {
        name: rule.name.into(),
        value: Some(value.into()),
        read_only: false,
        config_source: if set { SOURCE_TOPIC } else { SOURCE_DEFAULT },
        is_sensitive: false,
        synonyms,
        config_type: rule.kind as i8,
        documentation: wants.documentation.then(|| rule.documentation.into()),
    }
}

fn synonym(name: &'static str, value: String, source: i8) -> DescribeConfigsSynonym<'static> {
    DescribeConfigsSynonym { name: name.into(), value: Some(value.into()), source }
}

fn describe_broker(call: &Call<'_, '_, '_>, answer: &mut Answer, keys: Option<&[String]>, wants: Wants) {
    let settings = &call.service.settings;
    let node = settings.node_id.to_string();
    // An empty name asks for what was changed for all brokers at run time: nothing is.
    if answer.resource_name.is_empty() {
        return;
    }
    if *answer.resource_name != *node {
        let text = format!("Unexpected broker id, expected {node}, but received {}", answer.resource_name);
        return refuse(answer, ErrorCode::InvalidRequest, text);
    }
    let fetch_bytes_max = settings.fetch_bytes_max.to_string();
    let entries = [
        ("auto.create.topics.enable", ConfigType::Boolean, settings.auto_create_topics.to_string()),
        ("broker.id", ConfigType::Int, node.clone()),
        ("default.replication.factor", ConfigType::Int, "1".to_owned()),
        ("fetch.max.bytes", ConfigType::Int, fetch_bytes_max),
        ("log.cleanup.policy", ConfigType::List, "delete".to_owned()),
        ("log.message.timestamp.type", ConfigType::String, "CreateTime".to_owned()),
        ("log.retention.bytes", ConfigType::Long, "-1".to_owned()),
        ("log.retention.ms", ConfigType::Long, "604800000".to_owned()),
        ("message.max.bytes", ConfigType::Int, "1048588".to_owned()),
        ("min.insync.replicas", ConfigType::Int, "1".to_owned()),
        ("node.id", ConfigType::Int, node),
        ("num.partitions", ConfigType::Int, settings.partitions_default.to_string()),
        ("socket.request.max.bytes", ConfigType::Int, settings.produce_bytes_max.to_string()),
    ];
    let shown =
        entries.into_iter().filter(|(name, ..)| is_wanted(keys, name)).map(|(name, kind, value)| Entry {
            name: name.into(),
            synonyms: if wants.synonyms {
                vec![synonym(name, value.clone(), SOURCE_BROKER)]
            } else {
                Vec::new()
            },
            value: Some(value.into()),
            read_only: true,
            config_source: SOURCE_BROKER,
            is_sensitive: false,
            config_type: kind as i8,
            documentation: None,
        });
    answer.configs = shown.collect();
}
