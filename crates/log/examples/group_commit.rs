//! Group commit measured: a lane against the same work done by hand on the same disk.
//!
//! `cargo run --release -p stele-log --example group_commit -- [directory] [seconds]`
//!
//! Both keep 256 records of 1 KiB in flight and ack each one only after an fdatasync that covers it. By hand
//! means: a queue, one thread, one pwrite of what queued, one fdatasync, into a file of written zeros.
//! They take turns A B B A, four rounds, and the medians are compared.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures and prints")]

use std::collections::VecDeque;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use hdrhistogram::Histogram;
use stele_io::{Disk, RealDisk};
use stele_log::{
    Class, Damage, FileLane, FileLaneSettings, Frame, Lane, LaneEvent, LaneId, LaneThread, Lsn, OpenLane,
    Replay, StoredFrame,
};

const IN_FLIGHT: usize = 256;
const RECORD_BYTES: usize = 1024;
const FILE_BYTES: u64 = 64 << 20;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let seconds: u64 = arguments.next().map_or(Ok(2), |seconds| seconds.parse())?;
    let directory = directory.join(format!("stele-group-commit-{}", std::process::id()));
    let time = Duration::from_secs(seconds);
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..8 {
        if seconds == 0 {
            break;
        }
        let by_hand = [false, true, true, false][round % 4];
        let run = if by_hand { by_hand_for(&directory, time)? } else { lane_for(&directory, time)? };
        println!(
            "{:8} {:>8.0} records/s  {:>6.0} commits/s  ack p50 {:>5} us  p99 {:>6} us",
            if by_hand { "by hand" } else { "lane" },
            run.records as f64 / time.as_secs_f64(),
            run.commits as f64 / time.as_secs_f64(),
            run.acks.value_at_quantile(0.5),
            run.acks.value_at_quantile(0.99),
        );
        rates[usize::from(by_hand)].push(run.records);
        std::fs::remove_dir_all(&directory)?;
    }
    if seconds > 0 {
        let [lane, by_hand] = rates.map(median);
        println!("lane / by hand: {:.2}", lane / by_hand);
    }
    println!("submit alone: {:.0} ns per 1 KiB frame", submit_alone()?);
    Ok(())
}

fn median(mut rates: Vec<u64>) -> f64 {
    rates.sort_unstable();
    (rates[rates.len() / 2] + rates[(rates.len() - 1) / 2]) as f64 / 2.0
}

struct Run {
    records: u64,
    commits: u64,
    acks: Histogram<u64>,
}

/// Keeps `IN_FLIGHT` records waiting for `durable` to pass them; `submit` returns where a record ends.
fn keep_in_flight(
    time: Duration,
    progress: &Progress,
    mut submit: impl FnMut() -> Result<u64>,
    durable: impl Fn() -> u64,
) -> Result<Run> {
    let mut waiting: VecDeque<(u64, Instant)> = VecDeque::new();
    let mut acks = Histogram::new(3)?;
    let mut records = 0;
    let end = Instant::now() + time;
    let mut now = Instant::now();
    while now < end {
        while waiting.len() < IN_FLIGHT {
            waiting.push_back((submit()?, now));
        }
        let passed = progress.wait(&durable, waiting.front().map_or(0, |first| first.0));
        now = Instant::now();
        while let Some((_, since)) = waiting.pop_front_if(|(end, _)| *end <= passed) {
            acks.record(u64::try_from((now - since).as_micros())?)?;
            records += 1;
        }
    }
    Ok(Run { records, commits: progress.commits.load(Ordering::Relaxed), acks })
}

/// One wake per commit, as connections are woken.
#[derive(Default)]
struct Progress {
    commits: AtomicU64,
    moved: Mutex<()>,
    changed: Condvar,
}

impl Progress {
    fn tell(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        drop(self.moved.lock());
        self.changed.notify_one();
    }

    fn wait(&self, durable: impl Fn() -> u64, at_least: u64) -> u64 {
        let guard = self.moved.lock().expect("nobody panics with it");
        let _guard =
            self.changed.wait_while(guard, |()| durable() < at_least).expect("nobody panics with it");
        durable()
    }
}

fn lane_for(directory: &Path, time: Duration) -> Result<Run> {
    let settings = FileLaneSettings { file_bytes_min: FILE_BYTES, ..FileLaneSettings::default() };
    let lane: Arc<dyn Lane> = Arc::new(FileLane::new(LaneId(0), RealDisk::open(directory)?, settings));
    lane.open(OpenLane::default(), &mut Nothing)?;
    let progress = Arc::new(Progress::default());
    let teller = Arc::clone(&progress);
    lane.subscribe(Arc::new(move |event| {
        if matches!(event, LaneEvent::Durable(_)) {
            teller.tell();
        }
    }));
    let thread = LaneThread::start(Arc::clone(&lane), |error| println!("{error}"))?;
    let frame = frame();
    let mut trimmed = 0;
    let run = keep_in_flight(
        time,
        &progress,
        || {
            let end = lane.submit(std::slice::from_ref(&frame), Class::Publish)?.end.0;
            // As in steady state: what is trimmed is recycled, and nothing is preallocated any more.
            if end > trimmed + FILE_BYTES {
                trimmed = end;
                lane.trim(Lsn(end));
            }
            Ok(end)
        },
        || lane.durable().0,
    )?;
    thread.stop();
    lane.close(Instant::now());
    Ok(run)
}

fn by_hand_for(directory: &Path, time: Duration) -> Result<Run> {
    let disk = RealDisk::open(directory)?;
    let file = disk.create("by-hand")?;
    file.preallocate(FILE_BYTES)?;
    file.sync_data()?;
    let queue = Arc::new((Mutex::new(Vec::<u8>::new()), Condvar::new()));
    let (durable, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let progress = Arc::new(Progress::default());
    let committer = {
        let (queue, durable, stop, progress) =
            (queue.clone(), durable.clone(), stop.clone(), progress.clone());
        std::thread::Builder::new().spawn(move || {
            let mut position = 0;
            let mut taken = Vec::new();
            while !stop.load(Ordering::Acquire) {
                {
                    let guard = queue.0.lock().expect("nobody panics with it");
                    let idle = |bytes: &mut Vec<u8>| bytes.is_empty() && !stop.load(Ordering::Acquire);
                    let mut guard = queue.1.wait_while(guard, idle).expect("nobody panics with it");
                    std::mem::swap(&mut *guard, &mut taken);
                }
                if position + taken.len() as u64 > FILE_BYTES {
                    position = 0;
                }
                file.write_at(position, &[IoSlice::new(&taken)]).expect("the disk works");
                file.sync_data().expect("the disk works");
                position += taken.len() as u64;
                durable.fetch_add(taken.len() as u64, Ordering::AcqRel);
                taken.clear();
                progress.tell();
            }
        })?
    };
    let record = vec![7; RECORD_BYTES];
    let mut end = 0;
    let run = keep_in_flight(
        time,
        &progress,
        || {
            let mut guard = queue.0.lock().expect("nobody panics with it");
            let was_empty = guard.is_empty();
            guard.extend_from_slice(&record);
            drop(guard);
            if was_empty {
                queue.1.notify_one();
            }
            end += RECORD_BYTES as u64;
            Ok(end)
        },
        || durable.load(Ordering::Acquire),
    );
    stop.store(true, Ordering::Release);
    drop(queue.0.lock());
    queue.1.notify_one();
    committer.join().ok().context("the committer ends")?;
    run
}

/// Nanoseconds of one submission when nothing competes with it.
fn submit_alone() -> Result<f64> {
    let disk = stele_io::SimDisk::new(1);
    let lane = FileLane::new(LaneId(0), Arc::new(disk), FileLaneSettings::default());
    lane.open(OpenLane::default(), &mut Nothing)?;
    let frame = frame();
    let groups = 200_u32;
    let mut spent = Duration::ZERO;
    for _ in 0..groups {
        let start = Instant::now();
        for _ in 0..IN_FLIGHT {
            lane.submit(std::slice::from_ref(&frame), Class::Publish)?;
        }
        spent += start.elapsed();
        lane.step(start);
    }
    Ok(spent.as_nanos() as f64 / f64::from(groups) / IN_FLIGHT as f64)
}

fn frame() -> Frame {
    let payload = Bytes::from(vec![7; RECORD_BYTES]);
    Frame { kind: 1, shard: 0, partition: 1, base_offset: 0, count: 1, payload }
}

struct Nothing;

impl Replay for Nothing {
    fn frame(&mut self, _: StoredFrame<'_>) {}
    fn damage(&mut self, _: Damage) {}
}
