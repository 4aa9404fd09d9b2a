//! What only a lane in files must do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stele_io::{Disk, SimDisk, SimFaults};
use stele_log::{
    Class, Departure, FileLane, FileLaneSettings, Flight, FrameAt, Lane, LaneEvent, LaneId, OpenLane, Placed,
    ReadError, Step, StopReason, SubmitError,
};

use crate::suite::{Seen, commit, frame, open, small};

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

fn depart(lane: &FileLane) -> Option<Flight> {
    match lane.depart(Instant::now()) {
        Departure::Flight(flight) => Some(flight),
        Departure::Nothing(_) => None,
    }
}

fn fly(flight: &mut Flight) {
    while flight.advance() {}
}

/// A lane on this disk with a group under way for each id; the groups are of equal size.
fn in_the_air<const N: usize>(disk: &SimDisk, ids: [u64; N]) -> (FileLane, [Flight; N]) {
    let lane = FileLane::new(LaneId(0), Arc::new(disk.clone()), small());
    open(&lane, 0);
    let flights = ids.map(|id| {
        lane.submit(&[frame(id, 1000)], Class::Publish).unwrap();
        depart(&lane).expect("a flight is free")
    });
    (lane, flights)
}

#[test]
fn the_watermark_waits_for_the_oldest() {
    let disk = SimDisk::new(5);
    let (lane, [mut first, mut second]) = in_the_air(&disk, [1, 2]);
    let events = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&events);
    lane.subscribe(Arc::new(move |event| list.lock().unwrap().push(event)));
    let (before, queued) = (lane.durable(), lane.bytes_queued());
    fly(&mut second);
    assert_eq!(lane.land(second, Instant::now()), Step::Durable(before));
    assert_eq!((lane.durable(), lane.bytes_queued()), (before, queued), "nothing passes, nothing is free");
    fly(&mut first);
    lane.land(first, Instant::now());
    assert_eq!(*events.lock().unwrap(), [LaneEvent::Durable(lane.durable())], "both are told as one");
    assert_eq!(lane.bytes_queued(), 0);
    drop(lane);
    let (_, seen) = open(&FileLane::new(LaneId(0), Arc::new(disk.crash()), small()), 0);
    assert_eq!(seen.iter().map(|(_, frame)| frame.base_offset).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn what_stands_behind_a_hole_is_cut_for_good() {
    let disk = SimDisk::new(5);
    let (lane, [first, mut second, mut third]) = in_the_air(&disk, [1, 2, 3]);
    fly(&mut second);
    fly(&mut third);
    lane.land(third, Instant::now());
    drop((first, second, lane));
    // Later lanes fill the hole with as many bytes, so that the old groups stand where the lane goes on.
    for (id, expected) in [(11, vec![]), (12, vec![11]), (13, vec![11, 12])] {
        let disk = disk.crash();
        let lane = FileLane::new(LaneId(0), Arc::new(disk.clone()), small());
        let (recovery, seen) = open(&lane, 0);
        assert_eq!(seen.iter().map(|(_, frame)| frame.base_offset).collect::<Vec<_>>(), expected);
        assert_eq!(recovery.cut.is_some(), expected.is_empty(), "only the first opening finds a torn tail");
        // The epoch's record and the group take together what the group in the hole took.
        lane.submit(&[frame(id, 1000 - 96)], Class::Publish).unwrap();
        assert!(matches!(lane.step(Instant::now()), Step::Durable(_)));
    }
}

#[test]
fn a_failed_flight_fails_all_that_is_not_acknowledged() {
    let disk = SimDisk::new(5);
    let (lane, [mut first, mut second, mut third]) = in_the_air(&disk, [1, 2, 3]);
    let stops = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&stops);
    lane.subscribe(Arc::new(move |event| {
        count.fetch_add(u64::from(event == LaneEvent::Stopped(StopReason::Poisoned)), Ordering::Relaxed);
    }));
    for flight in [&mut first, &mut second, &mut third] {
        assert!(flight.advance(), "the write is done, the sync is left");
    }
    disk.set_faults(SimFaults { sync_fails_per_mille: 1000, ..SimFaults::default() });
    assert!(!second.advance());
    disk.set_faults(SimFaults::default());
    // The failure may have taken the bytes of the others, too; their own handles tell them.
    fly(&mut first);
    fly(&mut third);
    let poisoned = Step::Stopped(StopReason::Poisoned);
    let before = lane.durable();
    for flight in [first, third, second] {
        assert_eq!(lane.land(flight, Instant::now()), poisoned);
    }
    assert_eq!((lane.durable(), stops.load(Ordering::Relaxed)), (before, 1));
    let refused = SubmitError::Stopped(StopReason::Poisoned);
    assert_eq!(lane.submit(&[frame(4, 10)], Class::Publish), Err(refused));
    open(&lane, 0);
    lane.submit(&[frame(5, 10)], Class::Publish).unwrap();
    assert!(matches!(lane.step(Instant::now()), Step::Durable(_)));
}

#[test]
fn commits_overlap_where_syncs_are_slow() {
    let disk = SimDisk::new(6);
    let settings = FileLaneSettings { overlap_from: Duration::from_micros(500), ..small() };
    let lane = FileLane::new(LaneId(0), Arc::new(disk.clone()), settings);
    open(&lane, 0);
    for (sync_takes, overlap) in [(100, false), (4000, true), (100, false)] {
        disk.set_faults(SimFaults { sync_takes: Duration::from_micros(sync_takes), ..SimFaults::default() });
        for id in 0..40 {
            lane.submit(&[frame(id, 10)], Class::Publish).unwrap();
            assert!(matches!(lane.step(Instant::now()), Step::Durable(_)));
        }
        lane.submit(&[frame(40, 10)], Class::Publish).unwrap();
        let Departure::Flight(mut first) = lane.depart(Instant::now()) else {
            panic!("nothing is under way")
        };
        lane.submit(&[frame(41, 10)], Class::Publish).unwrap();
        let second = lane.depart(Instant::now());
        assert_eq!(matches!(second, Departure::Flight(_)), overlap, "{sync_takes} µs");
        fly(&mut first);
        assert!(matches!(lane.land(first, Instant::now()), Step::Durable(_)));
        if let Departure::Flight(mut second) = second {
            fly(&mut second);
            assert!(matches!(lane.land(second, Instant::now()), Step::Durable(_)));
        }
        while matches!(lane.step(Instant::now()), Step::Durable(_)) && lane.bytes_queued() > 0 {}
    }
    assert!(lane.close(Instant::now()));
}

#[test]
fn frames_are_read_together_as_one_by_one() {
    let lane = FileLane::new(LaneId(0), Arc::new(SimDisk::new(5)), small());
    open(&lane, 0);
    let placed: Vec<Placed> = (0..40).map(|id| commit(&lane, id, 1000)).collect();
    // Over the ends of files and groups, there and back, up to the first that cannot be read.
    let at = |placed: &Placed| FrameAt { lsn: placed.first, payload_bytes: 1000 };
    let mut wanted: Vec<FrameAt> = placed.iter().chain(placed.iter().rev()).map(at).collect();
    let together = lane.read_all(&wanted).into_iter().map(Result::unwrap);
    let one_by_one = wanted.iter().map(|wanted| lane.read(wanted.lsn, wanted.payload_bytes).unwrap());
    assert!(together.eq(one_by_one));
    wanted[30].payload_bytes = 999;
    let read = lane.read_all(&wanted);
    assert_eq!(read.len(), 31);
    assert!(read[..30].iter().all(Result::is_ok));
    assert!(matches!(read[30], Err(ReadError::Damaged(lsn)) if lsn == wanted[30].lsn));
    assert!(lane.read_all(&[]).is_empty());
}

#[test]
fn a_dropped_flight_poisons() {
    let disk = SimDisk::new(5);
    let (lane, [first]) = in_the_air(&disk, [1]);
    drop(first);
    assert_eq!(lane.step(Instant::now()), Step::Stopped(StopReason::Poisoned));
    open(&lane, 0);
}

#[test]
fn a_file_begins_when_all_before_it_is_durable() {
    let disk = SimDisk::new(5);
    let (lane, [mut first]) = in_the_air(&disk, [1]);
    // It does not fit into the rest of the file of 16 KiB.
    lane.submit(&[frame(2, 14_000)], Class::Publish).unwrap();
    assert!(depart(&lane).is_none());
    let logs = |disk: &SimDisk| disk.list().unwrap().iter().filter(|name| !name.contains("spare")).count();
    let before = logs(&disk);
    fly(&mut first);
    lane.land(first, Instant::now());
    let mut second = depart(&lane).expect("now it may");
    assert_eq!(logs(&disk), before + 1);
    fly(&mut second);
    lane.land(second, Instant::now());
    assert_eq!(lane.bytes_queued(), 0);
}
