//! OffsetForLeaderEpoch: where an epoch ended. There is one epoch, and it has not ended.

use super::call::Call;
use super::fetch::check_epoch;
use super::{LEADER_EPOCH, errors};
use crate::codec::ErrorCode;
use crate::codec::messages::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderResult,
    OffsetForLeaderTopicResult,
};
use stele_model::{Isolation, Outcome, Request, StreamName, TimeLookup};

type Answer = OffsetForLeaderResult;

pub(super) fn handle(call: &mut Call<'_, '_, '_>, request: &OffsetForLeaderEpochRequest<'_>) {
    let mut lookups = Vec::new();
    let mut topics: Vec<(String, Vec<(Answer, bool)>)> = Vec::new();
    for topic in &request.topics {
        let stream = StreamName::new(topic.topic);
        let partitions = topic.partitions.iter().map(|wanted| {
            let answer = Answer { partition: wanted.partition, ..Default::default() };
            let partition = u32::try_from(wanted.partition).map_err(|_| ErrorCode::UnknownTopicOrPartition);
            match partition.and_then(|partition| check_epoch(wanted.current_leader_epoch).map(|()| partition))
            {
                Err(error_code) => (Answer { error_code, ..answer }, false),
                // An epoch that never was: undefined, which is no error.
                Ok(_) if wanted.leader_epoch > LEADER_EPOCH || wanted.leader_epoch < 0 => (answer, false),
                Ok(partition) => {
                    lookups.push(Request::Lookup(TimeLookup {
                        stream: stream.clone(),
                        partition,
                        timestamp_ms: -1,
                        isolation: Isolation::Uncommitted,
                    }));
                    (answer, true)
                }
            }
        });
        let partitions = partitions.collect();
        topics.push((topic.topic.to_owned(), partitions));
    }
    call.ask(lookups, |outcomes, call| {
        let mut outcomes = outcomes.into_iter();
        let topics = topics.into_iter().map(|(name, partitions)| {
            let partitions = partitions.into_iter().map(|(answer, asked)| match asked {
                true => ended(answer, outcomes.next()),
                false => answer,
            });
            OffsetForLeaderTopicResult { topic: name.into(), partitions: partitions.collect() }
        });
        let answer = OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() };
        call.respond(&answer);
    });
}

fn ended(answer: Answer, outcome: Option<Outcome>) -> Answer {
    match outcome {
        Some(Outcome::Found(Some((end, _)))) => {
            Answer { leader_epoch: LEADER_EPOCH, end_offset: end as i64, ..answer }
        }
        Some(Outcome::Failed(error)) => Answer { error_code: errors::code(&error), ..answer },
        _ => Answer { error_code: ErrorCode::UnknownServerError, ..answer },
    }
}
