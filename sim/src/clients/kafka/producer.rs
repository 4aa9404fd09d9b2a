//! A producer with several batches in flight, with or without an id of its own.

use super::link::Link;
use super::{EVENTS, EVENTS_PARTITIONS, PLAIN};
use crate::Mutation;
use crate::broker::Protocol;
use crate::clients::{Client, Turn};
use crate::ledger::{Check, Ledger, MessageId};
use std::collections::VecDeque;
use stele_kafka::codec::messages::{
    CreatableTopic, CreateTopicsRequest, InitProducerIdRequest, PartitionProduceData, ProduceRequest,
    TopicProduceData,
};
use stele_kafka::codec::{ErrorCode, decode_response};
use stele_model::batch::{BatchBuilder, Producer as ProducerId};

const CREATE_VERSION: i16 = 5;
const INIT_VERSION: i16 = 3;
const PRODUCE_VERSION: i16 = 9;

pub(super) struct Producer {
    name: String,
    topic: &'static str,
    partitions: u32,
    idempotent: bool,
    window: usize,
    total: u64,
    next: u64,
    link: Link<Asked>,
    stage: Stage,
    id: Option<(i64, i16)>,
    lanes: Vec<Lane>,
    pause_until: u64,
}

/// One partition's batches, oldest first.
#[derive(Default)]
struct Lane {
    sequence: i32,
    batches: VecDeque<Batch>,
    /// How many of them are sent on this connection.
    sent: usize,
    /// One was acknowledged.
    begun: bool,
}

struct Batch {
    sequence: i32,
    numbers: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Create,
    Init,
    /// A batch of this partition.
    Produce(u32),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Offline,
    Create,
    Init,
    Live,
}

impl Producer {
    pub(super) fn idempotent(name: &str, window: usize, total: u64) -> Self {
        Self::new(name, EVENTS, EVENTS_PARTITIONS, true, window, total)
    }

    pub(super) fn plain(name: &str, window: usize, total: u64) -> Self {
        Self::new(name, PLAIN, 1, false, window, total)
    }

    fn new(
        name: &str,
        topic: &'static str,
        partitions: u32,
        idempotent: bool,
        window: usize,
        total: u64,
    ) -> Self {
        Self {
            name: name.to_owned(),
            topic,
            partitions,
            idempotent,
            window,
            total,
            next: 1,
            link: Link::new(name),
            stage: Stage::Offline,
            id: None,
            lanes: (0..partitions).map(|_| Lane::default()).collect(),
            pause_until: 0,
        }
    }

    fn create(&mut self, turn: &mut Turn<'_>) {
        let topic = CreatableTopic {
            name: self.topic,
            num_partitions: self.partitions as i32,
            replication_factor: 1,
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
        self.link.ask(turn.out, turn.now.monotonic_ns, Asked::Create, CREATE_VERSION, &request);
    }

    fn init(&mut self, turn: &mut Turn<'_>) {
        let request = InitProducerIdRequest { transaction_timeout_ms: 1000, ..Default::default() };
        self.link.ask(turn.out, turn.now.monotonic_ns, Asked::Init, INIT_VERSION, &request);
    }

    /// Sends the next batch of a partition: one that waits to be sent again, or a new one.
    fn produce(&mut self, partition: u32, turn: &mut Turn<'_>) {
        let ignored = turn.mutation == Mutation::ProducerIdsIgnored;
        let id = self.id.filter(|_| self.idempotent && !ignored);
        let lane = &mut self.lanes[partition as usize];
        // The first batch goes alone: a broker that does not know the producer lets it begin anywhere, so that a later
        // batch would shut a refused first one out.
        let window = if self.idempotent && !lane.begun { 1 } else { self.window };
        if lane.sent >= window {
            return;
        }
        if lane.sent == lane.batches.len() {
            let count = (1 + turn.random.below(4)).min((self.total + 1).saturating_sub(self.next));
            if count == 0 {
                return;
            }
            let numbers: Vec<u64> = (self.next..self.next + count).collect();
            self.next += count;
            lane.batches.push_back(Batch { sequence: lane.sequence, numbers });
            lane.sequence += count as i32;
        }
        let batch = &lane.batches[lane.sent];
        let producer = id.map(|(id, epoch)| ProducerId { id, epoch, base_sequence: batch.sequence });
        let records = encode(&self.name, batch, producer, turn);
        lane.sent += 1;
        let data = PartitionProduceData { index: partition as i32, records: Some(&records) };
        let topic =
            TopicProduceData { name: self.topic, partition_data: vec![data], ..TopicProduceData::default() };
        let request = ProduceRequest {
            acks: if self.idempotent { -1 } else { 1 },
            timeout_ms: 1000,
            topic_data: vec![topic],
            ..ProduceRequest::default()
        };
        self.link.ask(turn.out, turn.now.monotonic_ns, Asked::Produce(partition), PRODUCE_VERSION, &request);
    }

    fn answered(&mut self, asked: Asked, frame: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        let wrong = |error| format!("{asked:?}: {error}");
        match asked {
            Asked::Create => {
                let (_, answer) =
                    decode_response::<CreateTopicsRequest<'_>>(CREATE_VERSION, frame).map_err(wrong)?;
                let error = answer.topics.first().map(|topic| topic.error_code);
                self.stage = match error {
                    Some(ErrorCode::None | ErrorCode::TopicAlreadyExists) if self.idempotent => Stage::Init,
                    Some(ErrorCode::None | ErrorCode::TopicAlreadyExists) => Stage::Live,
                    _ => return self.retry(turn),
                };
            }
            Asked::Init => {
                let (_, answer) =
                    decode_response::<InitProducerIdRequest<'_>>(INIT_VERSION, frame).map_err(wrong)?;
                if answer.error_code != ErrorCode::None {
                    return self.retry(turn);
                }
                self.id.get_or_insert((answer.producer_id, answer.producer_epoch));
                self.stage = Stage::Live;
            }
            Asked::Produce(partition) => {
                let (_, answer) =
                    decode_response::<ProduceRequest<'_>>(PRODUCE_VERSION, frame).map_err(wrong)?;
                let found = answer.responses.first().and_then(|topic| topic.partition_responses.first());
                let Some(found) = found else { return Err("an answer without its partition".into()) };
                self.produced(partition, found.error_code, found.base_offset, turn);
            }
        }
        Ok(())
    }

    fn produced(&mut self, partition: u32, error: ErrorCode, base: i64, turn: &mut Turn<'_>) {
        if turn.hangs_up {
            return;
        }
        let lane = &mut self.lanes[partition as usize];
        match error {
            ErrorCode::None | ErrorCode::DuplicateSequenceNumber => {
                let Some(batch) = lane.batches.pop_front() else { return };
                lane.sent -= 1;
                lane.begun = true;
                let Ok(base) = u64::try_from(base) else { return };
                for (offset, number) in (base..).zip(&batch.numbers) {
                    turn.ledger.acked_at(self.topic, partition, offset, &MessageId::new(&self.name, *number));
                }
            }
            _ => {
                self.refused(turn);
                self.pause_until = turn.now.monotonic_ns + 10_000_000;
                turn.hangs_up = true;
            }
        }
    }

    /// Without sequences, what stands behind a refused batch may have been taken.
    fn refused(&self, turn: &mut Turn<'_>) {
        if !self.idempotent {
            let sent = self.lanes.iter().flat_map(|lane| lane.batches.iter().take(lane.sent));
            let numbers = sent.flat_map(|batch| &batch.numbers);
            turn.ledger.refused.extend(numbers.map(|number| MessageId::new(&self.name, *number)));
        }
    }

    fn retry(&mut self, turn: &mut Turn<'_>) -> Result<(), String> {
        self.pause_until = turn.now.monotonic_ns + 10_000_000;
        turn.hangs_up = true;
        Ok(())
    }
}

fn encode(name: &str, batch: &Batch, producer: Option<ProducerId>, turn: &Turn<'_>) -> Vec<u8> {
    let mut records = Vec::new();
    let mut builder = BatchBuilder::new(&mut records, 0);
    if let Some(producer) = producer {
        builder = builder.producer(producer);
    }
    for number in &batch.numbers {
        let payload = MessageId::new(name, *number).payload();
        // Clients have the right time, whatever the broker's clock says: Kafka's retention goes by theirs.
        let time_ms = 1_700_000_000_000 + (turn.now.monotonic_ns / 1_000_000) as i64;
        let pushed = builder.push(time_ms, None, Some(&payload), std::iter::empty());
        pushed.expect("a few kilobytes fit into a batch");
    }
    builder.finish().expect("a batch has records");
    records
}

impl Client for Producer {
    fn name(&self) -> &str {
        &self.name
    }

    fn protocol(&self) -> Protocol {
        Protocol::Kafka
    }

    fn connected(&mut self, _: &mut Turn<'_>) {
        self.link.reset();
        self.stage = Stage::Create;
    }

    fn disconnected(&mut self, refused: bool, turn: &mut Turn<'_>) {
        if refused {
            self.refused(turn);
        }
        self.stage = Stage::Offline;
        self.link.reset();
        self.lanes.iter_mut().for_each(|lane| lane.sent = 0);
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
        if self.link.waits_since().is_some_and(|since| turn.waited_since(since)) {
            turn.hangs_up = true;
            return;
        }
        if turn.now.monotonic_ns < self.pause_until {
            return;
        }
        match self.stage {
            Stage::Create if self.link.waiting() == 0 => self.create(turn),
            Stage::Init if self.id.is_some() => self.stage = Stage::Live,
            Stage::Init if self.link.waiting() == 0 => self.init(turn),
            Stage::Live => {
                let partition = turn.random.below(u64::from(self.partitions)) as u32;
                self.produce(partition, turn);
            }
            _ => {}
        }
    }

    fn is_done(&self, _: &Ledger) -> bool {
        self.next > self.total && self.lanes.iter().all(|lane| lane.batches.is_empty())
    }
}
