//! Fuzz targets as plain functions: the fuzzer and the ordinary tests call the same ones. Damage is found by checksums; these
//! targets go behind them, with bytes that lie under a right checksum.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use stele_io::{Disk, DiskFile, MemoryDisk};

use crate::format::commit::Commit;
use crate::format::file_header::{FILE_HEADER_BYTES, FileHeader};
use crate::format::frame::{FrameHeader, HEADER_BYTES, seal};
use crate::{Damage, FileLane, FileLaneSettings, Lane, LaneId, OpenLane, Replay, SnapshotStore, StoredFrame};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All targets with their names.
pub const TARGETS: &[(&str, Target)] = &[
    ("frame_header", fuzz_frame_header),
    ("file_header", fuzz_file_header),
    ("commit", fuzz_commit),
    ("snapshots", fuzz_snapshots),
    ("lane", fuzz_lane),
    ("lane_file", fuzz_lane_file),
];

/// Frames of one lane at most.
const FRAMES_MAX: usize = 200;

/// Bytes that tell of a frame in a script of [`fuzz_lane`].
const STEP_BYTES: usize = 8;

/// A frame header, as it is and with its checksum made right.
pub fn fuzz_frame_header(data: &[u8]) {
    let _ = FrameHeader::decode(data);
    let Some(head) = data.get(..HEADER_BYTES) else { return };
    let mut sealed = head.to_vec();
    sealed[4] = 1;
    seal(&mut sealed, 7);
    let header = FrameHeader::decode(&sealed).expect("its checksum is right");
    assert_eq!(header.encode()[..], sealed[..]);
}

/// The first page of a file.
pub fn fuzz_file_header(data: &[u8]) {
    if let Ok(header) = FileHeader::decode(data) {
        assert_eq!(FileHeader::decode(&header.encode()), Ok(header));
    }
}

/// A commit record.
pub fn fuzz_commit(data: &[u8]) {
    if let Some(commit) = Commit::decode(data) {
        let mut bytes = Vec::new();
        commit.encode(&mut bytes);
        assert_eq!(bytes, data);
    }
}

/// A snapshot file: what is found in it can be read, or says that it cannot.
pub fn fuzz_snapshots(data: &[u8]) {
    let disk = Arc::new(MemoryDisk::new());
    put(&disk, "fuzz-00000000000000000001.snap", data);
    if let Ok((store, _)) = SnapshotStore::open(disk, "fuzz") {
        let machines: Vec<Vec<u8>> = store.machines().map(<[u8]>::to_vec).collect();
        for machine in machines {
            let _ = store.read(&machine);
        }
    }
}

/// A lane's file as it stands.
pub fn fuzz_lane_file(data: &[u8]) {
    open(data);
}

/// A lane's file of frames with right checksums and wrong words. Eight bytes of the input are one frame: kind, payload bytes,
/// a payload byte, epoch, a shift of the position, flags, and two for a commit record's words.
pub fn fuzz_lane(data: &[u8]) {
    let header =
        FileHeader { lane: 0, index: 1, incarnation: 77, first_lsn: 1 << 20, epoch: 1, log_start: 1 << 20 };
    let mut file = header.encode();
    let mut group_start = header.first_lsn;
    for step in data.chunks_exact(STEP_BYTES).take(FRAMES_MAX) {
        let lsn = header.first_lsn + (file.len() - FILE_HEADER_BYTES) as u64;
        let told = lsn.wrapping_add_signed(i64::from(step[4] as i8) * i64::from(step[5] & 1) * 64);
        let payload = payload(step, group_start);
        let frame = FrameHeader {
            kind: step[0] % 4,
            lane: u16::from(step[5] >> 7),
            payload_bytes: payload.len() as u32 + u32::from(step[5] >> 6 & 1),
            payload_crc: crc_fast::crc32_iscsi(&payload),
            incarnation: header.incarnation,
            epoch: 1 + u64::from(step[3] % 3),
            lsn: told,
            shard: u32::from(step[6]),
            count: u32::from(step[7]),
            partition: u64::from(step[6] >> 4),
            base_offset: u64::from(step[7] & 15),
        };
        if step[5] & 2 != 0 {
            // What an older lap of the file left there.
            file.extend_from_slice(&[step[2]; 40]);
        }
        file.extend_from_slice(&frame.encode());
        file.extend_from_slice(&payload);
        if frame.kind == 0 {
            group_start = header.first_lsn + (file.len() - FILE_HEADER_BYTES) as u64;
        }
    }
    open(&file);
}

/// The payload of a frame in a script: a commit record that may lie, or plain bytes.
fn payload(step: &[u8], group_start: u64) -> Vec<u8> {
    if !step[0].is_multiple_of(4) {
        return vec![step[2]; usize::from(step[1])];
    }
    let lie = |word: u64, by: u8| {
        if by == 0 { word } else { word.wrapping_add_signed(i64::from(by as i8) << (by % 60)) }
    };
    let commit = Commit {
        group_start: lie(group_start, step[6]),
        known_synced: lie(group_start, step[7]),
        log_start: lie(1 << 20, step[2]),
        flags: u32::from(step[5] >> 2 & 7),
        entries: Vec::new(),
    };
    let mut bytes = Vec::new();
    commit.encode(&mut bytes);
    bytes
}

/// Opens a lane whose only file has these bytes, and reads where frames were found.
fn open(file: &[u8]) {
    let disk = Arc::new(MemoryDisk::new());
    put(&disk, "lane-0000-00000000000000000001.log", file);
    let settings =
        FileLaneSettings { file_bytes_min: 16 << 10, file_bytes_max: 16 << 10, ..Default::default() };
    let lane = FileLane::new(LaneId(0), disk, settings);
    let mut found = Found::default();
    if lane.open(OpenLane::default(), &mut found).is_ok() {
        for (lsn, bytes) in found.0 {
            let _ = lane.read(lsn, bytes);
        }
        #[allow(
            clippy::disallowed_methods,
            reason = "the lane asks for a time to stop at; it decides nothing here"
        )]
        lane.close(Instant::now());
    }
}

fn put(disk: &MemoryDisk, name: &str, bytes: &[u8]) {
    let file: Arc<dyn DiskFile> = disk.create(name).expect("the directory is empty");
    file.write_at(0, &[IoSlice::new(bytes)]).expect("memory takes it");
}

#[derive(Default)]
struct Found(Vec<(crate::Lsn, u32)>);

impl Replay for Found {
    fn frame(&mut self, frame: StoredFrame<'_>) {
        self.0.push((frame.lsn, frame.payload.len() as u32));
    }

    fn damage(&mut self, _: Damage) {}
}
