//! A bucket in memory that behaves as an object store does: slow, create-only, and not always truthful.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use stele_io::Random;

/// What a [`Bucket`] does to its users.
#[derive(Debug, Clone)]
pub struct BucketFaults {
    /// Puts are answered after at most this long.
    pub delay_max: Duration,
    /// Of 1,000 puts, how many report a time-out; each of them may have landed, may land later, or never.
    pub timeouts_per_mille: u32,
}

impl Default for BucketFaults {
    fn default() -> Self {
        Self { delay_max: Duration::from_millis(300), timeouts_per_mille: 0 }
    }
}

/// Named immutable objects with create-only puts. Clones are the same bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    random: Random,
    faults: BucketFaults,
    objects: BTreeMap<String, Bytes>,
    puts: BTreeMap<u64, Put>,
    next: u64,
}

#[derive(Debug)]
struct Put {
    key: String,
    object: Bytes,
    lands_at: Option<Instant>,
    /// Set once it landed: whether it created the object.
    created: Option<bool>,
    answers_at: Instant,
    times_out: bool,
}

/// How a put ended, as far as the caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PutAnswer {
    Created,
    Exists,
    /// It may have landed.
    TimedOut,
}

impl Bucket {
    /// An empty bucket; equal seeds and equal calls give equal answers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: Random::new(seed),
            faults: BucketFaults::default(),
            objects: BTreeMap::new(),
            puts: BTreeMap::new(),
            next: 0,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Replaces the faults from now on.
    pub fn set_faults(&self, faults: BucketFaults) {
        self.state().faults = faults;
    }

    /// Flips one bit of the object at `place` in key order. False when there is no such byte.
    pub fn flip_bit(&self, place: usize, position: usize, bit: u8) -> bool {
        let mut state = self.state();
        let Some(object) = state.objects.values_mut().nth(place) else { return false };
        let mut bytes = object.to_vec();
        let Some(byte) = bytes.get_mut(position) else { return false };
        *byte ^= 1 << (bit % 8);
        *object = bytes.into();
        true
    }

    /// Begins a put. The answer is fetched with the ticket.
    pub(super) fn put(&self, now: Instant, key: &str, object: Bytes) -> u64 {
        let mut state = self.state();
        let delay = |state: &mut State| {
            let nanos = u64::try_from(state.faults.delay_max.as_nanos()).unwrap_or(u64::MAX);
            Duration::from_nanos(state.random.below(nanos.saturating_add(1)))
        };
        let per_mille = state.faults.timeouts_per_mille;
        let times_out = state.random.chance(per_mille);
        let (first, second) = (delay(&mut state), delay(&mut state));
        // A put that is answered in time lands before its answer; one that times out lands when it likes.
        let (lands, answers) =
            if times_out { (first * 3, second) } else { (first.min(second), first.max(second)) };
        let lands_at = (!times_out || state.random.chance(700)).then_some(now + lands);
        let put = Put {
            key: key.to_owned(),
            object,
            lands_at,
            created: None,
            answers_at: now + answers,
            times_out,
        };
        state.next += 1;
        let ticket = state.next;
        state.puts.insert(ticket, put);
        ticket
    }

    /// The answer to a put, or when to ask again.
    pub(super) fn answer(&self, now: Instant, ticket: u64) -> Result<PutAnswer, Instant> {
        let mut state = self.state();
        state.land(now);
        let Some(put) = state.puts.get(&ticket) else { return Ok(PutAnswer::TimedOut) };
        if put.answers_at > now {
            return Err(put.answers_at);
        }
        if put.times_out {
            // What has not landed yet may still do so, long after nobody waits for it.
            if put.created.is_some() || put.lands_at.is_none() {
                state.puts.remove(&ticket);
            }
            return Ok(PutAnswer::TimedOut);
        }
        let created = put.created == Some(true);
        state.puts.remove(&ticket);
        Ok(if created { PutAnswer::Created } else { PutAnswer::Exists })
    }

    /// When the answer to a put is due.
    pub(super) fn answer_at(&self, now: Instant, ticket: u64) -> Instant {
        self.state().puts.get(&ticket).map_or(now, |put| put.answers_at)
    }

    /// A create-only put that waits for its answer.
    pub(super) fn put_now(&self, key: &str, object: Bytes) -> PutAnswer {
        let mut state = self.state();
        state.land_some();
        let per_mille = state.faults.timeouts_per_mille;
        if state.random.chance(per_mille) {
            if state.random.chance(500) {
                state.create(key, object);
            }
            return PutAnswer::TimedOut;
        }
        if state.create(key, object) { PutAnswer::Created } else { PutAnswer::Exists }
    }

    pub(super) fn get(&self, key: &str) -> Option<Bytes> {
        self.state().objects.get(key).cloned()
    }

    /// Overwrites an object.
    pub(super) fn replace(&self, key: &str, object: Bytes) {
        self.state().objects.insert(key.to_owned(), object);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn create(&mut self, key: &str, object: Bytes) -> bool {
        if self.objects.contains_key(key) {
            return false;
        }
        self.objects.insert(key.to_owned(), object);
        true
    }

    /// Lands what is due, in order of time.
    fn land(&mut self, now: Instant) {
        let mut due: Vec<(Instant, u64)> = Vec::new();
        for (ticket, put) in &self.puts {
            if let (Some(at), None) = (put.lands_at, put.created)
                && at <= now
            {
                due.push((at, *ticket));
            }
        }
        due.sort_unstable();
        for (_, ticket) in due {
            self.land_one(ticket);
        }
    }

    /// Calls that wait let time pass: any of the puts under way may land before them.
    fn land_some(&mut self) {
        let waiting: Vec<u64> = self.puts.keys().copied().collect();
        for ticket in waiting {
            if self.random.chance(300) {
                self.land_one(ticket);
            }
        }
    }

    fn land_one(&mut self, ticket: u64) {
        let Some(put) = self.puts.get(&ticket) else { return };
        if put.lands_at.is_none() || put.created.is_some() {
            return;
        }
        let (key, object) = (put.key.clone(), put.object.clone());
        let created = self.create(&key, object);
        if let Some(put) = self.puts.get_mut(&ticket) {
            put.created = Some(created);
        }
    }
}
