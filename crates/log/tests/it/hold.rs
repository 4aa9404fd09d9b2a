//! What is submitted while somebody holds the lane is durable together or not at all.

use std::sync::Arc;
use std::time::Instant;

use stele_io::{SimDisk, SimFaults};
use stele_log::{Bucket, Class, FileLane, Lane, LaneId, MemoryLane, MemoryLaneSettings, Step, SubmitError};

use crate::suite::{frame, open, small};

fn file(disk: &SimDisk) -> FileLane {
    FileLane::new(LaneId(1), Arc::new(disk.clone()), small())
}

#[test]
fn a_held_group_waits_for_all_of_it() {
    let bucket = Bucket::new(1);
    let lanes: [Box<dyn Lane>; 2] = [
        Box::new(file(&SimDisk::new(1))),
        Box::new(MemoryLane::new(LaneId(1), bucket, MemoryLaneSettings::default())),
    ];
    for lane in lanes {
        open(&*lane, 0);
        let now = Instant::now();
        let before = lane.durable();
        lane.hold(30).unwrap();
        assert_eq!(lane.hold(1), Err(SubmitError::Busy), "one at a time");
        lane.submit(&[frame(1, 500)], Class::Publish).unwrap();
        lane.step(now);
        let last = lane.submit_held(&[frame(2, 30)]).unwrap();
        lane.step(now);
        assert_eq!(lane.durable(), before);
        lane.let_go();
        let mut now = now;
        while lane.durable() < last.end {
            match lane.step(now) {
                Step::Waiting { wake_at } => now = now.max(wake_at),
                Step::Stopped(reason) => panic!("{reason:?}"),
                _ => {}
            }
        }
        lane.hold(1).unwrap();
        lane.let_go();
        assert!(lane.close(now));
        assert_eq!(lane.bytes_queued(), 0);
    }
}

/// The power goes at every call of the disk after two held groups and one other were submitted.
#[test]
fn a_crash_leaves_a_held_group_whole_or_not_at_all() {
    let (mut none, mut all) = (0, 0);
    for calls in 0..8 {
        let disk = SimDisk::new(calls);
        let lane = file(&disk);
        open(&lane, 0);
        disk.set_faults(SimFaults { power_lost_at_call: Some(disk.calls() + calls), ..SimFaults::default() });
        for group in [0, 10] {
            if lane.hold(40).is_err() {
                break;
            }
            for id in group..group + 3 {
                lane.submit(&[frame(id, 700)], Class::Publish).unwrap();
                // A commit that comes too early takes nothing.
                lane.step(Instant::now());
            }
            lane.submit_held(&[frame(group + 3, 40)]).unwrap();
            lane.let_go();
            lane.step(Instant::now());
        }
        drop(lane);
        let disk = disk.crash();
        disk.set_faults(SimFaults::default());
        let (_, seen) = open(&file(&disk), 0);
        assert!(matches!(seen.len(), 0 | 4 | 8), "{} frames after {calls} calls", seen.len());
        none += u64::from(seen.is_empty());
        all += u64::from(seen.len() == 8);
    }
    assert!(none > 0 && all > 0, "{none} {all}");
}

#[test]
fn a_hold_that_is_not_let_go_is_dropped_at_the_end() {
    let disk = SimDisk::new(3);
    let lane = file(&disk);
    open(&lane, 0);
    lane.submit(&[frame(0, 10)], Class::Publish).unwrap();
    lane.step(Instant::now());
    lane.hold(10).unwrap();
    lane.submit(&[frame(1, 10)], Class::Publish).unwrap();
    assert!(lane.close(Instant::now()));
    assert!(lane.submit_held(&[frame(2, 10)]).is_err());
    lane.let_go();
    assert_eq!(open(&lane, 0).1.len(), 1);
}

#[test]
fn what_is_reserved_is_there_when_everything_else_is_refused() {
    let disk = SimDisk::new(4);
    let lane = file(&disk);
    open(&lane, 0);
    lane.hold(40).unwrap();
    while lane.submit(&[frame(1, 900)], Class::Essential).is_ok() {}
    while lane.submit(&[frame(1, 0)], Class::Essential).is_ok() {}
    lane.submit_held(&[frame(2, 40)]).unwrap();
    assert_eq!(lane.submit_held(&[frame(3, 40)]), Err(SubmitError::Busy), "only once");
    lane.let_go();
    while !matches!(lane.step(Instant::now()), Step::Idle { .. }) {}
    assert_eq!(lane.bytes_queued(), 0);
    lane.submit(&[frame(4, 900)], Class::Publish).unwrap();
}
