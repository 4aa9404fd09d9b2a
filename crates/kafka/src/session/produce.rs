//! Produce: each partition's batch is checked, and all of a request are appended at once.
//!
//! Versions 0 to 2 are advertised, because older librdkafka compresses only then, but not handled (KAFKA-18659).

use super::call::Call;
use super::topics::{Known, Topic};
use super::{KafkaSession, errors};
use crate::codec::messages::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use crate::codec::{ErrorCode, RequestHeader, Uuid};
use bytes::Bytes;
use std::borrow::Cow;
use stele_model::batch::{Batch, Codec};
use stele_model::{
    Append, AppendedBatch, BatchReply, Close, Error, Now, Order, Outcome, Request, StreamCommand, StreamName,
    Ticket, Turn,
};

/// A produce request whose answer is awaited.
pub(super) struct Produced {
    ticket: Ticket,
    /// Record bytes that wait.
    bytes: usize,
    header: RequestHeader<'static>,
    form: Form,
}

/// What the answer to a produce request needs to know of it.
struct Form {
    answered: bool,
    topics: Vec<FormTopic>,
}

struct FormTopic {
    /// Empty in versions that name topics by id.
    name: String,
    id: Uuid,
    partitions: Vec<FormPartition>,
}

struct FormPartition {
    index: i32,
    /// Refused before anything was appended.
    refused: Option<Refusal>,
}

/// A code with words.
type Refusal = (ErrorCode, Cow<'static, str>);

impl KafkaSession {
    /// False: the request must wait until those before it are answered.
    pub(super) fn on_produce(
        &mut self,
        now: Now,
        header: RequestHeader<'static>,
        request: &ProduceRequest<'_>,
        turn: &mut Turn<'_, '_>,
    ) -> Result<bool, Close> {
        let unknown = unknown_topics(&self.service.topics, header.version, request);
        if unknown.is_empty() {
            let (form, append) = prepare(&self.service.topics, header.version, request);
            return self.append(header, form, append, turn).map(|()| true);
        }
        if self.busy.as_ref().is_some_and(|busy| !busy.produced.is_empty()) {
            return Ok(false);
        }
        // Rare: the first request for a topic of which no client has asked yet.
        let mut call = Call::new(now, &self.service, self.ends, header, turn);
        ask_topics(&mut call, unknown, Owned::of(request));
        if let Some(waiting) = call.waiting.take() {
            self.busy.get_or_insert_default().waiting = Some((header, waiting));
        }
        Ok(true)
    }

    fn append(
        &mut self,
        header: RequestHeader<'static>,
        form: Form,
        append: Append,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Close> {
        let idle = self.busy.as_ref().is_none_or(|busy| busy.produced.is_empty());
        if append.batches.is_empty() && idle {
            return finish(header, form, Vec::new(), turn);
        }
        // An empty append keeps a refused request in turn behind those that wait.
        let bytes = append.batches.iter().map(|batch| batch.batch.len()).sum();
        let ticket = turn.request(Request::Append(append), Order::InTurn);
        let busy = self.busy.get_or_insert_default();
        busy.bytes += bytes;
        busy.produced.push_back(Produced { ticket, bytes, header, form });
        Ok(())
    }

    /// The core answers a produce request.
    pub(super) fn on_appended(
        &mut self,
        ticket: Ticket,
        outcome: Outcome,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Close> {
        let Some(busy) = &mut self.busy else { return Ok(()) };
        if busy.produced.front().is_none_or(|produced| produced.ticket != ticket) {
            return Ok(());
        }
        let Some(produced) = busy.produced.pop_front() else { return Ok(()) };
        busy.bytes -= produced.bytes;
        let results = results_of(outcome, &produced.form);
        forget_missing(&self.service.topics, &results);
        finish(produced.header, produced.form, results, turn)
    }
}

/// One result per batch that was appended, in order.
fn results_of(outcome: Outcome, form: &Form) -> Vec<Result<BatchReply, Error>> {
    let error = match outcome {
        Outcome::Appended(reply) => return reply.batches,
        Outcome::Failed(error) => error,
        _ => Error::Internal("the answer to an append was expected"),
    };
    let appended = form.topics.iter().flat_map(|topic| &topic.partitions);
    appended.filter(|partition| partition.refused.is_none()).map(|_| Err(error.clone())).collect()
}

/// A topic that went is asked for again, should another one have its name now.
fn forget_missing(topics: &super::Topics, results: &[Result<BatchReply, Error>]) {
    for result in results {
        if let Err(Error::StreamNotFound(name)) = result {
            topics.forget(name);
        }
    }
}

fn finish(
    header: RequestHeader<'static>,
    form: Form,
    results: Vec<Result<BatchReply, Error>>,
    turn: &mut Turn<'_, '_>,
) -> Result<(), Close> {
    let answered = form.answered;
    let (answer, failed) = answer(header.version, form, results);
    match (answered, failed) {
        (true, _) => header.respond(&answer, turn.send()),
        (false, false) => {}
        // Without an answer, ending the connection is the only way to tell the client (as Kafka does).
        (false, true) => return Err(Close::Refused("a produce without acknowledgement failed")),
    }
    Ok(())
}

fn answer(
    version: i16,
    form: Form,
    results: Vec<Result<BatchReply, Error>>,
) -> (ProduceResponse<'static>, bool) {
    let mut results = results.into_iter();
    let mut failed = false;
    let mut partition = |part: FormPartition| {
        let result = match part.refused {
            Some(refusal) => Err(refusal),
            None => match results.next() {
                Some(Ok(reply)) => Ok(reply),
                Some(Err(error)) => Err((code_for(&error, version), error.to_string().into())),
                None => Err((ErrorCode::UnknownServerError, "the append was not answered".into())),
            },
        };
        failed |= result.is_err();
        match result {
            Ok(reply) => PartitionProduceResponse {
                index: part.index,
                base_offset: reply.base_offset as i64,
                log_append_time_ms: reply.append_time_ms,
                log_start_offset: reply.log_start as i64,
                ..Default::default()
            },
            Err((error_code, text)) => PartitionProduceResponse {
                index: part.index,
                error_code,
                base_offset: -1,
                error_message: Some(text),
                ..Default::default()
            },
        }
    };
    let topic = |topic: FormTopic| TopicProduceResponse {
        name: topic.name.into(),
        topic_id: topic.id,
        partition_responses: topic.partitions.into_iter().map(&mut partition).collect(),
    };
    let responses = form.topics.into_iter().map(topic).collect();
    (ProduceResponse { responses, ..Default::default() }, failed)
}

/// A topic that is named by its id is unknown by its id.
fn code_for(error: &Error, version: i16) -> ErrorCode {
    match error {
        Error::StreamNotFound(_) if version >= BY_ID => ErrorCode::UnknownTopicId,
        other => errors::code(other),
    }
}

/// From this version on topics are named by id alone.
const BY_ID: i16 = 13;
/// Zstd may be produced from this version on (KIP-110).
const ZSTD: i16 = 7;

/// A produce request that no longer borrows, while its topics are asked for.
struct Owned {
    transactional: bool,
    acks: i16,
    topics: Vec<(String, Uuid, Vec<OwnedPartition>)>,
}

/// A partition's number and its records.
type OwnedPartition = (i32, Option<Bytes>);

impl Owned {
    fn of(request: &ProduceRequest<'_>) -> Self {
        let partition =
            |data: &PartitionProduceData<'_>| (data.index, data.records.map(Bytes::copy_from_slice));
        let topics = request.topic_data.iter().map(|topic| {
            let partitions = topic.partition_data.iter().map(partition).collect();
            (topic.name.to_owned(), topic.topic_id, partitions)
        });
        Self {
            transactional: request.transactional_id.is_some(),
            acks: request.acks,
            topics: topics.collect(),
        }
    }
}

/// How a topic is asked for.
enum Unknown {
    Name(String),
    Id,
}

fn unknown_topics(topics: &super::Topics, version: i16, request: &ProduceRequest<'_>) -> Vec<Unknown> {
    let unknown = |topic: &crate::codec::messages::TopicProduceData<'_>| match version >= BY_ID {
        true => topics.with_id(topic.topic_id).is_none().then_some(Unknown::Id),
        false => topics.named(topic.name).is_none().then(|| Unknown::Name(topic.name.to_owned())),
    };
    request.topic_data.iter().filter_map(unknown).collect()
}

fn ask_topics(call: &mut Call<'_, '_, '_>, unknown: Vec<Unknown>, request: Owned) {
    let requests: Vec<Request> = match unknown.iter().any(|unknown| matches!(unknown, Unknown::Id)) {
        true => vec![Request::Stream(StreamCommand::List)],
        false => unknown
            .into_iter()
            .filter_map(|unknown| match unknown {
                Unknown::Name(name) => Some(Request::Stream(StreamCommand::Info(StreamName::new(&name)))),
                Unknown::Id => None,
            })
            .collect(),
    };
    call.ask(requests, |outcomes, call| {
        for outcome in outcomes {
            learn(outcome, call);
        }
        append_owned(call, request);
    });
}

fn learn(outcome: Outcome, call: &Call<'_, '_, '_>) {
    let topics = &call.service.topics;
    if let Outcome::Stream(stele_model::StreamReply::List(_)) = &outcome {
        if let Ok(found) = super::topics::topics_of(outcome) {
            topics.learn_all(found.iter().map(|(topic, _)| topic));
        }
    } else if let Ok(Some((topic, _))) = Topic::of_outcome(outcome) {
        topics.learn(&topic);
    }
}

fn append_owned(call: &mut Call<'_, '_, '_>, request: Owned) {
    let version = call.version();
    let mut batches = Vec::new();
    let mut form = Form { answered: request.acks != 0, topics: Vec::new() };
    for (name, id, partitions) in request.topics {
        let known = known(&call.service.topics, version, &name, id);
        let mut topic = FormTopic { name, id, partitions: Vec::new() };
        for (index, records) in partitions {
            let checked =
                check(version, request.acks, request.transactional, known.as_ref(), records.as_deref());
            let refused = match (checked, &known, records) {
                (Ok(()), Some(known), Some(records)) => push(&mut batches, known, index, records),
                (Err(refusal), ..) => Some(refusal),
                _ => Some(unknown_topic(version)),
            };
            topic.partitions.push(FormPartition { index, refused });
        }
        form.topics.push(topic);
    }
    call.ask_one(Request::Append(Append { batches }), move |outcome, call| {
        let results = results_of(outcome, &form);
        forget_missing(&call.service.topics, &results);
        let answered = form.answered;
        let (answer, _) = answer(call.version(), form, results);
        if answered {
            call.respond(&answer);
        }
    });
}

/// Checks what was sent; the batches that may be appended are copied out of the input, once.
fn prepare(topics: &super::Topics, version: i16, request: &ProduceRequest<'_>) -> (Form, Append) {
    let mut batches = Vec::new();
    let mut form = Form { answered: request.acks != 0, topics: Vec::with_capacity(request.topic_data.len()) };
    let transactional = request.transactional_id.is_some();
    for data in &request.topic_data {
        let known = known(topics, version, data.name, data.topic_id);
        let partitions = data.partition_data.iter().map(|part| {
            let checked = check(version, request.acks, transactional, known.as_ref(), part.records);
            let refused = match (checked, &known, part.records) {
                (Ok(()), Some(known), Some(records)) => {
                    push(&mut batches, known, part.index, Bytes::copy_from_slice(records))
                }
                (Err(refusal), ..) => Some(refusal),
                _ => Some(unknown_topic(version)),
            };
            FormPartition { index: part.index, refused }
        });
        let partitions = partitions.collect();
        form.topics.push(FormTopic { name: data.name.to_owned(), id: data.topic_id, partitions });
    }
    (form, Append { batches })
}

fn known(topics: &super::Topics, version: i16, name: &str, id: Uuid) -> Option<Known> {
    if version >= BY_ID { topics.with_id(id) } else { topics.named(name) }
}

fn push(batches: &mut Vec<AppendedBatch>, known: &Known, index: i32, batch: Bytes) -> Option<Refusal> {
    let Ok(partition) = u32::try_from(index) else {
        return Some((ErrorCode::UnknownTopicOrPartition, "a partition's number is negative".into()));
    };
    batches.push(AppendedBatch { stream: known.name.clone(), id: Some(known.id.0), partition, batch });
    None
}

fn unknown_topic(version: i16) -> Refusal {
    let code = if version >= BY_ID { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
    (code, "This server does not host this topic-partition.".into())
}

fn check(
    version: i16,
    acks: i16,
    transactional: bool,
    known: Option<&Known>,
    records: Option<&[u8]>,
) -> Result<(), Refusal> {
    if !(-1..=1).contains(&acks) {
        return Err((ErrorCode::InvalidRequiredAcks, "acks must be -1, 0 or 1".into()));
    }
    if transactional {
        return Err((ErrorCode::InvalidTxnState, "transactions are not offered".into()));
    }
    if known.is_none() {
        return Err(unknown_topic(version));
    }
    let Some(records) = records else {
        return Err((ErrorCode::InvalidRecord, "the records are null".into()));
    };
    let batch = Batch::parse_produced(records)
        .map_err(|error| (ErrorCode::from(&error), error.to_string().into()))?;
    if batch.header().attributes.is_transactional() {
        return Err((ErrorCode::InvalidTxnState, "transactions are not offered".into()));
    }
    if batch.codec() == Codec::Zstd && version < ZSTD {
        let text = "Produce requests with version below 7 are not allowed to use ZStandard compression";
        return Err((ErrorCode::UnsupportedCompressionType, text.into()));
    }
    Ok(())
}
