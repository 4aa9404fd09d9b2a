//! The production driver of a lane: a few threads that are short loops around plain objects.
#![allow(clippy::disallowed_methods, reason = "the one place of this crate that has threads and sleeps")]

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use stele_io::DiskError;

use crate::{Lane, Maintenance, Step};

/// How long the chores rest after the disk refused them.
const CHORES_REST: Duration = Duration::from_secs(1);

/// Steps one lane on threads of its own, [`Lane::drivers_max`] of them, and does its chores on another.
///
/// The commit threads sleep until something is submitted or an empty commit is due; they use no other timer.
/// One that ends a commit takes the next group itself; a submission wakes one only when its group should leave
/// at once, and always the one that slept the shortest: a lone publisher has one warm thread. When the lane stops,
/// the threads sleep until the lane is opened again and [`LaneThread::wake`] is called.
#[derive(Debug)]
pub struct LaneThread {
    pool: Arc<Pool>,
    commits: Vec<JoinHandle<()>>,
    chores: Option<JoinHandle<()>>,
}

/// The commit threads that sleep, and what wakes them.
#[derive(Debug, Default)]
struct Pool {
    stop: AtomicBool,
    state: Mutex<PoolState>,
}

#[derive(Debug, Default)]
struct PoolState {
    /// In the order in which they fell asleep.
    asleep: Vec<Thread>,
    /// A wake that found nobody asleep: whoever is about to fall asleep looks at the lane once more.
    missed: bool,
    /// When the one of them that minds the time wakes by itself.
    wakes_at: Option<Instant>,
}

impl LaneThread {
    /// Starts to drive `lane`. `on_trouble` is told of failed chores, at most once a second; failed commits
    /// reach the lane's subscribers.
    ///
    /// # Errors
    /// The operating system has no thread to give.
    pub fn start(lane: Arc<dyn Lane>, on_trouble: impl Fn(&DiskError) + Send + 'static) -> io::Result<Self> {
        let pool = Arc::new(Pool::default());
        let id = lane.id();
        // Dropped on an error, it ends what was started.
        let mut started = Self { pool: Arc::clone(&pool), commits: Vec::new(), chores: None };
        let (chores_lane, chores_pool) = (Arc::clone(&lane), Arc::clone(&pool));
        let chores = thread::Builder::new()
            .name(format!("lane-{id}-chores"))
            .spawn(move || run_chores(&*chores_lane, &chores_pool.stop, &on_trouble))?;
        let chores_thread = chores.thread().clone();
        started.chores = Some(chores);
        let waker = Arc::clone(&pool);
        lane.set_driver(Arc::new(move || waker.wake_one()));
        for number in 0..lane.drivers_max().max(1) {
            let (lane, pool, chores) = (Arc::clone(&lane), Arc::clone(&pool), chores_thread.clone());
            let name = if number == 0 { format!("lane-{id}") } else { format!("lane-{id}-{number}") };
            let spawned =
                thread::Builder::new().name(name).spawn(move || run_commits(&*lane, &pool, &chores));
            started.commits.push(spawned?);
        }
        Ok(started)
    }

    /// Makes the threads look at the lane again, after a reopening.
    pub fn wake(&self) {
        self.pool.wake_one();
        if let Some(handle) = &self.chores {
            handle.thread().unpark();
        }
    }

    /// Ends the threads and waits for them. The lane stays open: close it afterwards to commit the rest.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.pool.stop.store(true, Ordering::Release);
        for handle in self.commits.iter().chain(&self.chores) {
            handle.thread().unpark();
        }
        for handle in self.commits.drain(..).chain(self.chores.take()) {
            // A panic there has been printed already; here nothing can be done about it.
            let _ = handle.join();
        }
    }
}

impl Pool {
    fn wake_one(&self) {
        let mut state = self.state();
        match state.asleep.pop() {
            Some(thread) => {
                drop(state);
                thread.unpark();
            }
            None => state.missed = true,
        }
    }

    /// Sleeps until woken or until this time, unless another thread that sleeps wakes by then: one minds the time
    /// for all. Returns at once after a wake that was missed.
    fn sleep(&self, now: Instant, until: Option<Instant>) {
        let this = thread::current();
        let until = {
            let mut state = self.state();
            if std::mem::take(&mut state.missed) || self.stop.load(Ordering::Acquire) {
                return;
            }
            state.asleep.push(this.clone());
            let until = until.filter(|until| state.wakes_at.is_none_or(|wakes_at| *until < wakes_at));
            state.wakes_at = until.or(state.wakes_at);
            until
        };
        match until {
            Some(until) => thread::park_timeout(until.saturating_duration_since(now)),
            None => thread::park(),
        }
        let mut state = self.state();
        // Whoever woke it has taken it off the list; otherwise its time is over.
        state.asleep.retain(|asleep| asleep.id() != this.id());
        state.wakes_at = state.wakes_at.filter(|wakes_at| Some(*wakes_at) != until);
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LaneThread {
    fn drop(&mut self) {
        self.end();
    }
}

fn run_commits(lane: &dyn Lane, pool: &Pool, chores: &Thread) {
    while !pool.stop.load(Ordering::Acquire) {
        let now = Instant::now();
        match lane.step(now) {
            Step::Durable(_) => {
                if lane.has_chores() {
                    chores.unpark();
                }
            }
            // A submission between the step and here was noted as a missed wake.
            Step::Waiting { wake_at } | Step::Idle { wake_at: Some(wake_at) } => {
                pool.sleep(now, Some(wake_at));
            }
            Step::Idle { wake_at: None } | Step::Stopped(_) => pool.sleep(now, None),
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
