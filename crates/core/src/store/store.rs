//! The public object: finds the shard, enters it, sends what came out of it.

use super::directory::{Directory, Place};
use super::opening::{Opening, Parts};
use super::outbox::Outbox;
use super::reads::Reads;
use super::relay::Relay;
use super::shard::Shard;
use super::{Answer, Caller, Capture, Captures, Fault, OpenError, Settings, Stored};
use crate::journal::{Journal, JournalFrame, Lsn, StoredFrame};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use stele_model::{
    Append, AppendReply, ConnectionId, CursorCommand, CursorInfo, CursorReply, Error, Now, Outcome, Request,
    StreamName, Ticket,
};

/// Everything durable. Shared between threads; every call enters one shard at a time, in place.
///
/// Locks, in the order in which they are taken: claims, directory, watchers, shard, outbox or waiting reads.
pub struct Store {
    journal: Arc<dyn Journal>,
    captures: Arc<dyn Captures>,
    settings: Arc<Settings>,
    directory: RwLock<Directory>,
    shards: Box<[Cell]>,
    reads: Mutex<Reads>,
    /// Who is told of pushing cursors.
    watchers: Mutex<Vec<Caller>>,
    relay: Mutex<Relay>,
    /// Held while a publish is stored that counts once, and while sessions change hands.
    pub(super) claims: Mutex<()>,
    /// What is damaged.
    faults: Mutex<Vec<Fault>>,
    /// The log misses something: it is kept as it is.
    damaged_at_start: bool,
}

/// A shard with what can be known of it from outside.
struct Cell {
    shard: Mutex<Shard>,
    outbox: Outbox,
    /// The durable mark up to which everything is shown; set while the shard is held.
    settled: AtomicU64,
    /// When it wants to be woken (monotonic ns).
    deadline: AtomicU64,
}

/// Where the stored sessions live.
pub(crate) const SESSIONS_SHARD: u16 = 0;

/// No deadline.
const NEVER: u64 = u64::MAX;

impl Store {
    /// Builds the state from the journal's frames, in their order. [`Opening`] does the same frame by frame, with
    /// snapshots, and takes offline what is damaged.
    ///
    /// # Errors
    /// A frame that cannot be applied.
    pub fn open(
        journal: Arc<dyn Journal>,
        captures: Arc<dyn Captures>,
        settings: Settings,
        now: Now,
        replay: impl IntoIterator<Item = (StoredFrame, JournalFrame)>,
    ) -> Result<Self, OpenError> {
        let leader_epoch = settings.leader_epoch;
        let mut opening = Opening::new(journal, captures, settings);
        for (stored, frame) in replay {
            opening.frame(stored, &frame);
            if let Some((position, reason)) = opening.first_fault() {
                return Err(OpenError::Frame { position, reason });
            }
        }
        Ok(opening.finish(now, leader_epoch))
    }

    /// From replayed shards.
    pub(crate) fn assemble(parts: Parts, now: Now) -> Self {
        let Parts { journal, captures, settings, mut shards, faults } = parts;
        let mut directory = Directory::default();
        for (number, shard) in shards.iter_mut().enumerate() {
            shard.opened(now);
            for stream in shard.streams.values() {
                directory.put(&stream.spec, number as u16, stream.number);
                captures.set(&stream.spec.name, &stream.spec.subjects, stream.spec.acknowledges);
            }
        }
        let store = Self {
            journal,
            captures,
            settings,
            directory: RwLock::new(directory),
            shards: shards.into_iter().map(Cell::new).collect(),
            reads: Mutex::default(),
            watchers: Mutex::default(),
            relay: Mutex::default(),
            claims: Mutex::default(),
            damaged_at_start: !faults.is_empty(),
            faults: Mutex::new(faults),
        };
        for number in 0..store.shards.len() {
            store.enter(number as u16, |_| ());
        }
        store.relay_missed(now);
        store
    }

    /// Stores a run of messages that one stream captures; one result per message, in order. The results may be told
    /// when the journal is durable up to the returned position.
    pub fn capture(
        &self,
        now: Now,
        stream: &StreamName,
        messages: &[Capture<'_>],
        results: &mut Vec<Result<Stored, Error>>,
    ) -> Lsn {
        let missing = || Error::StreamNotFound(stream.clone());
        let Some(place) = self.find(stream) else {
            results.extend(messages.iter().map(|_| Err(missing())));
            return Lsn(0);
        };
        self.enter(place.shard, |shard| match shard.stream(place) {
            Some((stream, context)) => {
                let lsn = stream.capture(context, now, messages, results);
                if stream.is_volatile() {
                    stream.deliver_everywhere(context, now);
                }
                lsn
            }
            None => {
                results.extend(messages.iter().map(|_| Err(missing())));
                shard.context.lsn
            }
        })
    }

    /// Queues messages for the stored sessions that want them; as `capture` otherwise.
    pub fn enqueue(
        &self,
        now: Now,
        messages: &[Capture<'_>],
        results: &mut Vec<Result<Stored, Error>>,
    ) -> Lsn {
        self.enter(SESSIONS_SHARD, |shard| {
            shard.sessions.enqueue(&mut shard.context, now, messages, results);
            shard.context.lsn
        })
    }

    /// Answers a request, now or later.
    pub fn request(&self, now: Now, caller: &Caller, request: Request) -> Answer {
        if looks(&request) {
            // Whoever saw an acknowledgement finds its record, even before the host tells of the commit.
            self.settle(now);
        }
        match request {
            Request::Stream(command) => self.stream(now, command),
            Request::Append(append) => self.append(now, &append),
            Request::Read(read) => self.read(now, caller, read),
            Request::Lookup(lookup) => self.lookup(&lookup),
            Request::Cursor(command) => self.cursor(now, caller, command),
            Request::Group(command) => self.group(now, caller, command),
            Request::Relay => self.relay(caller),
            Request::Session(command) => {
                let _turn = command.changes_hands().then(|| self.claims());
                self.enter(SESSIONS_SHARD, |s| s.sessions.request(&mut s.context, now, caller, command))
            }
        }
    }

    /// Withdraws a waiting request of a connection; nothing is answered for its ticket any more.
    pub fn cancel(&self, link: ConnectionId, ticket: Ticket) {
        self.reads().cancel(link, ticket);
        self.watchers().retain(|watcher| (watcher.link.id, watcher.ticket) != (link, ticket));
        for number in 0..self.shards.len() {
            self.enter(number as u16, |shard| {
                shard.cancel_pulls(link, Some(ticket));
                shard.sessions.cancel(link, ticket);
                shard.groups.detach(&mut shard.context, link, Some(ticket));
            });
        }
    }

    /// A connection is gone: whatever of it waits goes, too.
    pub fn detach(&self, link: ConnectionId) {
        let _turn = self.claims();
        self.reads().detach(link);
        self.relay_waiting().detach(link);
        self.watchers().retain(|watcher| watcher.link.id != link);
        for number in 0..self.shards.len() {
            self.enter(number as u16, |shard| {
                shard.cancel_pulls(link, None);
                shard.sessions.detach_link(&mut shard.context, link);
                shard.groups.detach(&mut shard.context, link, None);
            });
        }
    }

    /// The journal's durable mark has advanced: shows what is durable now to those who wait for it.
    pub fn settle(&self, now: Now) {
        let durable = self.journal.durable();
        for (number, cell) in self.shards.iter().enumerate() {
            // Only the shard itself knows whether something waits: an append that is being applied holds it, and its
            // frame may be durable already.
            if cell.settled.load(Ordering::Acquire) >= durable.0 {
                continue;
            }
            let (moved, wanted) = self.enter(number as u16, |shard| {
                let moved = shard.settle(now, durable);
                cell.settled.fetch_max(durable.0, Ordering::AcqRel);
                let wanted = shard.has_wanted(&*self.captures);
                (moved, wanted)
            });
            if wanted {
                self.tell_relay();
            }
            if !moved.is_empty() {
                self.settle_reads(now, number as u16, &moved);
            }
        }
    }

    /// Does what is due; when it wants to be called again (monotonic ns).
    pub fn wake(&self, now: Now) -> Option<u64> {
        self.wake_reads(now);
        for (number, cell) in self.shards.iter().enumerate() {
            if cell.deadline.load(Ordering::Acquire) <= now.monotonic_ns {
                self.enter(number as u16, |shard| shard.wake(now));
            }
        }
        self.deadline()
    }

    /// When `wake` wants to be called (monotonic ns); it may move nearer with every other call.
    pub fn deadline(&self) -> Option<u64> {
        let shards = self.shards.iter().map(|cell| cell.deadline.load(Ordering::Acquire));
        shards.filter(|due| *due != NEVER).chain(self.reads().deadline()).min()
    }

    /// Writes what waits for a commit, for a clean stop; durable at the returned position.
    pub fn flush(&self) -> Lsn {
        let shards = 0..self.shards.len();
        let written = shards.map(|number| {
            self.enter(number as u16, |shard| {
                shard.write_lazy();
                shard.context.lsn
            })
        });
        written.max().unwrap_or_default()
    }

    /// Enters a shard, and afterwards sends what came out.
    pub(crate) fn enter<R>(&self, number: u16, work: impl FnOnce(&mut Shard) -> R) -> R {
        let cell = &self.shards[usize::from(number)];
        let (result, pushes, damaged) = {
            let mut shard = cell.shard.lock().expect("no panic holds the lock");
            let result = work(&mut shard);
            cell.outbox.queue(&mut shard.context.answers);
            if let Some(wanted) = shard.sessions.take_wanted() {
                // Under the lock, so that the router hears of changes in their order.
                self.captures.set_sessions(&wanted);
            }
            cell.deadline.store(shard.deadline().unwrap_or(NEVER), Ordering::Release);
            let damaged = shard.take_damaged();
            (result, std::mem::take(&mut shard.context.pushes), damaged)
        };
        if !damaged.is_empty() {
            self.note_faults(damaged);
        }
        if !pushes.is_empty() {
            self.tell_watchers(pushes);
        }
        cell.outbox.send();
        result
    }

    /// Where a stream lives.
    pub(crate) fn find(&self, name: &StreamName) -> Option<Place> {
        self.directory.read().expect("no panic holds the lock").find(name)
    }

    pub(crate) fn directory(&self) -> &RwLock<Directory> {
        &self.directory
    }

    pub(crate) fn captures(&self) -> &dyn Captures {
        &*self.captures
    }

    pub(crate) fn journal(&self) -> &dyn Journal {
        &*self.journal
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.faults.lock().expect("no panic holds the lock")
    }

    /// Did the start find that the log misses something?
    pub(crate) fn was_damaged_at_start(&self) -> bool {
        self.damaged_at_start
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn reads(&self) -> MutexGuard<'_, Reads> {
        self.reads.lock().expect("no panic holds the lock")
    }

    pub(crate) fn relay_waiting(&self) -> MutexGuard<'_, Relay> {
        self.relay.lock().expect("no panic holds the lock")
    }

    pub(crate) fn watchers(&self) -> MutexGuard<'_, Vec<Caller>> {
        self.watchers.lock().expect("no panic holds the lock")
    }

    /// The shard for a new stream: by its name, so that equal scripts give equal frames.
    pub(crate) fn shard_for(&self, name: &StreamName) -> u16 {
        let hash = name.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        ((hash >> 32) % u64::from(self.settings.shards.max(1))) as u16
    }

    pub(crate) fn shards(&self) -> u16 {
        self.shards.len() as u16
    }

    fn append(&self, now: Now, append: &Append) -> Answer {
        let mut lsn = Lsn(0);
        let mut wanted = false;
        let mut reply = AppendReply::default();
        for batch in &append.batches {
            let missing = Error::StreamNotFound(batch.stream.clone());
            let Some(place) = self.find(&batch.stream) else {
                reply.batches.push(Err(missing));
                continue;
            };
            let partition = place.view.unwrap_or(batch.partition);
            let result = self.enter(place.shard, |shard| {
                let Some((stream, context)) = shard.stream(place) else { return Err(missing) };
                if !stream.is_named(batch.id) {
                    return Err(missing);
                }
                let result = stream.produce(context, now, partition, &batch.batch);
                lsn = lsn.max(stream.lsn);
                if stream.is_volatile() {
                    stream.deliver_everywhere(context, now);
                    wanted |= shard.has_wanted(&*self.captures);
                }
                result
            });
            reply.batches.push(result);
        }
        if wanted {
            self.tell_relay();
        }
        Answer::Ready { lsn, outcome: Outcome::Appended(reply) }
    }

    fn tell_watchers(&self, pushes: Vec<(CursorInfo, bool)>) {
        let watchers = self.watchers();
        for (info, alive) in pushes {
            for watcher in watchers.iter() {
                let info = Box::new(info.clone());
                watcher.link.complete(watcher.ticket, Outcome::Cursor(CursorReply::Push { info, alive }));
            }
        }
    }
}

/// Does a request look at what was stored before?
fn looks(request: &Request) -> bool {
    match request {
        Request::Append(_) | Request::Group(_) | Request::Session(_) | Request::Relay => false,
        Request::Cursor(command) => !matches!(command, CursorCommand::Ack { .. } | CursorCommand::WatchPush),
        Request::Stream(_) | Request::Read(_) | Request::Lookup(_) => true,
    }
}

impl Cell {
    fn new(shard: Shard) -> Self {
        Self {
            shard: Mutex::new(shard),
            outbox: Outbox::default(),
            settled: AtomicU64::new(0),
            deadline: AtomicU64::new(NEVER),
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}
