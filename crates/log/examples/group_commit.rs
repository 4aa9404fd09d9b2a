//! Group commit measured: a lane against the same work done by hand on the same disk.
//!
//! `cargo run --release -p stele-log --example group_commit -- [directory] [seconds] [records in flight] [delay]`
//!
//! Both keep 256 records of 1 KiB in flight (or as many as told) and ack each one only after an fdatasync that
//! covers it. By hand means: a queue, one thread, one pwrite of what queued, one fdatasync, into a file of
//! written zeros. They take turns A B B A, four rounds, and the medians are compared. Before each the lane writes
//! as much as fills its files once, so that it is measured as it is for the rest of its life: on recycled files.
//!
//! With 0 in flight, one record is submitted each millisecond, whatever is under way. `delay`, in microseconds, makes every sync take that much longer, as on a slower disk.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures and prints")]

use std::collections::VecDeque;
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use hdrhistogram::Histogram;
use stele_io::{Disk, DiskError, DiskFile, DiskLock, RealDisk};
use stele_log::{
    Class, Damage, FileLane, FileLaneSettings, Frame, Lane, LaneEvent, LaneId, LaneThread, Lsn, OpenLane,
    Replay, StoredFrame,
};

const RECORD_BYTES: usize = 1024;
const FILE_BYTES: u64 = 64 << 20;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let seconds: u64 = arguments.next().map_or(Ok(2), |seconds| seconds.parse())?;
    let in_flight = arguments.next().map_or(Ok(256), |records| records.parse())?;
    let delay = Duration::from_micros(arguments.next().map_or(Ok(0), |delay| delay.parse())?);
    let load = Load {
        directory: directory.join(format!("stele-group-commit-{}", std::process::id())),
        time: Duration::from_secs(seconds),
        in_flight,
        delay,
    };
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..8 {
        if seconds == 0 {
            break;
        }
        let by_hand = [false, true, true, false][round % 4];
        let run = if by_hand { by_hand_for(&load)? } else { lane_for(&load)? };
        println!(
            "{:8} {:>8.0} records/s  {:>6.0} commits/s  ack p50 {:>5} us  p99 {:>6} us",
            if by_hand { "by hand" } else { "lane" },
            run.records as f64 / load.time.as_secs_f64(),
            run.commits as f64 / load.time.as_secs_f64(),
            run.acks.value_at_quantile(0.5),
            run.acks.value_at_quantile(0.99),
        );
        rates[usize::from(by_hand)].push(run.records);
        std::fs::remove_dir_all(&load.directory)?;
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

struct Load {
    directory: PathBuf,
    time: Duration,
    in_flight: usize,
    /// Added to every sync.
    delay: Duration,
}

struct Run {
    records: u64,
    commits: u64,
    acks: Histogram<u64>,
}

/// Keeps records waiting for `durable` to pass them; `submit` returns where a record ends.
fn keep_in_flight(
    (time, in_flight): (Duration, usize),
    progress: &Progress,
    mut submit: impl FnMut() -> Result<u64>,
    durable: impl Fn() -> u64 + Sync,
) -> Result<Run> {
    if in_flight == 0 {
        return keep_pace(time, progress, submit, durable);
    }
    let mut waiting: VecDeque<(u64, Instant)> = VecDeque::new();
    let mut acks = Histogram::new(3)?;
    let mut records = 0;
    let end = Instant::now() + time;
    let mut now = Instant::now();
    while now < end {
        while waiting.len() < in_flight {
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

/// Submits one record each millisecond, whatever is under way.
fn keep_pace(
    time: Duration,
    progress: &Progress,
    mut submit: impl FnMut() -> Result<u64>,
    durable: impl Fn() -> u64 + Sync,
) -> Result<Run> {
    let (sender, receiver) = std::sync::mpsc::channel::<(u64, Instant)>();
    let (acks, submitted) = std::thread::scope(|scope| {
        let acked = scope.spawn(|| {
            let mut acks = Histogram::new(3)?;
            for (end, since) in receiver {
                progress.wait(&durable, end);
                acks.record(u64::try_from(since.elapsed().as_micros())?)?;
            }
            anyhow::Ok(acks)
        });
        let start = Instant::now();
        let mut submitted = Ok(());
        for record in 1..=u32::try_from(time.as_millis())? {
            std::thread::sleep(
                (start + Duration::from_millis(1) * record).saturating_duration_since(Instant::now()),
            );
            let now = Instant::now();
            submitted = submit().and_then(|end| Ok(sender.send((end, now))?));
            if submitted.is_err() {
                break;
            }
        }
        drop(sender);
        anyhow::Ok((acked.join().ok().context("the waiter ends")??, submitted))
    })?;
    submitted?;
    Ok(Run { records: acks.len(), commits: progress.commits.load(Ordering::Relaxed), acks })
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

fn lane_for(load: &Load) -> Result<Run> {
    let settings = FileLaneSettings { file_bytes_min: FILE_BYTES, ..FileLaneSettings::default() };
    let disk = Arc::new(SlowDisk { disk: RealDisk::open(&load.directory)?, delay: load.delay });
    let lane: Arc<dyn Lane> = Arc::new(FileLane::new(LaneId(0), disk, settings));
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
    let mut submit = || {
        let end = lane.submit(std::slice::from_ref(&frame), Class::Publish)?.end.0;
        // As in steady state: what is trimmed is recycled, and nothing is preallocated any more.
        if end > trimmed + FILE_BYTES {
            trimmed = end;
            lane.trim(Lsn(end));
        }
        Ok(end)
    };
    let durable = || lane.durable().0;
    while durable() < 4 * FILE_BYTES {
        let moment = Duration::from_millis(20);
        keep_in_flight((moment, 4096), &progress, &mut submit, durable)?;
    }
    progress.commits.store(0, Ordering::Relaxed);
    let run = keep_in_flight((load.time, load.in_flight), &progress, &mut submit, durable)?;
    thread.stop();
    lane.close(Instant::now());
    Ok(run)
}

fn by_hand_for(load: &Load) -> Result<Run> {
    let disk = SlowDisk { disk: RealDisk::open(&load.directory)?, delay: load.delay };
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
        (load.time, load.in_flight),
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
    let (groups, records) = (200_u32, 256_u32);
    let mut spent = Duration::ZERO;
    for _ in 0..groups {
        let start = Instant::now();
        for _ in 0..records {
            lane.submit(std::slice::from_ref(&frame), Class::Publish)?;
        }
        spent += start.elapsed();
        lane.step(start);
    }
    Ok(spent.as_nanos() as f64 / f64::from(groups) / f64::from(records))
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

/// A disk whose syncs take longer, at the same time if they are asked for at the same time.
#[derive(Debug)]
struct SlowDisk {
    disk: Arc<RealDisk>,
    delay: Duration,
}

#[derive(Debug)]
struct SlowFile {
    file: Arc<dyn DiskFile>,
    delay: Duration,
}

impl SlowDisk {
    fn file(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(SlowFile { file, delay: self.delay })
    }
}

impl Disk for SlowDisk {
    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.disk.create(name).map(|file| self.file(file))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.disk.open(name).map(|file| self.file(file))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.disk.remove(name)
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.disk.list()
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        self.disk.sync_dir()
    }

    fn lock(&self, name: &str) -> Result<Box<dyn DiskLock>, DiskError> {
        self.disk.lock(name)
    }
}

impl DiskFile for SlowFile {
    fn write_at(&self, position: u64, parts: &[IoSlice<'_>]) -> Result<(), DiskError> {
        self.file.write_at(position, parts)
    }

    fn read_at(&self, position: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.file.read_at(position, into)
    }

    fn sync_data(&self) -> Result<Duration, DiskError> {
        let took = self.file.sync_data()?;
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay);
        }
        Ok(took + self.delay)
    }

    fn length(&self) -> Result<u64, DiskError> {
        self.file.length()
    }

    fn preallocate(&self, length: u64) -> Result<(), DiskError> {
        self.file.preallocate(length)
    }
}
