//! One connection's task: flush, attend, read, in a loop that ends at every `Pending`.

use crate::framed::Front;
use crate::outbox::{Flushed, Outbox, Pipe};
use crate::websocket::encode_data_header;
use crate::{Clock, Deadlines};
use std::cell::RefCell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use stele_core::{Attended, Connection, Core, Link, Outlet, Scratch};
use stele_model::{Close, Session};
use tokio::net::TcpStream;

/// What one read takes at most.
const READ_BYTES: usize = 64 << 10;

/// Reads before others get their turn.
const READS_PER_TURN: usize = 8;

/// How long a publisher waits for a receiver that is over its limit.
pub(crate) const STALL_NS: u64 = 5_000_000;

/// How long a closed connection may take to send its last bytes.
const LAST_WORDS_NS: u64 = 2_000_000_000;

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::new(Worker::new());
}

struct Worker {
    scratch: Scratch,
    read: Box<[u8]>,
}

/// Lends the worker's memory. A task that is dropped while its thread ends gets a fresh one.
fn with_worker<R>(call: impl FnOnce(&mut Worker) -> R) -> R {
    let mut call = Some(call);
    let mut lend = |worker: &mut Worker| call.take().map(|call| call(worker));
    match WORKER.try_with(|worker| worker.try_borrow_mut().ok().and_then(|mut worker| lend(&mut worker))) {
        Ok(Some(result)) => result,
        _ => lend(&mut Worker::new()).expect("called once: the first try did not get so far"),
    }
}

/// As `with_worker`, for sessions without a socket.
pub(crate) fn with_scratch<R>(call: impl FnOnce(&mut Scratch) -> R) -> R {
    with_worker(|worker| {
        worker.scratch.reset();
        call(&mut worker.scratch)
    })
}

impl Worker {
    fn new() -> Self {
        static SEED: AtomicU64 = AtomicU64::new(0x9e37_79b9_7f4a_7c15);
        let seed = SEED.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        Self { scratch: Scratch::new(seed), read: vec![0; READ_BYTES].into() }
    }
}

/// A TCP connection's way out.
pub(crate) struct TcpOutlet {
    stream: TcpStream,
    outbox: Outbox,
    /// Each write is a WebSocket frame.
    framed: bool,
}

impl TcpOutlet {
    pub(crate) fn new(stream: TcpStream, outbox: Outbox, framed: bool) -> Self {
        Self { stream, outbox, framed }
    }

    /// What the connection's own session says.
    fn send_own(&self, pieces: &[IoSlice<'_>]) {
        if self.framed {
            with_frame(pieces, |pieces| self.outbox.send_own(&self.stream, pieces));
        } else {
            self.outbox.send_own(&self.stream, pieces);
        }
    }
}

/// The pieces behind the header of a frame around them.
fn with_frame<R>(pieces: &[IoSlice<'_>], send: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
    let mut header = Vec::with_capacity(10);
    encode_data_header(pieces.iter().map(|piece| piece.len()).sum(), None, &mut header);
    let mut framed = Vec::with_capacity(pieces.len() + 1);
    framed.push(IoSlice::new(&header));
    framed.extend(pieces.iter().map(|piece| IoSlice::new(piece)));
    send(&framed)
}

impl Pipe for TcpStream {
    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces {
            [piece] => TcpStream::try_write(self, piece),
            pieces => self.try_write_vectored(pieces),
        }
    }
}

impl Outlet for TcpOutlet {
    fn send(&self, bytes: &[u8]) -> usize {
        self.send_pieces(&[IoSlice::new(bytes)])
    }

    fn send_pieces(&self, pieces: &[IoSlice<'_>]) -> usize {
        if self.framed {
            return with_frame(pieces, |pieces| self.outbox.send(&self.stream, pieces));
        }
        self.outbox.send(&self.stream, pieces)
    }

    fn wake(&self) {
        self.outbox.wake();
    }

    fn queued(&self) -> usize {
        self.outbox.queued()
    }

    fn await_room(&self, waker: &Waker) -> bool {
        self.outbox.await_room(waker)
    }
}

/// What all connections of a host share.
pub(crate) struct Shared {
    pub(crate) core: Arc<Core>,
    pub(crate) clock: Clock,
    pub(crate) deadlines: Deadlines,
}

/// The task of one connection.
pub(crate) struct Drive {
    shared: Arc<Shared>,
    outlet: Arc<TcpOutlet>,
    connection: Connection,
    /// WebSocket before the session's bytes.
    front: Option<Box<Front>>,
    /// Bytes that the session has not used yet.
    carry: Vec<u8>,
    /// The entry in the list of deadlines; 0: none.
    registered_ns: u64,
    stage: Stage,
    /// The session left bytes that it takes once it is ready again.
    paused: bool,
    /// The receiver that this publisher waits for, and until when.
    stalled: Option<Box<(Arc<Link>, u64)>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Fresh,
    Live,
    /// The session is closed; last bytes leave until then.
    Closing(u64),
}

/// Why a step of the drive stops.
enum Halt {
    /// Wait for a wake.
    Wait,
    /// Let others run, then go on.
    Yield,
    End(Close),
}

impl Drive {
    /// `front` goes with a framed outlet.
    pub(crate) fn new(
        shared: Arc<Shared>,
        outlet: Arc<TcpOutlet>,
        session: Box<dyn Session>,
        front: Option<Box<Front>>,
    ) -> Self {
        let link = shared.core.link(outlet.clone());
        let connection = Connection::new(shared.core.clone(), link, session);
        Self {
            shared,
            outlet,
            connection,
            front,
            carry: Vec::new(),
            registered_ns: 0,
            stage: Stage::Fresh,
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
        self.stage = Stage::Closing(now.monotonic_ns + LAST_WORDS_NS);
        self.register(now.monotonic_ns + LAST_WORDS_NS);
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
        let mut wanted = self.connection.deadline().unwrap_or(0);
        if let Some((_, until_ns)) = self.stalled.as_deref()
            && (wanted == 0 || *until_ns < wanted)
        {
            wanted = *until_ns;
        }
        let passed = self.registered_ns <= now_ns;
        if wanted != 0 && (passed || wanted < self.registered_ns) {
            self.register(wanted);
        } else if wanted == 0 && passed {
            self.register(0);
        }
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Halt {
        let attention = self.outlet.outbox.take_attention(cx.waker());
        if let Some(halt) = self.flush(cx) {
            return halt;
        }
        let now = self.shared.clock.now();
        if let Stage::Closing(until_ns) = self.stage {
            let done = self.outlet.outbox.queued() == 0 || now.monotonic_ns >= until_ns;
            return if done { Halt::End(Close::Lost) } else { Halt::Wait };
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
            let read = self.try_read(&mut worker.read[carried..])?;
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
            let read = self.try_read(&mut worker.read)?;
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
        // Grows with what came, at most doubling: an announced length alone allocates little.
        let room = wants.saturating_sub(carried).clamp(READ_BYTES, (carried * 2).max(READ_BYTES));
        let mut carry = std::mem::take(&mut self.carry);
        carry.resize(carried + room, 0);
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
        match self.outlet.stream.try_read(buffer) {
            Ok(0) => Err(Halt::End(Close::Lost)),
            Ok(read) => Ok(read),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(_) => Err(Halt::End(Close::Lost)),
        }
    }

    fn receive(&mut self, cx: &mut Context<'_>, input: &[u8], scratch: &mut Scratch) -> Result<usize, Halt> {
        let now = self.shared.clock.now();
        scratch.reset();
        let (used, stalled) = self.connection.receive(now, input, scratch);
        self.send_output(scratch);
        let used = used.map_err(Halt::End)?;
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
        self.register(0);
    }
}
