//! ListOffsets: an offset by time, or an end of a partition.

use super::call::Call;
use super::{LEADER_EPOCH, errors};
use crate::codec::ErrorCode;
use crate::codec::messages::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use stele_model::{Error, Isolation, Outcome, Request, StreamName, TimeLookup};

/// The offset after the newest record.
const LATEST: i64 = -1;
/// The first offset.
const EARLIEST: i64 = -2;
/// The record with the highest timestamp.
const MAX_TIMESTAMP: i64 = -3;
/// The first offset of the local log: with no remote storage, the first offset.
const EARLIEST_LOCAL: i64 = -4;
/// Ends of what lies in remote storage: there is none.
const REMOTE: [i64; 2] = [-5, -6];

type Answer = ListOffsetsPartitionResponse;

pub(super) fn handle(call: &mut Call<'_, '_, '_>, request: &ListOffsetsRequest<'_>) {
    let isolation = if request.isolation_level == 1 { Isolation::Committed } else { Isolation::Uncommitted };
    let mut lookups = Vec::new();
    let topics: Vec<(String, Vec<(Answer, bool)>)> = request
        .topics
        .iter()
        .map(|topic| {
            let name = StreamName::new(topic.name);
            let partitions = topic.partitions.iter().map(|partition| {
                let mut answer = Answer { partition_index: partition.partition_index, ..Default::default() };
                match lookup(&name, partition, isolation, call.version()) {
                    Ok(Some(lookup)) => {
                        lookups.push(Request::Lookup(lookup));
                        return (answer, true);
                    }
                    Ok(None) => {}
                    Err(code) => answer.error_code = code,
                }
                (answer, false)
            });
            (topic.name.to_owned(), partitions.collect())
        })
        .collect();
    call.ask(lookups, |outcomes, call| {
        let mut outcomes = outcomes.into_iter();
        let topics = topics.into_iter().map(|(name, partitions)| {
            let partitions = partitions.into_iter().map(|(answer, asked)| match asked {
                true => found(answer, outcomes.next()),
                false => answer,
            });
            ListOffsetsTopicResponse { name: name.into(), partitions: partitions.collect() }
        });
        let answer = ListOffsetsResponse { topics: topics.collect(), ..Default::default() };
        call.respond(&answer);
    });
}

/// `None`: there is no such offset.
fn lookup(
    stream: &StreamName,
    partition: &ListOffsetsPartition,
    isolation: Isolation,
    version: i16,
) -> Result<Option<TimeLookup>, ErrorCode> {
    let index = u32::try_from(partition.partition_index).map_err(|_| ErrorCode::UnknownTopicOrPartition)?;
    let timestamp_ms = match partition.timestamp {
        LATEST | EARLIEST | 0.. => partition.timestamp,
        MAX_TIMESTAMP if version >= 7 => MAX_TIMESTAMP,
        EARLIEST_LOCAL if version >= 8 => EARLIEST,
        remote if REMOTE.contains(&remote) && version >= 9 => return Ok(None),
        _ => return Err(ErrorCode::UnsupportedVersion),
    };
    Ok(Some(TimeLookup { stream: stream.clone(), partition: index, timestamp_ms, isolation }))
}

fn found(answer: Answer, outcome: Option<Outcome>) -> Answer {
    match outcome {
        Some(Outcome::Found(Some((offset, timestamp)))) => {
            Answer { offset: offset as i64, timestamp, leader_epoch: LEADER_EPOCH, ..answer }
        }
        Some(Outcome::Found(None)) => answer,
        Some(Outcome::Failed(error)) => Answer { error_code: code(&error), ..answer },
        _ => Answer { error_code: ErrorCode::UnknownServerError, ..answer },
    }
}

fn code(error: &Error) -> ErrorCode {
    errors::code(error)
}
