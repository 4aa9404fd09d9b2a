//! DeleteTopics, by name or by id.

use super::call::Call;
use super::topics::{Topic, topics_of};
use super::{errors, message};
use crate::codec::messages::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse};
use crate::codec::{ErrorCode, Uuid};
use std::collections::BTreeMap;
use stele_model::{Error, Outcome, Request, StreamCommand, StreamName};

type Answer = DeletableTopicResult<'static>;

/// A topic to delete: its name where it was named, its id where it was not.
struct Asked {
    name: Option<String>,
    id: Uuid,
}

pub(super) fn handle(call: &mut Call<'_, '_, '_>, request: &DeleteTopicsRequest<'_>) {
    let by_name =
        request.topic_names.iter().map(|name| Asked { name: Some((*name).to_owned()), id: Uuid::ZERO });
    let by_state =
        request.topics.iter().map(|topic| Asked { name: topic.name.map(str::to_owned), id: topic.topic_id });
    let asked: Vec<Asked> = by_name.chain(by_state).collect();
    // The whole list tells topics from views, and names from ids.
    call.ask_one(Request::Stream(StreamCommand::List), move |outcome, call| match topics_of(outcome) {
        Ok(topics) => delete(call, asked, topics.into_iter().map(|(topic, _)| topic).collect()),
        Err(error) => {
            let answers = asked.into_iter().map(|asked| failed(asked, &error)).collect();
            call.respond(&DeleteTopicsResponse { responses: answers, ..Default::default() });
        }
    });
}

fn delete(call: &mut Call<'_, '_, '_>, asked: Vec<Asked>, topics: Vec<Topic>) {
    let by_name: BTreeMap<&str, &Topic> = topics.iter().map(|topic| (topic.name.as_str(), topic)).collect();
    let by_id: BTreeMap<Uuid, &Topic> = topics.iter().map(|topic| (topic.id, topic)).collect();
    let (mut answers, mut deleted, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    for asked in asked {
        let both = asked.name.is_some() && asked.id != Uuid::ZERO;
        let topic = match &asked.name {
            _ if both => None,
            Some(name) => by_name.get(name.as_str()),
            None => by_id.get(&asked.id),
        };
        let Some(topic) = topic else {
            answers.push(missing(asked, both));
            continue;
        };
        deleted.push((answers.len(), topic.name.clone()));
        requests.push(Request::Stream(StreamCommand::Delete(topic.name.clone())));
        answers.push(Answer {
            name: Some(topic.name.as_str().to_owned().into()),
            topic_id: topic.id,
            ..Default::default()
        });
    }
    call.ask(requests, move |outcomes, call| {
        for ((at, name), outcome) in deleted.into_iter().zip(outcomes) {
            finish(call, &mut answers[at], &name, &outcome);
        }
        call.respond(&DeleteTopicsResponse { responses: answers, ..Default::default() });
    });
}

fn finish(call: &Call<'_, '_, '_>, answer: &mut Answer, name: &StreamName, outcome: &Outcome) {
    match outcome {
        Outcome::Failed(error) => {
            answer.error_code = errors::code(error);
            answer.error_message = message(answer.error_code, error);
        }
        _ => call.service.topics.forget(name),
    }
}

fn missing(asked: Asked, both: bool) -> Answer {
    let (error_code, text) = match (both, asked.name.is_some()) {
        (true, _) => (ErrorCode::InvalidRequest, "You may not specify both topic name and topic id."),
        (false, true) => {
            (ErrorCode::UnknownTopicOrPartition, "This server does not host this topic-partition.")
        }
        (false, false) => (ErrorCode::UnknownTopicId, "This server does not host this topic ID."),
    };
    Answer {
        name: asked.name.map(Into::into),
        topic_id: asked.id,
        error_code,
        error_message: Some(text.into()),
    }
}

fn failed(asked: Asked, error: &Error) -> Answer {
    let error_code = errors::code(error);
    Answer {
        name: asked.name.map(Into::into),
        topic_id: asked.id,
        error_code,
        error_message: message(error_code, error),
    }
}
