//! What only a lane in files must do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stele_io::{Disk, SimDisk};
use stele_log::{Class, FileLane, FileLaneSettings, Lane, LaneId, OpenLane, Step};

use crate::suite::{Seen, frame, open, small};

#[test]
fn an_idle_lane_marks_its_end_and_rests() {
    let lane = FileLane::new(LaneId(0), Arc::new(SimDisk::new(5)), small());
    open(&lane, 0);
    let now = Instant::now();
    assert_eq!(lane.step(now), Step::Idle { wake_at: None });
    lane.submit(&[frame(2, 100)], Class::Publish).unwrap();
    assert!(matches!(lane.step(now), Step::Durable(_)));
    let due = now + Duration::from_millis(50);
    assert_eq!(lane.step(now), Step::Idle { wake_at: Some(due) });
    assert!(matches!(lane.step(due), Step::Durable(_)));
    assert_eq!(lane.step(due), Step::Idle { wake_at: None });
}

#[test]
fn a_directory_has_one_owner_and_stays_small() {
    let disk = SimDisk::new(5);
    let make = || FileLane::new(LaneId(0), Arc::new(disk.clone()), FileLaneSettings::default());
    let lane = make();
    open(&lane, 0);
    assert!(make().open(OpenLane::default(), &mut Seen::default()).is_err());
    let bytes: usize = disk.contents().iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes <= 8 << 20, "{bytes}");
    lane.close(Instant::now());
    open(&make(), 0);
    assert!(disk.list().unwrap().iter().all(|name| name.starts_with("lane-0000")));
}
