//! CreatePartitions and ListPartitionReassignments.

use super::call::Call;
use super::config::TopicDocument;
use super::topics::Topic;
use super::{errors, message};
use crate::codec::ErrorCode;
use crate::codec::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
    ListPartitionReassignmentsResponse,
};
use std::borrow::Cow;
use std::collections::BTreeMap;
use stele_model::{Error, Outcome, Request, StreamCommand, StreamName, StreamSpec, Wire};

type Answer = CreatePartitionsTopicResult<'static>;
/// A code with words.
type Refusal = (ErrorCode, Cow<'static, str>);

/// One node moves nothing.
pub(super) fn list_reassignments(call: &mut Call<'_, '_, '_>) {
    call.respond(&ListPartitionReassignmentsResponse::default());
}

/// What a client wants of a topic.
struct Wanted {
    name: String,
    count: i32,
    /// Broker ids of each new partition.
    assignments: Option<Vec<Vec<i32>>>,
    duplicate: bool,
}

pub(super) fn create(call: &mut Call<'_, '_, '_>, request: &CreatePartitionsRequest<'_>) {
    let validate_only = request.validate_only;
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    for topic in &request.topics {
        *names.entry(topic.name).or_default() += 1;
    }
    let wanted = |topic: &CreatePartitionsTopic<'_>| Wanted {
        name: topic.name.to_owned(),
        count: topic.count,
        assignments: topic
            .assignments
            .as_ref()
            .map(|assignments| assignments.iter().map(|assignment| assignment.broker_ids.clone()).collect()),
        duplicate: names.get(topic.name) != Some(&1),
    };
    let wanted: Vec<Wanted> = request.topics.iter().map(wanted).collect();
    let info = |wanted: &Wanted| Request::Stream(StreamCommand::Info(StreamName::new(&wanted.name)));
    let requests = wanted.iter().map(info).collect();
    call.ask(requests, move |outcomes, call| grow(call, wanted, outcomes, validate_only));
}

fn grow(call: &mut Call<'_, '_, '_>, wanted: Vec<Wanted>, outcomes: Vec<Outcome>, validate_only: bool) {
    let node = call.service.settings.node_id;
    let (mut answers, mut asked, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    for (wanted, outcome) in wanted.into_iter().zip(outcomes) {
        let spec = match Topic::of_outcome(outcome) {
            Ok(Some((topic, _))) => grown(&topic, &wanted, node),
            Ok(None) => Err((
                ErrorCode::UnknownTopicOrPartition,
                "This server does not host this topic-partition.".into(),
            )),
            Err(error) => Err(refusal(&error)),
        };
        let mut answer = Answer { name: wanted.name.into(), ..Default::default() };
        match spec {
            Ok(_) if validate_only => {}
            Ok(spec) => {
                asked.push(answers.len());
                requests.push(Request::Stream(StreamCommand::Update(Box::new(spec))));
            }
            Err((code, text)) => (answer.error_code, answer.error_message) = (code, Some(text)),
        }
        answers.push(answer);
    }
    call.ask(requests, move |outcomes, call| {
        for (at, outcome) in asked.into_iter().zip(outcomes) {
            if let Outcome::Failed(error) = outcome {
                let (code, text) = refusal(&error);
                (answers[at].error_code, answers[at].error_message) = (code, Some(text));
            }
        }
        call.respond(&CreatePartitionsResponse { results: answers, ..Default::default() });
    });
}

fn refusal(error: &Error) -> Refusal {
    let code = match error {
        Error::InvalidSpec(_) => ErrorCode::InvalidPartitions,
        other => errors::code(other),
    };
    (code, message(code, error).unwrap_or_default())
}

/// The topic with more partitions.
fn grown(topic: &Topic, wanted: &Wanted, node: i32) -> Result<StreamSpec, Refusal> {
    let refuse = |code, text: String| Err((code, Cow::from(text)));
    if wanted.duplicate {
        return refuse(ErrorCode::InvalidRequest, "Duplicate topic in request.".into());
    }
    let now = topic.partitions;
    let count = u32::try_from(wanted.count).unwrap_or(0);
    if count <= now {
        let text = format!(
            "The topic {} currently has {now} partition(s); {} would not be an increase.",
            wanted.name, wanted.count
        );
        return refuse(ErrorCode::InvalidPartitions, text);
    }
    if topic.spec.made_by != Wire::Kafka {
        let text = "A stream that was not made as a topic has one partition.".to_owned();
        return refuse(ErrorCode::InvalidPartitions, text);
    }
    if TopicDocument::of(&topic.spec).configs.get("stele.subjects").is_some_and(|list| !list.is_empty()) {
        // Subjects are spread by their hash; more partitions would tear their order (semantics 25).
        let text = "A topic that captures subjects keeps its partitions.".to_owned();
        return refuse(ErrorCode::InvalidPartitions, text);
    }
    if let Some(assignments) = &wanted.assignments {
        let fits = assignments.len() == (count - now) as usize
            && assignments.iter().all(|brokers| *brokers == [node]);
        if !fits {
            let text = "Replicas must be placed for each new partition, on brokers that exist.".to_owned();
            return refuse(ErrorCode::InvalidReplicaAssignment, text);
        }
    }
    Ok(StreamSpec { partitions: count, ..(*topic.spec).clone() })
}
