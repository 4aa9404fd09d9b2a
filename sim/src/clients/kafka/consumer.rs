//! A consumer that begins where it committed, and commits what it read.

use super::link::Link;
use super::{EVENTS, EVENTS_PARTITIONS};
use crate::broker::Protocol;
use crate::clients::{Client, Turn};
use crate::ledger::{Check, Ledger};
use stele_kafka::codec::messages::{
    FetchPartition, FetchRequest, FetchTopic, OffsetCommitRequest, OffsetCommitRequestPartition,
    OffsetCommitRequestTopic, OffsetFetchRequest, OffsetFetchRequestTopic,
};
use stele_kafka::codec::{ErrorCode, RecordBytes, decode_response};
use stele_model::batch::Batches;

pub(super) const FETCH_VERSION: i16 = 11;
const OFFSET_FETCH_VERSION: i16 = 7;
const COMMIT_VERSION: i16 = 6;
const GROUP: &str = "readers";

pub(super) struct Consumer {
    name: String,
    link: Link<Asked>,
    stage: Stage,
    /// The next offset of each partition.
    positions: Vec<u64>,
    pause_until: u64,
}

#[derive(Clone, Debug)]
enum Asked {
    /// Committed offsets, which must be at least these.
    Offsets(Vec<u64>),
    Fetch,
    /// These were committed.
    Commit(Vec<u64>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Offline,
    Offsets,
    Live,
}

fn mark(partition: usize) -> String {
    format!("committed offset of partition {partition}")
}

impl Consumer {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            link: Link::new(name),
            stage: Stage::Offline,
            positions: vec![0; EVENTS_PARTITIONS as usize],
            pause_until: 0,
        }
    }

    fn ask_offsets(&mut self, turn: &mut Turn<'_>) {
        let floors = (0..self.positions.len()).map(|partition| turn.ledger.mark_floor(&mark(partition)));
        let asked = Asked::Offsets(floors.collect());
        let partition_indexes = (0..EVENTS_PARTITIONS as i32).collect();
        let topic = OffsetFetchRequestTopic { name: EVENTS, partition_indexes };
        let request = OffsetFetchRequest { group_id: GROUP, topics: Some(vec![topic]), ..Default::default() };
        self.link.ask(turn.out, turn.now.monotonic_ns, asked, OFFSET_FETCH_VERSION, &request);
    }

    fn fetch(&mut self, turn: &mut Turn<'_>) {
        let wanted = self.positions.iter().enumerate().map(|(partition, offset)| (partition as u32, *offset));
        let topics = vec![fetch_topic(EVENTS, wanted)];
        self.link.ask(
            turn.out,
            turn.now.monotonic_ns,
            Asked::Fetch,
            FETCH_VERSION,
            &fetch_request(topics, turn.random.below(20_000)),
        );
    }

    fn commit(&mut self, turn: &mut Turn<'_>) {
        let partitions = self.positions.iter().enumerate().map(|(partition, offset)| {
            turn.ledger.mark_sent(&mark(partition), *offset);
            OffsetCommitRequestPartition {
                partition_index: partition as i32,
                committed_offset: *offset as i64,
                ..Default::default()
            }
        });
        let topic =
            OffsetCommitRequestTopic { name: EVENTS, partitions: partitions.collect(), ..Default::default() };
        let request = OffsetCommitRequest { group_id: GROUP, topics: vec![topic], ..Default::default() };
        let asked = Asked::Commit(self.positions.clone());
        self.link.ask(turn.out, turn.now.monotonic_ns, asked, COMMIT_VERSION, &request);
    }

    fn answered(&mut self, asked: Asked, frame: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        match asked {
            Asked::Offsets(floors) => {
                let decoded = decode_response::<OffsetFetchRequest<'_>>(OFFSET_FETCH_VERSION, frame);
                let (_, answer) = decoded.map_err(|error| format!("offsets: {error}"))?;
                let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                let failed = |code| code != ErrorCode::None;
                if failed(answer.error_code) || partitions.clone().any(|found| failed(found.error_code)) {
                    self.pause_until = turn.now.monotonic_ns + 10_000_000;
                    return Ok(());
                }
                for found in partitions {
                    let partition = found.partition_index as usize;
                    let committed = found.committed_offset.max(0) as u64;
                    turn.ledger.mark_shown(Check::FloorsRise, &mark(partition), floors[partition], committed);
                    self.positions[partition] = committed;
                }
                self.stage = Stage::Live;
            }
            Asked::Fetch => {
                let (_, answer) = decode_response::<FetchRequest<'_>>(FETCH_VERSION, frame)
                    .map_err(|error| format!("fetch: {error}"))?;
                for found in answer.responses.iter().flat_map(|topic| &topic.partitions) {
                    let partition = found.partition_index as u32;
                    if found.error_code == ErrorCode::None {
                        let position = &mut self.positions[partition as usize];
                        read_records(EVENTS, partition, position, &found.records, turn)?;
                    }
                }
                self.pause_until = turn.now.monotonic_ns + 1_000_000;
            }
            Asked::Commit(offsets) => {
                let (_, answer) = decode_response::<OffsetCommitRequest<'_>>(COMMIT_VERSION, frame)
                    .map_err(|error| format!("commit: {error}"))?;
                for found in answer.topics.iter().flat_map(|topic| &topic.partitions) {
                    let partition = found.partition_index as usize;
                    if found.error_code == ErrorCode::None {
                        turn.ledger.mark_durable(&mark(partition), offsets[partition]);
                    }
                }
            }
        }
        Ok(())
    }
}

/// One topic to fetch: partitions with their offsets.
pub(super) fn fetch_topic<'a>(name: &'a str, wanted: impl Iterator<Item = (u32, u64)>) -> FetchTopic<'a> {
    let partitions = wanted.map(|(partition, offset)| FetchPartition {
        partition: partition as i32,
        fetch_offset: offset as i64,
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    });
    FetchTopic { topic: name, partitions: partitions.collect(), ..FetchTopic::default() }
}

/// A fetch that waits a little.
pub(super) fn fetch_request(topics: Vec<FetchTopic<'_>>, max_bytes: u64) -> FetchRequest<'_> {
    FetchRequest { max_wait_ms: 20, min_bytes: 1, max_bytes: max_bytes as i32, topics, ..Default::default() }
}

/// Reports the records at and above the position, which moves behind them.
pub(super) fn read_records(
    name: &str,
    partition: u32,
    position: &mut u64,
    records: &RecordBytes<'_>,
    turn: &mut Turn<'_>,
) -> Result<(), String> {
    let RecordBytes::Slice(bytes) = records else { return Ok(()) };
    let log = (name.to_owned(), partition);
    for batch in Batches::new(bytes) {
        // The last batch may be cut off by the limit.
        let Ok(batch) = batch else { break };
        batch.verify_crc().map_err(|error| format!("{name}/{partition}: {error}"))?;
        if turn.mutation == crate::Mutation::FetchSkips && turn.random.chance(50) {
            continue;
        }
        let Some(views) = batch.plain_records() else { return Err("nobody compressed this".into()) };
        if batch.header().attributes.is_control() {
            *position = (*position).max(batch.header().next_offset() as u64);
            continue;
        }
        for view in views {
            let view = view.map_err(|error| format!("{name}/{partition}: {error}"))?;
            let offset = view.offset as u64;
            if offset < *position {
                continue;
            }
            turn.ledger.follows(&log, *position, offset);
            turn.ledger.read(name, partition, offset, view.value.unwrap_or_default());
            *position = offset + 1;
        }
        *position = (*position).max(batch.header().next_offset() as u64);
    }
    Ok(())
}

impl Client for Consumer {
    fn name(&self) -> &str {
        &self.name
    }

    fn protocol(&self) -> Protocol {
        Protocol::Kafka
    }

    fn connected(&mut self, _: &mut Turn<'_>) {
        self.link.reset();
        self.stage = Stage::Offsets;
    }

    fn disconnected(&mut self, _: bool, _: &mut Turn<'_>) {
        self.stage = Stage::Offline;
        self.link.reset();
    }

    fn receive(&mut self, bytes: &[u8], turn: &mut Turn<'_>) {
        self.link.receive(bytes);
        loop {
            let answered = match self.link.next() {
                Ok(None) => return,
                Ok(Some((asked, frame))) => self.answered(asked, &frame, turn),
                Err(error) => Err(error),
            };
            if let Err(error) = answered {
                return turn.ledger.broken(Check::Protocol, format!("{}: {error}", self.name));
            }
        }
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        if self.link.waiting() > 0 {
            turn.hangs_up = self.link.waits_since().is_some_and(|since| turn.waited_since(since));
            return;
        }
        if turn.now.monotonic_ns < self.pause_until {
            return;
        }
        match self.stage {
            Stage::Offline => {}
            Stage::Offsets => self.ask_offsets(turn),
            Stage::Live if turn.random.chance(300) => self.commit(turn),
            Stage::Live => self.fetch(turn),
        }
    }

    fn is_done(&self, ledger: &Ledger) -> bool {
        let end =
            |partition: u32| ledger.logs.get(&(EVENTS.to_owned(), partition)).map_or(0, |log| log.end());
        self.stage == Stage::Live && (0..).zip(&self.positions).all(|(partition, at)| *at >= end(partition))
    }
}
