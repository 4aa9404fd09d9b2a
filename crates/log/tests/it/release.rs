//! Files in the middle of a lane are given back: what is kept stays readable, and an opening behind them misses nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::damage::lane;
use bytes::Bytes;
use stele_io::{Random, SimDisk, SimFaults};
use stele_log::{Class, Damage, FileLane, Frame, Lane, Lsn, Maintenance, OpenLane, Replay, StoredFrame};

#[test]
fn released_files_go_and_kept_ones_stay() {
    for seed in 0..200 {
        run(seed);
    }
}

/// Frames by position, with the bytes of their payload; all are durable.
type Frames = BTreeMap<u64, usize>;

fn run(seed: u64) {
    let mut script = Random::new(seed ^ 0x9e1e);
    let mut disk = SimDisk::new(seed);
    let mut now = Instant::now();
    // Frames that must be readable, and from where on all must be replayed.
    let (mut kept, mut from) = (Frames::new(), Lsn(0));
    for _ in 0..4 {
        disk.set_faults(SimFaults::default());
        let lane = lane(&disk);
        let mut seen = Seen::default();
        let recovery = lane.open(OpenLane { from, ..OpenLane::default() }, &mut seen).expect("opens");
        assert_eq!((recovery.damage, seen.damage), (vec![], 0), "seed {seed}");
        let wanted = kept.range(from.0..).map(|(lsn, _)| *lsn);
        let missing = wanted.filter(|lsn| !seen.frames.contains_key(lsn)).count();
        assert_eq!(missing, 0, "seed {seed}");
        kept.extend(seen.frames);
        check(&lane, &disk, &kept, seed);
        let power = disk.calls() + 60 + script.below(200);
        disk.set_faults(SimFaults { power_lost_at_call: Some(power), ..SimFaults::default() });
        while disk.has_power() {
            let Some(fresh) = commit(&lane, &mut script, now) else { break };
            kept.extend(fresh);
            now += Duration::from_millis(1);
            if script.chance(100) {
                give_back(&lane, &mut script, &mut kept, &mut from);
            }
            if !matches!(lane.maintain(), Ok(Maintenance::Worked)) {
                check(&lane, &disk, &kept, seed);
            }
        }
        disk = disk.crash();
    }
}

/// Picks files that nobody needs any more, anywhere below the durable end.
fn give_back(lane: &FileLane, script: &mut Random, kept: &mut Frames, from: &mut Lsn) {
    let segments = lane.segments();
    let Some(last) = segments.last() else { return };
    *from = last.end.max(*from);
    let mut unneeded = Vec::new();
    for segment in &segments {
        if script.chance(500) {
            unneeded.push(*segment);
            kept.retain(|lsn, _| *lsn < segment.first.0 || *lsn >= segment.end.0);
        }
    }
    lane.release(&unneeded);
    let oldest = kept.first_key_value().map_or(from.0, |(lsn, _)| *lsn);
    lane.trim(Lsn(oldest).min(*from));
}

fn commit(lane: &FileLane, script: &mut Random, now: Instant) -> Option<Frames> {
    let bytes = 8 + script.below(3000) as usize;
    let payload = Bytes::from(vec![7; bytes]);
    let frame = Frame { kind: 1, shard: 0, partition: 1, base_offset: 0, count: 1, payload };
    let placed = lane.submit(&[frame], Class::Publish).ok()?;
    lane.step(now);
    (lane.durable() >= placed.end).then(|| Frames::from([(placed.first.0, bytes)]))
}

fn check(lane: &FileLane, disk: &SimDisk, kept: &Frames, seed: u64) {
    for (lsn, bytes) in kept {
        let read = lane.read(Lsn(*lsn), *bytes as u32);
        assert!(read.is_ok() || !disk.has_power(), "seed {seed}: {lsn} {read:?}");
    }
}

#[derive(Default)]
struct Seen {
    frames: Frames,
    damage: usize,
}

impl Replay for Seen {
    fn frame(&mut self, frame: StoredFrame<'_>) {
        self.frames.insert(frame.lsn.0, frame.payload.len());
    }

    fn damage(&mut self, _: Damage) {
        self.damage += 1;
    }
}
