//! Inputs to start from, written by our own encoders where a wire has one.

mod mqtt;
mod nats;

use crate::whole::MARK;
use stele_host::websocket::{CloseCode, encode_close, encode_data};
use stele_io::{Disk, MemoryDisk};
use stele_kafka::fuzzing as kafka;
use stele_model::batch::{BatchBuilder, Codec};

/// Target, name, bytes.
pub(crate) type Seed = (String, String, Vec<u8>);

/// All of them.
pub(crate) fn all() -> Vec<Seed> {
    let mut seeds = Seeds::default();
    batches(&mut seeds);
    host(&mut seeds);
    kafka_messages(&mut seeds);
    log(&mut seeds);
    mqtt::add(&mut seeds);
    nats::add(&mut seeds);
    seeds.0
}

#[derive(Default)]
struct Seeds(Vec<Seed>);

impl Seeds {
    fn add(&mut self, target: &str, name: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push((target.to_owned(), name.to_owned(), bytes.into()));
    }
}

/// Three records, one of them without key and value.
fn batch(codec: Codec) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut builder = BatchBuilder::new(&mut bytes, 5);
    let header: [(&[u8], Option<&[u8]>); 2] = [(b"h", Some(b"1")), (b"h", None)];
    // One hour after the wide world's first second of 2100: no retention reaches it.
    for (key, value) in
        [(Some(&b"k"[..]), Some(&b"value value value"[..])), (None, None), (Some(b"k"), Some(b""))]
    {
        builder.push(4_102_448_400_000, key, value, header).expect("it fits");
    }
    builder.finish_compressed(codec).expect("it has records");
    bytes
}

fn batches(seeds: &mut Seeds) {
    let codecs = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    for (number, codec) in (0..).zip(codecs) {
        let bytes = batch(codec);
        let name = format!("{codec:?}").to_lowercase();
        let payload = stele_model::batch::Batch::parse(&bytes).expect("ours").payload().to_vec();
        seeds.add("batch_decompress", &name, [vec![number], payload].concat());
        seeds.add("batch_produced", &name, bytes.clone());
        seeds.add("batch_batch", &name, bytes);
    }
    seeds.add("batch_batch", "two", [batch(Codec::None), batch(Codec::Lz4)].concat());
}

fn host(seeds: &mut Seeds) {
    let mut frames = vec![1 | 12 << 2];
    encode_data(b"hello", Some([1, 2, 3, 4]), &mut frames);
    encode_data(&[7; 200], Some([0; 4]), &mut frames);
    frames.extend_from_slice(b"\x89\x80\0\0\0\0");
    encode_close(CloseCode::NORMAL, Some([9; 4]), &mut frames);
    seeds.add("host_websocket_frames", "client", frames);
    let mut frames = vec![2];
    encode_data(b"hello", None, &mut frames);
    encode_close(CloseCode::GOING_AWAY, None, &mut frames);
    seeds.add("host_websocket_frames", "server", frames);
    let request = "GET /mqtt HTTP/1.1\r\nHost: localhost:9001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
    seeds.add("host_websocket_handshake", "mqtt", request);
    seeds.add("host_websocket_handshake", "plain", "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
}

fn kafka_messages(seeds: &mut Seeds) {
    let name = |target: &str| format!("kafka_{}", target.trim_start_matches("fuzz_"));
    for (number, (target, bytes)) in kafka::message_seeds().into_iter().enumerate() {
        seeds.add(&name(target), ["oldest", "newest"][number / 2 % 2], bytes);
    }
    let mut all = vec![200];
    for (api, frame) in kafka::request_seeds() {
        let api = api.to_lowercase();
        seeds.add("kafka_request", &api, frame.get(4..).unwrap_or_default());
        seeds.add("kafka_session", &api, [&[9], &frame[..]].concat());
        seeds.add("whole_kafka", &api, [&[200], &frame[..]].concat());
        all.extend_from_slice(&frame);
    }
    seeds.add("kafka_split", "whole", [0, 0, 0, 2, 7, 8]);
    seeds.add("kafka_split", "more", [0, 0, 1, 0, 7]);
    seeds.add("whole_kafka", "all", all);
    seeds.add("whole_kafka", "log", kafka_log());
}

/// A topic is made, appended to and read; a group reads it; the process starts again; it is read once more.
fn kafka_log() -> Vec<u8> {
    use stele_kafka::codec::encode_request;
    use stele_kafka::codec::messages::*;
    let mut said = vec![255];
    let topic = MetadataRequestTopic { name: Some("t"), ..Default::default() };
    let metadata = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    encode_request(9, 1, None, &metadata, &mut said);
    let records = batch(Codec::None);
    let partition = PartitionProduceData { index: 0, records: Some(&records) };
    let topic = TopicProduceData { name: "t", partition_data: vec![partition], ..Default::default() };
    let produce =
        ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
    encode_request(9, 2, None, &produce, &mut said);
    let partition = FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: "t", partitions: vec![partition], ..Default::default() };
    let fetch = FetchRequest { min_bytes: 1, topics: vec![topic], ..Default::default() };
    encode_request(11, 3, None, &fetch, &mut said);
    let protocol = JoinGroupRequestProtocol { name: "range", metadata: b"m" };
    let join = JoinGroupRequest {
        group_id: "g",
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer",
        protocols: vec![protocol],
        ..Default::default()
    };
    encode_request(2, 4, None, &join, &mut said);
    said.extend_from_slice(&[MARK[0], MARK[1], 2, 5, MARK[0], MARK[1], 3, 0]);
    encode_request(9, 5, None, &metadata, &mut said);
    encode_request(11, 6, None, &fetch, &mut said);
    said
}

fn log(seeds: &mut Seeds) {
    let disk = std::sync::Arc::new(MemoryDisk::new());
    let settings = stele_log::FileLaneSettings {
        file_bytes_min: 16 << 10,
        file_bytes_max: 16 << 10,
        ..Default::default()
    };
    let file = lane_file(disk, settings);
    seeds.add("log_file_header", "lane", &file[..64]);
    seeds.add("log_frame_header", "lane", &file[4096..4096 + 64]);
    seeds.add("log_lane_file", "lane", file);
    // Two groups: a frame and a commit record each; a third one without its record.
    let script = [
        [1, 9, 7, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [2, 0, 1, 0, 0, 0, 0, 2],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ];
    seeds.add("log_lane", "groups", script.concat());
    seeds.add("log_lane", "torn", [script.concat(), vec![1, 50, 3, 0, 0, 2, 0, 0]].concat());
    seeds.add("log_lane", "clean", [script.concat(), vec![0, 0, 0, 0, 0, 8, 0, 0]].concat());
    seeds.add("log_frame_header", "zeros", [0; 64]);
    let mut commit = vec![0; 32 + 32];
    commit[28] = 1;
    seeds.add("log_commit", "one", commit);
    seeds.add("log_commit", "empty", [0; 32]);
    seeds.add("log_snapshots", "two", snapshots());
}

/// The bytes of a lane's first file after two groups and a clean stop, without the zeros at its end.
fn lane_file(disk: std::sync::Arc<MemoryDisk>, settings: stele_log::FileLaneSettings) -> Vec<u8> {
    use stele_log::{Class, FileLane, Frame, Lane, LaneId, OpenLane};
    struct Nobody;
    impl stele_log::Replay for Nobody {
        fn frame(&mut self, _: stele_log::StoredFrame<'_>) {}
        fn damage(&mut self, _: stele_log::Damage) {}
    }
    let lane = FileLane::new(LaneId(0), disk.clone(), settings);
    lane.open(OpenLane::default(), &mut Nobody).expect("an empty directory opens");
    let now = std::time::Instant::now();
    for number in 0..2 {
        let payload = bytes::Bytes::from_static(b"a payload of a frame");
        let frame = Frame { kind: 1, shard: 0, partition: 3, base_offset: number, count: 1, payload };
        lane.submit(&[frame], Class::Publish).expect("there is room");
        lane.step(now);
    }
    lane.close(now);
    contents(&disk, "lane-0000-00000000000000000001.log")
}

fn snapshots() -> Vec<u8> {
    use stele_log::{Lsn, Snapshot, SnapshotStore};
    let disk = std::sync::Arc::new(MemoryDisk::new());
    let (mut store, _) = SnapshotStore::open(disk.clone(), "fuzz").expect("an empty directory opens");
    let snapshot = |machine: &'static [u8], state: Option<&'static [u8]>| Snapshot {
        machine: bytes::Bytes::from_static(machine),
        lsn: Lsn(9),
        since: Lsn(3),
        state: state.map(bytes::Bytes::from_static),
    };
    store.write(&[snapshot(b"a", Some(b"state")), snapshot(b"b", None)]).expect("there is room");
    contents(&disk, "fuzz-00000000000000000001.snap")
}

fn contents(disk: &MemoryDisk, name: &str) -> Vec<u8> {
    let file = disk.open(name).expect("it was made");
    let mut bytes = vec![0; file.length().expect("memory knows it") as usize];
    file.read_at(0, &mut bytes).expect("memory is read");
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    bytes
}
