//! What every lane must do, run against each of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use stele_io::{SimDisk, SimFaults};
use stele_log::{
    Bucket, BucketFaults, Class, Damage, Epoch, FRAME_BYTES_MAX, FileLane, FileLaneSettings, Frame, Lane,
    LaneEvent, LaneId, LaneThread, Lsn, Maintenance, MemoryLane, MemoryLaneSettings, OpenLane, Placed,
    ReadError, Recovery, Replay, Step, StopReason, StoredFrame, SubmitError,
};

/// Makes one more writer on the same medium each time it is called.
type Make = Box<dyn Fn() -> Arc<dyn Lane>>;

fn file() -> Make {
    let disk = SimDisk::new(1);
    Box::new(move || Arc::new(FileLane::new(LaneId(1), Arc::new(disk.clone()), small())))
}

fn memory_with(timeouts_per_mille: u32) -> Make {
    let bucket = Bucket::new(1);
    bucket.set_faults(BucketFaults { timeouts_per_mille, ..BucketFaults::default() });
    let salt = AtomicU64::new(1);
    Box::new(move || {
        let salt = salt.fetch_add(1, Ordering::Relaxed) << 32;
        let settings =
            MemoryLaneSettings { queue_bytes_max: 64 << 10, salt, ..MemoryLaneSettings::default() };
        Arc::new(MemoryLane::new(LaneId(1), bucket.clone(), settings))
    })
}

pub(crate) fn small() -> FileLaneSettings {
    FileLaneSettings {
        file_bytes_min: 16 << 10,
        file_bytes_max: 32 << 10,
        queue_bytes_max: 64 << 10,
        salt: 3,
        overlap_from: Duration::ZERO,
        ..FileLaneSettings::default()
    }
}

macro_rules! suite {
    ($($test:ident),* $(,)?) => {
        mod file {
            $(#[test] fn $test() { super::$test(super::file()); })*
        }
        mod memory {
            $(#[test] fn $test() { super::$test(super::memory_with(0)); })*
        }
        mod memory_with_timeouts {
            $(#[test] fn $test() { super::$test(super::memory_with(300)); })*
        }
    };
}

suite!(
    frames_come_back,
    epochs_rise_and_positions_go_on,
    replay_starts_where_asked,
    subscribers_are_called_once_per_commit,
    reads_check_position_and_length,
    limits_hold,
    trimmed_space_is_given_back,
    a_closed_lane_refuses,
    a_thread_drives_it,
);

fn frames_come_back(make: Make) {
    let lane = make();
    open(&*lane, 0);
    let mut placed = Vec::new();
    for id in 0..40 {
        placed.push(lane.submit(&[frame(id, 10), frame(id + 1000, 6000)], Class::Publish).unwrap());
        if id % 3 == 0 {
            settle(&*lane);
        }
    }
    settle(&*lane);
    assert_eq!(lane.bytes_queued(), 0);
    assert!(lane.durable() >= placed.last().unwrap().end);
    assert!(lane.close(Instant::now()));
    let (recovery, seen) = open(&*make(), 0);
    assert!(recovery.clean);
    assert_eq!((recovery.frames, recovery.cut, recovery.damage), (80, None, vec![]));
    for (id, placed) in placed.iter().enumerate() {
        let id = id as u64;
        assert_eq!(seen[2 * id as usize], (placed.first, frame(id, 10)));
        assert_eq!(seen[2 * id as usize + 1].1, frame(id + 1000, 6000));
    }
}

fn epochs_rise_and_positions_go_on(make: Make) {
    let (mut epoch, mut end) = (Epoch(0), Lsn(0));
    for round in 0..5 {
        let lane = make();
        let (recovery, seen) = open_at(&*lane, OpenLane { from: Lsn(0), epoch_min: Epoch(round * 2) });
        assert!(recovery.epoch > epoch && recovery.epoch >= Epoch(round * 2));
        assert!(recovery.end >= end);
        assert_eq!(seen.len() as u64, round);
        epoch = recovery.epoch;
        end = lane.submit(&[frame(round, 100)], Class::Publish).unwrap().end;
        settle(&*lane);
        assert!(lane.close(Instant::now()));
    }
}

fn replay_starts_where_asked(make: Make) {
    let lane = make();
    open(&*lane, 0);
    let placed: Vec<Placed> = (0..50).map(|id| commit(&*lane, id, 1000)).collect();
    assert!(lane.close(Instant::now()));
    for from in [0, 7, 20, 49] {
        let lane = make();
        let (recovery, seen) = open(&*lane, placed[from].first.0);
        assert_eq!(seen.len(), 50 - from);
        assert_eq!(seen[0], (placed[from].first, frame(from as u64, 1000)));
        assert_eq!(recovery.damage, []);
        lane.close(Instant::now());
    }
}

fn subscribers_are_called_once_per_commit(make: Make) {
    let lane = make();
    open(&*lane, 0);
    let events = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&events);
    let subscription = lane.subscribe(Arc::new(move |event| list.lock().unwrap().push(event)));
    for id in 0..100 {
        lane.submit(&[frame(id, 10)], Class::Publish).unwrap();
    }
    settle(&*lane);
    assert_eq!(*events.lock().unwrap(), [LaneEvent::Durable(lane.durable())]);
    lane.unsubscribe(subscription);
    commit(&*lane, 1, 1);
    assert_eq!(events.lock().unwrap().len(), 1);
}

fn reads_check_position_and_length(make: Make) {
    let lane = make();
    open(&*lane, 0);
    let placed: Vec<Placed> = (0..40).map(|id| commit(&*lane, id, 1000)).collect();
    for (id, placed) in placed.iter().enumerate() {
        assert_eq!(lane.read(placed.first, 1000).unwrap(), frame(id as u64, 1000).payload);
    }
    let first = placed[3].first;
    assert!(matches!(lane.read(first, 999), Err(ReadError::Damaged(_))));
    assert!(matches!(lane.read(Lsn(first.0 + 1), 1000), Err(ReadError::Damaged(_))));
    assert!(matches!(lane.read(lane.durable(), 1), Err(ReadError::NotDurable(_))));
    assert!(matches!(lane.read(Lsn(u64::MAX), 1), Err(ReadError::NotDurable(_))));
    assert!(matches!(lane.read(first, u32::MAX), Err(ReadError::Damaged(_))));
}

fn limits_hold(make: Make) {
    let lane = make();
    open(&*lane, 0);
    let huge = Frame { payload: Bytes::from(vec![0; FRAME_BYTES_MAX as usize + 1]), ..frame(0, 0) };
    assert_eq!(lane.submit(&[huge], Class::Publish), Err(SubmitError::Size));
    assert_eq!(lane.submit(&[], Class::Publish), Err(SubmitError::Size));
    let reserved = Frame { kind: 0, ..frame(0, 1) };
    assert_eq!(lane.submit(&[reserved], Class::Publish), Err(SubmitError::Kind));
    // The queue holds 64 KiB for publishes and as much again for what must pass.
    let fill = |class| (0..).take_while(|id| lane.submit(&[frame(*id, 1000)], class).is_ok()).count();
    assert!((50..64).contains(&fill(Class::Publish)));
    assert_eq!(lane.submit(&[frame(0, 1000)], Class::Publish), Err(SubmitError::Busy));
    assert!((50..64).contains(&fill(Class::Essential)));
    settle(&*lane);
    assert_eq!(lane.bytes_queued(), 0);
    // One group that is larger than the limit and than a file is let in alone.
    let placed = lane.submit(&[frame(7, 200_000)], Class::Publish).unwrap();
    settle(&*lane);
    assert_eq!(lane.read(placed.first, 200_000).unwrap(), frame(7, 200_000).payload);
}

fn trimmed_space_is_given_back(make: Make) {
    let lane = make();
    open(&*lane, 0);
    let placed: Vec<Placed> = (0..200).map(|id| commit(&*lane, id, 1000)).collect();
    let kept = placed[150].first;
    lane.trim(kept);
    settle(&*lane);
    while lane.maintain().unwrap() == Maintenance::Worked {}
    assert!(!lane.has_chores());
    assert!(matches!(lane.read(placed[0].first, 1000), Err(ReadError::Trimmed(_))));
    lane.read(kept, 1000).unwrap();
    commit(&*lane, 200, 1000);
    assert!(lane.close(Instant::now()));
    let (recovery, seen) = open(&*make(), kept.0);
    assert_eq!((recovery.log_start, recovery.damage), (kept, vec![]));
    assert_eq!(seen.len(), 51);
}

fn a_closed_lane_refuses(make: Make) {
    let lane = make();
    let stopped = SubmitError::Stopped(StopReason::Closed);
    assert_eq!(lane.submit(&[frame(0, 1)], Class::Publish), Err(stopped.clone()));
    assert_eq!(lane.step(Instant::now()), Step::Stopped(StopReason::Closed));
    assert!(!lane.close(Instant::now()));
    open(&*lane, 0);
    lane.submit(&[frame(0, 1)], Class::Publish).unwrap();
    assert!(lane.close(Instant::now()), "closing commits what waits");
    assert_eq!(lane.submit(&[frame(0, 1)], Class::Publish), Err(stopped));
    assert_eq!(open(&*lane, 0).1.len(), 1);
}

fn a_thread_drives_it(make: Make) {
    let lane = make();
    open(&*lane, 0);
    let thread = LaneThread::start(Arc::clone(&lane), |error| panic!("{error}")).unwrap();
    let (sender, receiver) = std::sync::mpsc::sync_channel(1000);
    lane.subscribe(Arc::new(move |event| {
        let _ = sender.try_send(event);
    }));
    let mut last = Lsn(0);
    std::thread::scope(|scope| {
        let submit = |id| lane.submit(&[frame(id, 100)], Class::Publish).unwrap().end;
        let handles: Vec<_> =
            (0..4).map(|part| scope.spawn(move || (0..20).map(|id| submit(part * 20 + id)).max())).collect();
        for handle in handles {
            last = last.max(handle.join().unwrap().unwrap());
        }
    });
    while lane.durable() < last {
        receiver.recv_timeout(Duration::from_secs(20)).unwrap();
    }
    thread.stop();
    assert!(lane.close(Instant::now()));
    assert_eq!(open(&*lane, 0).1.len(), 80);
}

#[test]
fn an_older_writer_is_fenced() {
    for timeouts in [0, 300] {
        let make = memory_with(timeouts);
        let old = make();
        open(&*old, 0);
        let acked = commit(&*old, 1, 100);
        // Under way when the new writer comes: may or may not count, but never after it was not seen.
        old.submit(&[frame(2, 100)], Class::Publish).unwrap();
        let mut now = Instant::now();
        old.step(now);
        let new = make();
        let (_, seen) = open(&*new, 0);
        assert!(seen.len() == 1 || seen.len() == 2);
        assert_eq!(seen[0].0, acked.first);
        old.submit(&[frame(3, 100)], Class::Publish).unwrap();
        loop {
            match old.step(now) {
                Step::Waiting { wake_at } => now = wake_at,
                Step::Durable(_) => {}
                Step::Stopped(reason) => break assert_eq!(reason, StopReason::Fenced),
                Step::Idle { .. } => panic!("a fenced writer goes on"),
            }
        }
        commit(&*new, 4, 100);
        let (_, after) = open(&*make(), 0);
        assert_eq!(after.len(), seen.len() + 1);
        assert_eq!(after.last().unwrap().1, frame(4, 100));
    }
}

#[test]
fn a_failed_sync_poisons_until_reopened() {
    let disk = SimDisk::new(5);
    let lane = FileLane::new(LaneId(0), Arc::new(disk.clone()), small());
    open(&lane, 0);
    let acked = commit(&lane, 1, 100);
    let stops = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&stops);
    lane.subscribe(Arc::new(move |event| {
        count.fetch_add(u64::from(event == LaneEvent::Stopped(StopReason::Poisoned)), Ordering::Relaxed);
    }));
    lane.submit(&[frame(2, 100)], Class::Publish).unwrap();
    disk.set_faults(SimFaults { sync_fails_per_mille: 1000, ..SimFaults::default() });
    assert_eq!(lane.step(Instant::now()), Step::Stopped(StopReason::Poisoned));
    disk.set_faults(SimFaults::default());
    let calls = disk.calls();
    let poisoned = SubmitError::Stopped(StopReason::Poisoned);
    assert_eq!(lane.submit(&[frame(3, 100)], Class::Publish), Err(poisoned));
    assert_eq!(lane.step(Instant::now()), Step::Stopped(StopReason::Poisoned));
    assert_eq!((stops.load(Ordering::Relaxed), disk.calls()), (1, calls), "it never syncs again");
    assert!(lane.durable() >= acked.end);
    let (_, seen) = open(&lane, 0);
    assert_eq!(seen[0].1, frame(1, 100));
    commit(&lane, 4, 100);
}

#[test]
fn a_full_disk_still_takes_essential_frames() {
    let disk = SimDisk::new(5);
    let settings = FileLaneSettings { reserve_bytes: 4 << 10, ..small() };
    let lane = FileLane::new(LaneId(0), Arc::new(disk.clone()), settings);
    open(&lane, 0);
    disk.set_faults(SimFaults { bytes_max: Some(20 << 10), ..SimFaults::default() });
    let mut id = 0;
    let refused = loop {
        match lane.submit(&[frame(id, 500)], Class::Publish) {
            Ok(_) => settle(&lane),
            Err(error) => break error,
        }
        if lane.has_chores() {
            let _ = lane.maintain();
        }
        id += 1;
    };
    assert_eq!(refused, SubmitError::DiskFull);
    lane.submit(&[frame(1000, 20)], Class::Essential).unwrap();
    settle(&lane);
    lane.trim(lane.durable());
    disk.set_faults(SimFaults::default());
    settle(&lane);
    lane.maintain().unwrap();
    lane.submit(&[frame(1000, 20)], Class::Essential).unwrap();
    settle(&lane);
    lane.submit(&[frame(id, 500)], Class::Publish).unwrap();
    settle(&lane);
}

#[test]
fn a_disk_with_room_again_takes_publishes_by_itself() {
    let disk = SimDisk::new(5);
    let lane = FileLane::new(LaneId(0), Arc::new(disk.clone()), small());
    open(&lane, 0);
    disk.set_faults(SimFaults { bytes_max: Some(20 << 10), ..SimFaults::default() });
    let refused = (0..).find_map(|id| {
        if lane.has_chores() {
            let _ = lane.maintain();
        }
        let placed = lane.submit(&[frame(id, 500)], Class::Publish);
        settle(&lane);
        placed.err()
    });
    assert_eq!(refused, Some(SubmitError::DiskFull));
    disk.set_faults(SimFaults::default());
    // Nothing is committed in between: all that comes is refused.
    assert!(lane.has_chores());
    lane.maintain().unwrap();
    lane.submit(&[frame(0, 500)], Class::Publish).unwrap();
}

pub(crate) fn open(lane: &dyn Lane, from: u64) -> (Recovery, Vec<(Lsn, Frame)>) {
    open_at(lane, OpenLane { from: Lsn(from), epoch_min: Epoch(0) })
}

fn open_at(lane: &dyn Lane, request: OpenLane) -> (Recovery, Vec<(Lsn, Frame)>) {
    let mut seen = Seen::default();
    let recovery = lane.open(request, &mut seen).unwrap();
    (recovery, seen.frames)
}

pub(crate) fn commit(lane: &dyn Lane, id: u64, bytes: usize) -> Placed {
    let placed = lane.submit(&[frame(id, bytes)], Class::Publish).unwrap();
    settle(lane);
    placed
}

/// Steps until nothing waits, with time running as fast as the lane likes.
fn settle(lane: &dyn Lane) {
    let mut now = Instant::now();
    loop {
        match lane.step(now) {
            Step::Durable(_) => {}
            Step::Waiting { wake_at } => now = now.max(wake_at),
            Step::Idle { .. } => return,
            Step::Stopped(reason) => panic!("{reason:?}"),
        }
    }
}

pub(crate) fn frame(id: u64, bytes: usize) -> Frame {
    let payload = Bytes::from(vec![id as u8; bytes]);
    Frame { kind: 1, shard: 2, partition: id % 5, base_offset: id, count: 3, payload }
}

#[derive(Default)]
pub(crate) struct Seen {
    frames: Vec<(Lsn, Frame)>,
}

impl Replay for Seen {
    fn frame(&mut self, stored: StoredFrame<'_>) {
        let frame = Frame {
            kind: stored.kind,
            shard: stored.shard,
            partition: stored.partition,
            base_offset: stored.base_offset,
            count: stored.count,
            payload: Bytes::copy_from_slice(stored.payload),
        };
        self.frames.push((stored.lsn, frame));
    }

    fn damage(&mut self, damage: Damage) {
        panic!("{damage:?}");
    }
}
