//! One connection's task: flush, attend, read, in a loop that ends at every `Pending`.

use crate::connections::Ending;
use crate::framed::Front;
use crate::listener::Shared;
use crate::outbox::Flushed;
use crate::stage::{Closing, Halt, Stage};
use crate::tcp_outlet::TcpOutlet;
use crate::unfinished::{FRAME_TOO_SLOW, Share, make_room};
use crate::worker::{READ_BYTES, with_worker};
use std::future::Future;
use std::io::IoSlice;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use stele_core::{Attended, Connection, Link, Scratch};
use stele_model::{Close, Session};

/// Reads before others get their turn.
const READS_PER_TURN: usize = 8;

/// How long a publisher waits for a receiver that is over its limit.
pub(crate) const STALL_NS: u64 = 5_000_000;

/// How long a closed connection may take to read its last bytes and to close its side.
const LAST_WORDS_NS: u64 = 2_000_000_000;

/// The task of one connection.
pub(crate) struct Drive {
    shared: Arc<Shared>,
    outlet: Arc<TcpOutlet>,
    connection: Connection,
    /// WebSocket before the session's bytes.
    front: Option<Box<Front>>,
    /// Bytes that the session has not used yet.
    carry: Vec<u8>,
    /// What `carry` may take of the memory that all connections share.
    share: Share,
    /// The entry in the list of deadlines; 0: none. Of a closed connection it is the end of its patience.
    registered_ns: u64,
    stage: Stage,
    /// Its place among the connections.
    slot: u32,
    /// The session left bytes that it takes once it is ready again.
    paused: bool,
    /// The receiver that this publisher waits for, and until when.
    stalled: Option<Box<(Arc<Link>, u64)>>,
}

impl Drive {
    /// `front` goes with a framed outlet.
    pub(crate) fn new(
        shared: Arc<Shared>,
        outlet: Arc<TcpOutlet>,
        session: Box<dyn Session>,
        front: Option<Box<Front>>,
    ) -> Self {
        let slot = shared.connections.add(outlet.clone());
        let link = shared.core.link(outlet.clone());
        let connection = Connection::new(shared.core.clone(), link, session);
        Self {
            share: Share::default(),
            shared,
            outlet,
            connection,
            front,
            carry: Vec::new(),
            registered_ns: 0,
            stage: Stage::Fresh,
            slot,
            paused: false,
            stalled: None,
        }
    }

    /// Ends the session with these words, as when the broker stops.
    pub(crate) fn close(&mut self, why: &Close) {
        if matches!(self.stage, Stage::Closing(_)) {
            return;
        }
        let now = self.shared.clock.now();
        with_worker(|worker| {
            worker.scratch.reset();
            self.connection.close(now, why, &mut worker.scratch);
            self.send_output(&worker.scratch);
            worker.scratch.forget();
        });
        if let Some(front) = &self.front {
            self.send_raw(&front.close_frame());
        }
        self.outlet.outbox.close();
        self.carry = Vec::new();
        self.share.give_back();
        let until_ns = now.monotonic_ns + LAST_WORDS_NS;
        let hurries = matches!(why, Close::Shutdown | Close::Lost);
        self.stage = Stage::Closing(Closing { hurries, shut: false });
        self.register(until_ns);
        tracing::debug!(connection = %self.connection.link().id, reason = %why, "closed");
    }

    fn send_output(&self, scratch: &Scratch) {
        if scratch.output.is_empty() {
            return;
        }
        if scratch.output.shared.is_empty() {
            self.outlet.send_own(&[IoSlice::new(&scratch.output.bytes)]);
        } else {
            self.outlet.send_own(&scratch.output.pieces());
        }
    }

    fn register(&mut self, at_ns: u64) {
        if at_ns != self.registered_ns {
            let link = self.connection.link();
            self.shared.deadlines.change(link.id, &link.outlet, self.registered_ns, at_ns);
            self.registered_ns = at_ns;
        }
    }

    /// Keeps an earlier entry; makes one where there is none or the new time is earlier.
    fn register_deadline(&mut self, now_ns: u64) {
        let stalled = self.stalled.as_deref().map(|(_, until_ns)| *until_ns);
        let deadlines = [self.connection.deadline(), stalled, self.share.deadline()];
        let wanted = deadlines.into_iter().flatten().min().unwrap_or(0);
        let passed = self.registered_ns <= now_ns;
        if wanted != 0 && (passed || wanted < self.registered_ns) {
            self.register(wanted);
        } else if wanted == 0 && passed {
            self.register(0);
        }
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Halt {
        let attention = self.outlet.outbox.take_attention(cx.waker());
        match self.shared.connections.ending() {
            Ending::No => {}
            Ending::Goodbye => self.close(&Close::Shutdown),
            Ending::Abrupt => {
                self.close(&Close::Shutdown);
                return Halt::End(Close::Shutdown);
            }
        }
        if let Some(halt) = self.flush(cx) {
            return halt;
        }
        let now = self.shared.clock.now();
        if let Stage::Closing(_) = self.stage {
            return if now.monotonic_ns >= self.registered_ns {
                Halt::End(Close::Lost)
            } else {
                self.linger(cx)
            };
        }
        if self.share.is_overdue(now.monotonic_ns) {
            return Halt::End(FRAME_TOO_SLOW);
        }
        let due = self.connection.deadline().is_some_and(|deadline| deadline <= now.monotonic_ns);
        if attention || due || self.stage == Stage::Fresh {
            let fresh = std::mem::replace(&mut self.stage, Stage::Live) == Stage::Fresh;
            match self.attend(fresh) {
                Ok(Attended::Settled) => {}
                Ok(Attended::More) => {
                    self.outlet.outbox.wake();
                    return Halt::Yield;
                }
                Err(close) => return Halt::End(close),
            }
        }
        let halt = self.read(cx);
        self.register_deadline(self.shared.clock.now().monotonic_ns);
        halt
    }

    /// A step of a closed connection.
    fn linger(&mut self, cx: &mut Context<'_>) -> Halt {
        if self.outlet.outbox.queued() > 0 {
            return Halt::Wait;
        }
        let Stage::Closing(closing) = &mut self.stage else { return Halt::Yield };
        let hurries = closing.hurries;
        if !std::mem::replace(&mut closing.shut, true) {
            self.outlet.shut(Shutdown::Write);
        }
        for _ in 0..READS_PER_TURN {
            match self.outlet.stream.poll_read_ready(cx) {
                Poll::Pending if hurries => return Halt::End(Close::Lost),
                Poll::Pending => return Halt::Wait,
                Poll::Ready(_) => {}
            }
            if let Err(halt) = with_worker(|worker| self.try_read(&mut worker.read)) {
                return halt;
            }
        }
        Halt::Yield
    }

    /// Some: stop here.
    fn flush(&mut self, cx: &mut Context<'_>) -> Option<Halt> {
        loop {
            match self.outlet.outbox.flush(&self.outlet.stream) {
                Flushed::Empty => return None,
                Flushed::More => {}
                Flushed::Failed => return Some(Halt::End(Close::Lost)),
                Flushed::Overflowed => {
                    self.shared.core.counters.slow_consumers.fetch_add(1, Ordering::Relaxed);
                    return Some(Halt::End(Close::SlowConsumer));
                }
                Flushed::Blocked => match self.outlet.stream.poll_write_ready(cx) {
                    Poll::Pending => return None,
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Some(Halt::End(Close::Lost)),
                },
            }
        }
    }

    fn attend(&mut self, fresh: bool) -> Result<Attended, Close> {
        let now = self.shared.clock.now();
        with_worker(|worker| {
            worker.scratch.reset();
            let attended = if fresh {
                self.connection.open(now, &mut worker.scratch).map(|()| Attended::Settled)
            } else {
                self.connection.attend(now, &mut worker.scratch)
            };
            self.send_output(&worker.scratch);
            attended
        })
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Halt {
        for _ in 0..READS_PER_TURN {
            if !self.connection.is_ready() {
                return Halt::Wait;
            }
            if self.is_stalled(cx.waker()) {
                return Halt::Wait;
            }
            if self.paused {
                if let Err(halt) = self.feed(cx) {
                    return halt;
                }
                continue;
            }
            let unfinished = self.connection.wants().max(self.carry.len());
            if !self.share.cover(&self.shared.unfinished, unfinished, &self.shared.clock, cx.waker()) {
                return Halt::Wait;
            }
            match self.outlet.stream.poll_read_ready(cx) {
                Poll::Pending => return Halt::Wait,
                Poll::Ready(Err(_)) => return Halt::End(Close::Lost),
                Poll::Ready(Ok(())) => {}
            }
            if let Err(halt) = self.read_once(cx) {
                return halt;
            }
        }
        Halt::Yield
    }

    fn is_stalled(&mut self, waker: &Waker) -> bool {
        let Some((receiver, until_ns)) = self.stalled.as_deref() else { return false };
        if self.shared.clock.now().monotonic_ns < *until_ns && receiver.outlet.await_room(waker) {
            return true;
        }
        self.stalled = None;
        false
    }

    fn read_once(&mut self, cx: &mut Context<'_>) -> Result<(), Halt> {
        if let Some(mut front) = self.front.take() {
            let read = self.read_framed(cx, &mut front);
            self.front = Some(front);
            return read;
        }
        let wants = self.connection.wants();
        if wants > READ_BYTES || self.carry.len() > READ_BYTES / 2 {
            return self.read_large(cx, wants);
        }
        with_worker(|worker| {
            let carried = self.carry.len();
            worker.read[..carried].copy_from_slice(&self.carry);
            let end = self.share.read_end(&self.shared.unfinished, carried, worker.read.len());
            let read = self.try_read(&mut worker.read[carried..end])?;
            if read == 0 {
                return Ok(());
            }
            let input = &worker.read[..carried + read];
            let used = self.receive(cx, input, &mut worker.scratch)?;
            self.carry.clear();
            if used < input.len() {
                self.carry.extend_from_slice(&input[used..]);
            } else if self.carry.capacity() > 0 {
                self.carry = Vec::new();
            }
            Ok(())
        })
    }

    /// One read through the frames. The carry holds the session's bytes here, too.
    fn read_framed(&mut self, cx: &mut Context<'_>, front: &mut Front) -> Result<(), Halt> {
        let mut data = std::mem::take(&mut self.carry);
        let decoded = with_worker(|worker| {
            let end = self.share.read_end(&self.shared.unfinished, 0, worker.read.len());
            let read = self.try_read(&mut worker.read[..end])?;
            Ok(front.receive(&worker.read[..read], &mut data))
        })?;
        self.send_raw(&decoded.replies);
        if !data.is_empty() && data.len() >= self.connection.wants() {
            let used = with_worker(|worker| self.receive(cx, &data, &mut worker.scratch))?;
            data.drain(..used);
        }
        if !data.is_empty() {
            self.carry = data;
        }
        if decoded.ends { Err(Halt::End(Close::Lost)) } else { Ok(()) }
    }

    /// Bytes that are frames already.
    fn send_raw(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.outlet.outbox.send_own(&self.outlet.stream, &[IoSlice::new(bytes)]);
        }
    }

    /// Gives the session again what it left while it was not ready.
    fn feed(&mut self, cx: &mut Context<'_>) -> Result<(), Halt> {
        self.paused = false;
        let mut carry = std::mem::take(&mut self.carry);
        let used = with_worker(|worker| self.receive(cx, &carry, &mut worker.scratch))?;
        carry.drain(..used);
        if !carry.is_empty() {
            self.carry = carry;
        }
        Ok(())
    }

    /// A frame that does not fit into the worker's buffer is collected in the connection's own.
    fn read_large(&mut self, cx: &mut Context<'_>, wants: usize) -> Result<(), Halt> {
        let carried = self.carry.len();
        let mut carry = std::mem::take(&mut self.carry);
        make_room(&mut carry, wants);
        let read = self.try_read(&mut carry[carried..]);
        carry.truncate(carried + *read.as_ref().unwrap_or(&0));
        if read? > 0 && carry.len() >= wants {
            let used = with_worker(|worker| self.receive(cx, &carry, &mut worker.scratch))?;
            carry.drain(..used);
        }
        if !carry.is_empty() {
            self.carry = carry;
        }
        Ok(())
    }

    /// 0: nothing to read after all.
    fn try_read(&self, buffer: &mut [u8]) -> Result<usize, Halt> {
        self.outlet.try_read(buffer).ok_or(Halt::End(Close::Lost))
    }

    fn receive(&mut self, cx: &mut Context<'_>, input: &[u8], scratch: &mut Scratch) -> Result<usize, Halt> {
        let now = self.shared.clock.now();
        scratch.reset();
        let (used, stalled) = self.connection.receive(now, input, scratch);
        self.send_output(scratch);
        let used = used.map_err(Halt::End)?;
        if used > 0 {
            self.share.renew(now.monotonic_ns);
        }
        self.paused = used < input.len() && !self.connection.is_ready();
        if let Some(receiver) = stalled
            && receiver.outlet.await_room(cx.waker())
        {
            self.stalled = Some(Box::new((receiver, now.monotonic_ns + STALL_NS)));
        }
        Ok(used)
    }
}

impl Future for Drive {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.step(cx) {
                Halt::Wait => return Poll::Pending,
                Halt::Yield => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Halt::End(why) => {
                    if matches!(self.stage, Stage::Closing(_)) {
                        self.outlet.shut(Shutdown::Both);
                        self.register(0);
                        return Poll::Ready(());
                    }
                    self.close(&why);
                }
            }
        }
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        // The runtime may drop the task at shutdown: subscriptions must not outlive it.
        self.close(&Close::Shutdown);
        self.outlet.shut(Shutdown::Both);
        self.register(0);
        self.shared.connections.remove(self.slot);
    }
}
