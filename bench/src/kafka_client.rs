//! Kafka over raw sockets: topics, prepared produce requests with some in flight, fetches that compare every byte.

use crate::nats::SILENCE;
use crate::table::Outcome;
use anyhow::{Context, bail};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime};
use stele_kafka::codec::messages::{
    ApiVersionsRequest, CreatableTopic, CreateTopicsRequest, FetchPartition, FetchRequest, FetchTopic,
    PartitionProduceData, ProduceRequest, TopicProduceData,
};
use stele_kafka::codec::{ErrorCode, RecordBytes, RequestBody, decode_response, encode_request};
use stele_model::batch::BatchBuilder;

const PRODUCE_VERSION: i16 = 7;
const FETCH_VERSION: i16 = 11;
const CREATE_VERSION: i16 = 4;

/// Where a produced batch's bytes are as they were sent: base offset, length and leader epoch are the broker's.
const COMPARED_FROM: usize = 16;

/// How long a fresh Kafka may refuse.
const READY_TIME_MAX: Duration = Duration::from_secs(60);

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    input: Vec<u8>,
}

/// Prepared bytes.
pub(crate) struct Load<'l> {
    pub(crate) topic: &'l str,
    pub(crate) batch: &'l [u8],
    pub(crate) records_per_batch: usize,
    pub(crate) requests: usize,
    pub(crate) in_flight: usize,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        Ok(Self { stream, input: Vec::new() })
    }

    /// Sends one request and returns its response without the length.
    pub(crate) fn call<'b, B: RequestBody<'b>>(&mut self, version: i16, body: &B) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        encode_request(version, 1, Some("bench"), body, &mut bytes);
        self.stream.write_all(&bytes)?;
        self.response()
    }

    /// The next response without its length.
    pub(crate) fn response(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame)?;
        Ok(frame)
    }

    /// What every client asks first.
    pub(crate) fn greet(&mut self) -> anyhow::Result<()> {
        self.call(0, &ApiVersionsRequest::default()).map(|_| ())
    }

    /// A topic with one partition that takes records.
    pub(crate) fn create(&mut self, topic: &str) -> anyhow::Result<()> {
        let start = Instant::now();
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: topic,
                num_partitions: 1,
                replication_factor: 1,
                ..Default::default()
            }],
            timeout_ms: 10_000,
            ..Default::default()
        };
        loop {
            let frame = self.call(CREATE_VERSION, &request)?;
            let (_, answer) = decode_response::<CreateTopicsRequest<'_>>(CREATE_VERSION, &frame)?;
            let code = answer.topics.first().context("a topic in the answer")?.error_code;
            if matches!(code, ErrorCode::None | ErrorCode::TopicAlreadyExists) {
                break;
            }
            anyhow::ensure!(start.elapsed() < READY_TIME_MAX, "{topic} cannot be made: {code:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        // A fresh leader refuses for a moment; a fetch of nothing tells.
        while self.fetch(topic, 0, 0)?.0 != ErrorCode::None {
            anyhow::ensure!(start.elapsed() < READY_TIME_MAX, "{topic} gets no leader");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Produces the same batch again and again; every answer is checked for its offset.
    pub(crate) fn produce(&mut self, load: &Load<'_>) -> anyhow::Result<Outcome> {
        let frame = produce_request(load.topic, load.batch);
        // Small requests leave together when several answers have come together.
        let copies = ((256 << 10) / frame.len()).clamp(1, load.in_flight);
        let block = frame.repeat(copies);
        let start = Instant::now();
        let (mut sent, mut answered) = (0, 0);
        while answered < load.requests {
            let mut room = (load.in_flight - (sent - answered)).min(load.requests - sent);
            sent += room;
            while room > 0 {
                let count = room.min(copies);
                self.stream.write_all(&block[..count * frame.len()])?;
                room -= count;
            }
            answered += self.check_answers(load.topic, answered, load.records_per_batch)?;
        }
        Ok(Outcome { seconds: start.elapsed().as_secs_f64(), count: load.requests * load.records_per_batch })
    }

    /// Reads once; returns how many whole answers came, the first of which answers request `first`.
    pub(crate) fn check_answers(
        &mut self,
        topic: &str,
        first: usize,
        records_per_batch: usize,
    ) -> anyhow::Result<usize> {
        let mut buffer = [0; 64 << 10];
        let read = self.stream.read(&mut buffer)?;
        anyhow::ensure!(read > 0, "the server closed the connection");
        self.input.extend_from_slice(&buffer[..read]);
        let (mut at, mut count) = (0, 0);
        while let Some((length, rest)) = self.input[at..].split_first_chunk::<4>() {
            let Some(frame) = rest.get(..u32::from_be_bytes(*length) as usize) else { break };
            // Correlation id, one topic with its name, one partition with its number; then code and base offset.
            let place = 4 + 4 + 2 + topic.len() + 4 + 4;
            let code = frame.get(place..place + 2).context("an error code")?;
            let base = frame.get(place + 2..place + 10).context("a base offset")?;
            let expected = ((first + count) * records_per_batch) as u64;
            if code != [0, 0] || base != expected.to_be_bytes() {
                bail!("request {}: code {code:?}, base offset {base:?}", first + count);
            }
            at += 4 + frame.len();
            count += 1;
        }
        self.input.drain(..at);
        Ok(count)
    }

    /// Reads the whole topic from its start and compares each batch with what was sent; `None`: the records of whoever
    /// sent them are only counted.
    pub(crate) fn consume(
        &mut self,
        topic: &str,
        batch: Option<&[u8]>,
        records: usize,
    ) -> anyhow::Result<Outcome> {
        let start = Instant::now();
        let mut next = 0;
        while next < records {
            let (code, bytes) = self.fetch(topic, next, 1)?;
            anyhow::ensure!(code == ErrorCode::None, "fetch at {next}: {code:?}");
            for stored in batches(&bytes) {
                let (base, count) = (number(&stored[..8]), number(&stored[57..61]));
                anyhow::ensure!(base == next, "a batch at {base}, not {next}");
                if let Some(batch) = batch {
                    anyhow::ensure!(
                        stored[COMPARED_FROM..] == batch[COMPARED_FROM..],
                        "other bytes at {base}"
                    );
                }
                next += count;
            }
        }
        Ok(Outcome { seconds: start.elapsed().as_secs_f64(), count: records })
    }

    /// One fetch; waits half a second for `min_bytes`.
    pub(crate) fn fetch(
        &mut self,
        topic: &str,
        offset: usize,
        min_bytes: i32,
    ) -> anyhow::Result<(ErrorCode, Vec<u8>)> {
        let partition = FetchPartition {
            fetch_offset: offset as i64,
            partition_max_bytes: 1 << 20,
            ..Default::default()
        };
        let request = FetchRequest {
            max_wait_ms: 500,
            min_bytes,
            max_bytes: 50 << 20,
            topics: vec![FetchTopic { topic, partitions: vec![partition], ..Default::default() }],
            ..Default::default()
        };
        let frame = self.call(FETCH_VERSION, &request)?;
        let (_, answer) = decode_response::<FetchRequest<'_>>(FETCH_VERSION, &frame)?;
        let partition = answer.responses.first().and_then(|topic| topic.partitions.first());
        let partition = partition.context("a partition in the answer")?;
        let RecordBytes::Slice(records) = &partition.records else { bail!("records in pieces") };
        Ok((partition.error_code, records.to_vec()))
    }
}

/// The whole batches at the front of the bytes; a broker may cut the last one.
pub(crate) fn batches(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = 12 + number(bytes.get(8..12)?);
        let (batch, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        Some(batch)
    })
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// A batch of records with values that do not compress, `value_bytes` each.
pub(crate) fn batch(records: usize, value_bytes: usize) -> anyhow::Result<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let value = |_| (0..value_bytes).map(|_| random_byte(&mut state)).collect();
    batch_of(&(0..records).map(value).collect::<Vec<Vec<u8>>>())
}

/// A batch of records with these values, without keys and headers.
pub(crate) fn batch_of(values: &[Vec<u8>]) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut builder = BatchBuilder::new(&mut bytes, 0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis() as i64;
    for value in values {
        builder.push(now, None, Some(value), std::iter::empty())?;
    }
    builder.finish().context("a batch with records")?;
    Ok(bytes)
}

/// A step of xorshift.
pub(crate) fn random_byte(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 32) as u8
}

/// A produce request with `acks=all`.
pub(crate) fn produce_request(topic: &str, batch: &[u8]) -> Vec<u8> {
    let partition = PartitionProduceData { index: 0, records: Some(batch) };
    let topic = TopicProduceData { name: topic, partition_data: vec![partition], ..Default::default() };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    let mut bytes = Vec::new();
    encode_request(PRODUCE_VERSION, 1, Some("bench"), &request, &mut bytes);
    bytes
}
