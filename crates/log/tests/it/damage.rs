//! Damage by bit: every flipped byte that a lane still needs is found, named, and costs nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use stele_io::{Disk, SimDisk};
use stele_log::{
    Class, Damage, FileLane, FileLaneSettings, Frame, Lane, LaneId, Lsn, OpenLane, Recovery, Replay, Step,
    StoredFrame,
};

const FRAMES: u64 = 60;
const FILE_HEADER_BYTES: u64 = 4096;

#[test]
fn every_flipped_byte_is_found_and_costs_only_itself() {
    let (before, placed) = written();
    let files = before.contents();
    assert!(files.len() >= 3, "the damage must also meet sealed files");
    let mut flips = 0;
    for (name, bytes) in files.iter().filter(|(name, _)| !name.ends_with("lock")) {
        let live = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
        for position in (0..=live).step_by(13).chain(live - 150..=live) {
            // Of the first page only the header is live, and zeros are no content that a flip could hide.
            if (64..FILE_HEADER_BYTES).contains(&position) {
                continue;
            }
            flips += 1;
            check(name, position, (position % 8) as u8, &placed);
        }
    }
    assert!(flips > 1000, "{flips}");
}

/// What is written is fixed by the seed, so a fresh copy is made for each flip.
fn check(name: &str, position: u64, bit: u8, placed: &[(Lsn, u64)]) {
    let (disk, _) = written();
    assert!(disk.flip_bit(name, position, bit));
    let mut seen = Seen::default();
    let recovery = lane(&disk).open(OpenLane::default(), &mut seen).unwrap();
    let what = format!("{name} at {position}: {recovery:?}");
    assert!(!recovery.damage.is_empty() || recovery.cut.is_some(), "not found: {what}");
    assert_eq!(recovery.damage, seen.damage);
    let found: BTreeSet<u64> = seen.ids.iter().copied().collect();
    assert_eq!(found.len(), seen.ids.len(), "given twice: {what}");
    let mut named = BTreeSet::new();
    for damage in &recovery.damage {
        match damage {
            Damage::Frame { base_offset, partition, lsn, shard: 1, count: 1 } => {
                assert_eq!(*partition, base_offset % 4, "{what}");
                assert!(placed.contains(&(*lsn, *base_offset)), "{what}");
                named.insert(*base_offset);
            }
            Damage::CommitRecord { .. } | Damage::FileHeader { .. } => {}
            damage => panic!("{damage:?} is more than one flip can do: {what}"),
        }
    }
    assert!(named.len() <= 1, "{what}");
    for id in 0..FRAMES {
        assert!(found.contains(&id) != named.contains(&id), "frame {id}: {what}");
    }
    // A cut can only be the last record, which holds no frames.
    let _ = Recovery { cut: None, ..recovery };
}

#[test]
fn reads_find_damage_too() {
    let (disk, placed) = written();
    let lane = lane(&disk);
    lane.open(OpenLane::default(), &mut Seen::default()).unwrap();
    let (lsn, id) = placed[0];
    for position in (FILE_HEADER_BYTES + 96..).take(64 + payload(id).len()).step_by(7) {
        // The first file begins with the record of its epoch, 96 bytes, then comes the first frame.
        let name = disk.list().unwrap().remove(0);
        assert!(lane.read(lsn, payload(id).len() as u32).is_ok());
        disk.flip_bit(&name, position, 3);
        assert!(lane.read(lsn, payload(id).len() as u32).is_err(), "{position}");
        disk.flip_bit(&name, position, 3);
    }
}

#[test]
fn a_missing_file_is_reported_not_skipped() {
    let (disk, placed) = written();
    let logs: Vec<String> = disk.list().unwrap().into_iter().filter(|name| name.ends_with("log")).collect();
    disk.remove(&logs[1]).unwrap();
    let mut seen = Seen::default();
    let recovery = lane(&disk).open(OpenLane::default(), &mut seen).unwrap();
    let lost: Vec<_> = recovery.damage.iter().collect();
    let [Damage::Range { from, to }] = lost[..] else { panic!("{lost:?}") };
    for (lsn, id) in placed {
        assert_eq!(seen.ids.contains(&id), !(*from..*to).contains(&lsn), "{id}");
    }
}

#[test]
fn a_lost_directory_does_not_give_positions_out_again() {
    let disk = SimDisk::new(1);
    let lane = lane(&disk);
    let request = OpenLane { from: Lsn(5000), ..OpenLane::default() };
    let recovery = lane.open(request, &mut Seen::default()).unwrap();
    assert_eq!(recovery.damage, [Damage::Range { from: Lsn(0), to: Lsn(5000) }]);
    assert!(lane.submit(&[frame(0)], Class::Publish).unwrap().first > Lsn(5000));
}

fn written() -> (SimDisk, Vec<(Lsn, u64)>) {
    let disk = SimDisk::new(1);
    let lane = lane(&disk);
    lane.open(OpenLane::default(), &mut Seen::default()).unwrap();
    let mut placed = Vec::new();
    for id in 0..FRAMES {
        let at = lane.submit(&[frame(id)], Class::Publish).unwrap();
        placed.push((at.first, id));
        if id % 3 == 2 {
            assert!(matches!(lane.step(Instant::now()), Step::Durable(_)));
        }
    }
    assert!(lane.close(Instant::now()));
    (disk, placed)
}

/// A lane with files of 16 KiB.
pub(crate) fn lane(disk: &SimDisk) -> FileLane {
    let settings = FileLaneSettings {
        file_bytes_min: 16 << 10,
        file_bytes_max: 16 << 10,
        salt: 7,
        overlap_from: Duration::ZERO,
        ..FileLaneSettings::default()
    };
    FileLane::new(LaneId(0), Arc::new(disk.clone()), settings)
}

fn payload(id: u64) -> Bytes {
    vec![id as u8 | 1; 300 + id as usize].into()
}

fn frame(id: u64) -> Frame {
    Frame { kind: 1, shard: 1, partition: id % 4, base_offset: id, count: 1, payload: payload(id) }
}

#[derive(Default)]
struct Seen {
    ids: Vec<u64>,
    damage: Vec<Damage>,
}

impl Replay for Seen {
    fn frame(&mut self, frame: StoredFrame<'_>) {
        assert_eq!(frame.payload, payload(frame.base_offset));
        self.ids.push(frame.base_offset);
    }

    fn damage(&mut self, damage: Damage) {
        self.damage.push(damage);
    }
}
