//! DeleteRecords: moves the first offset of partitions.

use super::call::Call;
use super::errors;
use super::topics::Topic;
use crate::codec::ErrorCode;
use crate::codec::messages::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use stele_model::{Error, Outcome, PartitionInfo, Request, StreamCommand, StreamName};

/// The offset that stands for the high watermark.
const HIGH_WATERMARK: i64 = -1;

type Answer = DeleteRecordsPartitionResult;

/// A topic with partitions, and the offsets below which they shall be emptied.
type Wanted = (StreamName, Vec<(i32, i64)>);

pub(super) fn delete(call: &mut Call<'_, '_, '_>, request: &DeleteRecordsRequest<'_>) {
    let wanted: Vec<Wanted> = request
        .topics
        .iter()
        .map(|topic| {
            let partitions =
                topic.partitions.iter().map(|partition| (partition.partition_index, partition.offset));
            (StreamName::new(topic.name), partitions.collect())
        })
        .collect();
    let requests = infos(&wanted);
    call.ask(requests, move |outcomes, call| purge(call, wanted, outcomes));
}

fn infos(wanted: &[Wanted]) -> Vec<Request> {
    wanted.iter().map(|(name, _)| Request::Stream(StreamCommand::Info(name.clone()))).collect()
}

fn purge(call: &mut Call<'_, '_, '_>, wanted: Vec<Wanted>, outcomes: Vec<Outcome>) {
    let mut requests = Vec::new();
    // For each partition: whether it was asked for, or why not.
    let mut plan = Vec::new();
    for ((name, partitions), outcome) in wanted.iter().zip(outcomes) {
        let ends = ends_of(outcome);
        for (index, offset) in partitions {
            plan.push(match below(&ends, *index, *offset) {
                Ok((partition, below)) => {
                    requests.push(Request::Stream(StreamCommand::Purge {
                        stream: name.clone(),
                        partition: Some(partition),
                        filter: None,
                        below: Some(below),
                        keep: None,
                        by_client: true,
                    }));
                    None
                }
                Err(code) => Some(code),
            });
        }
    }
    call.ask(requests, move |purged, call| {
        let mut purged = purged.into_iter();
        let results: Vec<ErrorCode> = plan
            .into_iter()
            .map(|refused| match refused {
                Some(code) => code,
                None => match purged.next() {
                    Some(Outcome::Failed(error)) => errors::code(&error),
                    Some(_) => ErrorCode::None,
                    None => ErrorCode::UnknownServerError,
                },
            })
            .collect();
        let requests = infos(&wanted);
        call.ask(requests, move |outcomes, call| respond(call, wanted, results, outcomes));
    });
}

fn respond(
    call: &mut Call<'_, '_, '_>,
    wanted: Vec<Wanted>,
    results: Vec<ErrorCode>,
    outcomes: Vec<Outcome>,
) {
    let mut results = results.into_iter();
    let topics = wanted.into_iter().zip(outcomes).map(|((name, partitions), outcome)| {
        let ends = ends_of(outcome).unwrap_or_default();
        let partitions = partitions.into_iter().map(|(partition_index, _)| {
            let error_code = results.next().unwrap_or(ErrorCode::UnknownServerError);
            let end = usize::try_from(partition_index).ok().and_then(|index| ends.get(index));
            let low_watermark = match (error_code, end) {
                (ErrorCode::None, Some(info)) => info.log_start as i64,
                _ => -1,
            };
            Answer { partition_index, low_watermark, error_code }
        });
        let partitions = partitions.collect();
        DeleteRecordsTopicResult { name: name.as_str().to_owned().into(), partitions }
    });
    let answer = DeleteRecordsResponse { topics: topics.collect(), ..Default::default() };
    call.respond(&answer);
}

fn ends_of(outcome: Outcome) -> Result<Vec<PartitionInfo>, Error> {
    Ok(Topic::of_outcome(outcome)?.map(|(_, info)| info.partitions).unwrap_or_default())
}

fn below(ends: &Result<Vec<PartitionInfo>, Error>, index: i32, offset: i64) -> Result<(u32, u64), ErrorCode> {
    let ends = ends.as_ref().map_err(errors::code)?;
    let partition = u32::try_from(index).map_err(|_| ErrorCode::UnknownTopicOrPartition)?;
    let end = ends.get(partition as usize).ok_or(ErrorCode::UnknownTopicOrPartition)?.end;
    let below = match offset {
        HIGH_WATERMARK => end,
        offset => u64::try_from(offset).map_err(|_| ErrorCode::OffsetOutOfRange)?,
    };
    if below > end {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    Ok((partition, below))
}
