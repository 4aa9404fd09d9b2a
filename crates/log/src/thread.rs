//! The production driver of a lane: two threads that are short loops around plain objects.
#![allow(clippy::disallowed_methods, reason = "the one place of this crate that has threads and sleeps")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use stele_io::DiskError;

use crate::{Lane, Maintenance, Step};

/// How long the chores rest after the disk refused them.
const CHORES_REST: Duration = Duration::from_secs(1);

/// Steps one lane on a thread of its own, and does its chores on a second one.
///
/// The commit thread sleeps until something is submitted or an empty commit is due; it uses no other timer.
/// It takes what queued while the last sync ran, so groups grow with the load by themselves. When the lane
/// stops, the thread sleeps until the lane is opened again and [`LaneThread::wake`] is called.
#[derive(Debug)]
pub struct LaneThread {
    stop: Arc<AtomicBool>,
    commits: Option<JoinHandle<()>>,
    chores: Option<JoinHandle<()>>,
}

impl LaneThread {
    /// Starts to drive `lane`. `on_trouble` is told of failed chores, at most once a second; failed commits
    /// reach the lane's subscribers.
    ///
    /// # Errors
    /// The operating system has no thread to give.
    pub fn start(lane: Arc<dyn Lane>, on_trouble: impl Fn(&DiskError) + Send + 'static) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let id = lane.id();
        let (chores_lane, chores_stop) = (Arc::clone(&lane), Arc::clone(&stop));
        let chores = thread::Builder::new()
            .name(format!("lane-{id}-chores"))
            .spawn(move || run_chores(&*chores_lane, &chores_stop, &on_trouble))?;
        let (commits_stop, chores_thread) = (Arc::clone(&stop), chores.thread().clone());
        let commits = thread::Builder::new()
            .name(format!("lane-{id}"))
            .spawn(move || run_commits(&*lane, &commits_stop, &chores_thread))?;
        Ok(Self { stop, commits: Some(commits), chores: Some(chores) })
    }

    /// Makes the thread look at the lane again, after a reopening.
    pub fn wake(&self) {
        for handle in self.commits.iter().chain(&self.chores) {
            handle.thread().unpark();
        }
    }

    /// Ends both threads and waits for them. The lane stays open: close it afterwards to commit the rest.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
        for handle in [self.commits.take(), self.chores.take()].into_iter().flatten() {
            // A panic there has been printed already; here nothing can be done about it.
            let _ = handle.join();
        }
    }
}

impl Drop for LaneThread {
    fn drop(&mut self) {
        self.end();
    }
}

fn run_commits(lane: &dyn Lane, stop: &AtomicBool, chores: &Thread) {
    let this = thread::current();
    lane.set_driver(Arc::new(move || this.unpark()));
    while !stop.load(Ordering::Acquire) {
        let now = Instant::now();
        match lane.step(now) {
            Step::Durable(_) => {
                if lane.has_chores() {
                    chores.unpark();
                }
            }
            // A submission between the step and here has called `unpark`, which makes `park` return at once.
            Step::Waiting { wake_at } | Step::Idle { wake_at: Some(wake_at) } => {
                thread::park_timeout(wake_at.saturating_duration_since(now));
            }
            Step::Idle { wake_at: None } | Step::Stopped(_) => thread::park(),
        }
    }
}

fn run_chores(lane: &dyn Lane, stop: &AtomicBool, on_trouble: &dyn Fn(&DiskError)) {
    while !stop.load(Ordering::Acquire) {
        match lane.maintain() {
            Ok(Maintenance::Worked) => {}
            Ok(Maintenance::Nothing) => thread::park(),
            Err(error) => {
                on_trouble(&error);
                rest(stop);
            }
        }
    }
}

/// Commits may wake this thread at any rate; a full disk is asked again at a slow one.
fn rest(stop: &AtomicBool) {
    let until = Instant::now() + CHORES_REST;
    while !stop.load(Ordering::Acquire) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left);
    }
}
