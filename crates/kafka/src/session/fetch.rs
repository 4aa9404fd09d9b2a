//! Fetch: one read of the core per request, waiting for bytes, and whole batches out without a copy.
//!
//! Fetch sessions (KIP-227) are never opened: session id 0 in every answer tells the client so.

use super::call::Call;
use super::errors;
use super::topics::{Known, topics_of};
use crate::codec::messages::{
    FetchPartition, FetchPartitionResponse, FetchRequest, FetchResponse, FetchTopic, FetchTopicResponse,
};
use crate::codec::{ErrorCode, RecordBytes, Uuid};
use bytes::Bytes;
use stele_model::batch::{Batches, Codec};
use stele_model::{
    Error, Isolation, Outcome, Read, ReadPart, ReadPartReply, Request, StreamCommand, StreamName,
};

/// From this version on topics are named by id alone.
const BY_ID: i16 = 13;
/// Zstd may be fetched from this version on (KIP-110).
const ZSTD: i16 = 10;

/// A request that no longer borrows.
struct Wanted {
    topics: Vec<WantedTopic>,
    bytes_min: u64,
    bytes_max: u64,
    deadline_ns: u64,
    isolation: Isolation,
}

struct WantedTopic {
    name: String,
    id: Uuid,
    partitions: Vec<FetchPartition>,
}

pub(super) fn handle(call: &mut Call<'_, '_, '_>, request: &FetchRequest<'_>) {
    if request.session_id != 0 && request.session_epoch > 0 {
        let error_code = ErrorCode::FetchSessionIdNotFound;
        return call.respond(&FetchResponse { error_code, ..Default::default() });
    }
    let settings = &call.service.settings;
    let wait_ms = request.max_wait_ms.clamp(0, settings.fetch_wait_max_ms.max(0)) as u64;
    let wanted = Wanted {
        topics: request.topics.iter().map(wanted_topic).collect(),
        bytes_min: u64::try_from(request.min_bytes).unwrap_or(0),
        bytes_max: u64::try_from(request.max_bytes).unwrap_or(0).min(settings.fetch_bytes_max),
        deadline_ns: call.now.monotonic_ns.saturating_add(wait_ms.saturating_mul(1_000_000)),
        isolation: if request.isolation_level == 1 { Isolation::Committed } else { Isolation::Uncommitted },
    };
    resolve(call, wanted);
}

fn wanted_topic(topic: &FetchTopic<'_>) -> WantedTopic {
    WantedTopic { name: topic.topic.to_owned(), id: topic.topic_id, partitions: topic.partitions.clone() }
}

/// Asks for topics of which nobody has asked yet, then reads.
fn resolve(call: &mut Call<'_, '_, '_>, wanted: Wanted) {
    let topics = &call.service.topics;
    let requests: Vec<Request> = if call.version() >= BY_ID {
        let unknown = wanted.topics.iter().any(|topic| topics.with_id(topic.id).is_none());
        unknown.then_some(Request::Stream(StreamCommand::List)).into_iter().collect()
    } else {
        let unknown = wanted.topics.iter().filter(|topic| topics.named(&topic.name).is_none());
        unknown.map(|topic| Request::Stream(StreamCommand::Info(StreamName::new(&topic.name)))).collect()
    };
    call.ask(requests, |outcomes, call| {
        let mut failed = None;
        for outcome in outcomes {
            let topics = &call.service.topics;
            let learned = if call.version() >= BY_ID {
                topics_of(outcome).map(|all| topics.learn_all(all.iter().map(|(topic, _)| topic)))
            } else {
                let found = super::topics::Topic::of_outcome(outcome);
                found.map(|found| found.iter().for_each(|(topic, _)| topics.learn(topic)))
            };
            failed = failed.or(learned.err().map(|error| errors::code(&error)));
        }
        read(call, wanted, failed);
    });
}

/// What is known of a partition before the core is asked.
enum Part {
    Asked,
    Refused(ErrorCode),
}

/// `failed`: why nothing was learned of topics that are not known.
fn read(call: &mut Call<'_, '_, '_>, wanted: Wanted, failed: Option<ErrorCode>) {
    let version = call.version();
    let (mut parts, mut known_parts) = (Vec::new(), Vec::new());
    for topic in &wanted.topics {
        let topics = &call.service.topics;
        let known = if version >= BY_ID { topics.with_id(topic.id) } else { topics.named(&topic.name) };
        for partition in &topic.partitions {
            known_parts.push(match part(known.as_ref(), partition, version) {
                Ok(part) => {
                    parts.push(part);
                    Part::Asked
                }
                Err(code) => Part::Refused(failed.filter(|_| known.is_none()).unwrap_or(code)),
            });
        }
    }
    // An error is told at once, and a fetch of nothing has nothing to wait for.
    let at_once = parts.is_empty() || known_parts.iter().any(|part| matches!(part, Part::Refused(_)));
    let read = Read {
        parts,
        bytes_min: if at_once { 0 } else { wanted.bytes_min },
        bytes_max: wanted.bytes_max,
        deadline_ns: wanted.deadline_ns,
        isolation: wanted.isolation,
    };
    let topics = wanted.topics;
    if read.parts.is_empty() {
        return answer(call, topics, known_parts, Vec::new());
    }
    call.ask_one(Request::Read(read), move |outcome, call| {
        let replies = match outcome {
            Outcome::Read(reply) => reply.parts,
            Outcome::Failed(error) => {
                let failed = || ReadPartReply { error: Some(error.clone()), ..Default::default() };
                known_parts.iter().map(|_| failed()).collect()
            }
            _ => Vec::new(),
        };
        for reply in &replies {
            // Asked for again, should another topic have its name now.
            if let Some(Error::StreamNotFound(name)) = &reply.error {
                call.service.topics.forget(name);
            }
        }
        answer(call, topics, known_parts, replies);
    });
}

fn part(known: Option<&Known>, partition: &FetchPartition, version: i16) -> Result<ReadPart, ErrorCode> {
    let Some(known) = known else {
        let by_id = version >= BY_ID;
        return Err(if by_id { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition });
    };
    Ok(ReadPart {
        stream: known.name.clone(),
        id: Some(known.id.0),
        partition: u32::try_from(partition.partition).map_err(|_| ErrorCode::UnknownTopicOrPartition)?,
        from: u64::try_from(partition.fetch_offset).map_err(|_| ErrorCode::OffsetOutOfRange)?,
        bytes_max: u64::try_from(partition.partition_max_bytes).unwrap_or(0),
    })
}

fn answer(
    call: &mut Call<'_, '_, '_>,
    topics: Vec<WantedTopic>,
    known_parts: Vec<Part>,
    replies: Vec<ReadPartReply>,
) {
    let version = call.version();
    let (mut known_parts, mut replies) = (known_parts.into_iter(), replies.into_iter());
    let mut partition = |wanted: &FetchPartition| {
        let result = match known_parts.next() {
            Some(Part::Refused(code)) => Err((code, None)),
            Some(Part::Asked) => shown(replies.next(), version),
            None => Err((ErrorCode::UnknownServerError, None)),
        };
        respond_part(wanted.partition, result)
    };
    let topic = |topic: WantedTopic| FetchTopicResponse {
        partitions: topic.partitions.iter().map(&mut partition).collect(),
        topic: topic.name.into(),
        topic_id: topic.id,
    };
    let answer = FetchResponse { responses: topics.into_iter().map(topic).collect(), ..Default::default() };
    call.respond_shared(&answer);
}

/// What the core gave, or a code with the ends where they are known.
type Shown = Result<ReadPartReply, (ErrorCode, Option<ReadPartReply>)>;

fn shown(reply: Option<ReadPartReply>, version: i16) -> Shown {
    let Some(mut reply) = reply else { return Err((ErrorCode::UnknownServerError, None)) };
    if let Some(error) = reply.error.take() {
        let by_id = version >= BY_ID && matches!(error, Error::StreamNotFound(_));
        let code = if by_id { ErrorCode::UnknownTopicId } else { errors::code(&error) };
        return Err((code, None));
    }
    if version < ZSTD && reply.batches.iter().any(has_zstd) {
        return Err((ErrorCode::UnsupportedCompressionType, Some(reply)));
    }
    Ok(reply)
}

fn has_zstd(batches: &Bytes) -> bool {
    Batches::new(batches).flatten().any(|batch| batch.codec() == Codec::Zstd)
}

fn respond_part(partition_index: i32, shown: Shown) -> FetchPartitionResponse<'static> {
    let (error_code, reply) = match shown {
        Ok(reply) => (ErrorCode::None, Some(reply)),
        Err((code, reply)) => (code, reply),
    };
    let Some(reply) = reply else {
        return FetchPartitionResponse {
            partition_index,
            error_code,
            high_watermark: -1,
            ..Default::default()
        };
    };
    let batches = if error_code.is_none() { reply.batches } else { Vec::new() };
    FetchPartitionResponse {
        partition_index,
        high_watermark: reply.high_watermark as i64,
        last_stable_offset: reply.last_stable as i64,
        log_start_offset: reply.log_start as i64,
        error_code,
        records: RecordBytes::Pieces(batches),
        ..Default::default()
    }
}
