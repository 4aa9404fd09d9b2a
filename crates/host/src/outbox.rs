//! A connection's way out: straight to the socket while it takes everything, a queue as soon as it does not.
//!
//! ```text
//!   idle ──(socket refuses)──→ blocked: bytes queue, the owner is woken and waits for the socket
//!    ↑                            │
//!    └──────(queue empty)─────────┘      flushing: somebody writes outside of the lock; others queue behind
//! ```
//!
//! Invariant: bytes leave in the order of the calls. Nobody holds the lock during a system call.

use std::io::{self, IoSlice};
use std::sync::Mutex;
use std::task::Waker;
use stele_core::QUEUED_STALL_BYTES;

/// One write of the owner takes at most this many bytes, so that other connections get their turn.
const FLUSH_BYTES_MAX: usize = 256 << 10;

/// An empty queue keeps at most this much memory.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// Where bytes go without waiting.
pub trait Pipe: Send + Sync {
    /// Writes what can be written now.
    ///
    /// # Errors
    /// `WouldBlock` when nothing can; any other error ends the connection.
    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize>;
}

/// What happens to bytes beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The connection is closed as a slow consumer (NATS).
    Close,
    /// The bytes are dropped and counted (MQTT QoS 0).
    Drop,
}

/// The outbox of one connection.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queue: Vec<u8>,
    /// Bytes of `queue` that are written already.
    written: usize,
    flushing: bool,
    blocked: bool,
    direct: bool,
    ended: Ended,
    /// Something waits for the owner besides bytes.
    attention: bool,
    overflow: Overflow,
    queue_bytes_max: usize,
    dropped: u64,
    owner: Option<Waker>,
    /// Publishers that wait for room.
    stalled: Option<Box<Stalled>>,
}

/// Boxed, because hardly any connection ever has some.
#[derive(Debug, Default)]
struct Stalled {
    publishers: Vec<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    No,
    /// The socket failed.
    Failed,
    /// Too much was queued.
    Overflowed,
    /// The owner is gone.
    Closed,
}

/// What an owner's flush came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing is queued.
    Empty,
    /// The socket takes no more for now: wait until it is writable.
    Blocked,
    /// More is queued; let others run first.
    More,
    /// The socket failed.
    Failed,
    /// The peer reads too slowly.
    Overflowed,
}

impl Outbox {
    /// An empty one. Without `direct`, only the owner writes (TLS, WebSocket).
    pub fn new(overflow: Overflow, queue_bytes_max: usize, direct: bool) -> Self {
        Self {
            state: Mutex::new(State {
                queue: Vec::new(),
                written: 0,
                flushing: false,
                blocked: false,
                direct,
                ended: Ended::No,
                attention: false,
                overflow,
                queue_bytes_max,
                dropped: 0,
                owner: None,
                stalled: None,
            }),
        }
    }

    /// Writes the pieces now if nothing is in their way, and queues the rest. Returns the bytes that are queued.
    pub fn send(&self, pipe: &dyn Pipe, pieces: &[IoSlice<'_>]) -> usize {
        self.send_from(pipe, pieces, false)
    }

    /// As `send`, for what the owner's session says itself: it is never dropped, because the session counts on it. A
    /// peer that lets more than twice the limit pile up is closed.
    pub fn send_own(&self, pipe: &dyn Pipe, pieces: &[IoSlice<'_>]) -> usize {
        self.send_from(pipe, pieces, true)
    }

    fn send_from(&self, pipe: &dyn Pipe, pieces: &[IoSlice<'_>], own: bool) -> usize {
        let mut state = self.lock();
        if state.ended != Ended::No {
            return 0;
        }
        if state.flushing || state.blocked || !state.direct || state.queued() > 0 {
            let before = state.queued();
            state.push(pieces, own);
            return state.notify(before);
        }
        state.flushing = true;
        drop(state);
        let written = write_all_now(pipe, pieces);
        let mut state = self.lock();
        state.flushing = false;
        match written {
            Ok(written) => state.push_in_front(pieces, written),
            Err(_) => state.end(Ended::Failed),
        }
        if state.queued() > 0 {
            state.blocked = true;
        }
        state.notify(0)
    }

    /// The owner writes what is queued.
    pub fn flush(&self, pipe: &dyn Pipe) -> Flushed {
        let mut state = self.lock();
        match state.ended {
            Ended::No | Ended::Closed => {}
            Ended::Failed => return Flushed::Failed,
            Ended::Overflowed => return Flushed::Overflowed,
        }
        if state.queued() == 0 {
            state.blocked = false;
            return Flushed::Empty;
        }
        if state.flushing {
            // Whoever writes now finds the queue afterwards and wakes the owner.
            return Flushed::Empty;
        }
        let queue = std::mem::take(&mut state.queue);
        let start = std::mem::take(&mut state.written);
        state.flushing = true;
        drop(state);
        let end = queue.len().min(start + FLUSH_BYTES_MAX);
        let result = write_all_now(pipe, &[IoSlice::new(&queue[start..end])]);
        let mut state = self.lock();
        state.flushing = false;
        let Ok(written) = result else {
            state.end(Ended::Failed);
            return Flushed::Failed;
        };
        state.put_back(queue, start + written);
        if state.queued() < QUEUED_STALL_BYTES / 2 {
            state.release_stalled();
        }
        state.blocked = written < end - start;
        match (state.queued(), state.blocked) {
            (0, _) => {
                state.blocked = false;
                Flushed::Empty
            }
            (_, true) => Flushed::Blocked,
            (_, false) => Flushed::More,
        }
    }

    /// Remembers the owner's waker; says whether something waits for it, and takes that note away.
    pub fn take_attention(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        if !state.owner.as_ref().is_some_and(|owner| owner.will_wake(waker)) {
            state.owner = Some(waker.clone());
        }
        std::mem::take(&mut state.attention)
    }

    /// Makes the owner look around.
    pub fn wake(&self) {
        let mut state = self.lock();
        if !state.attention {
            state.attention = true;
            if let Some(owner) = &state.owner {
                owner.wake_by_ref();
            }
        }
    }

    /// See [`stele_core::Outlet::await_room`].
    pub fn await_room(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        if state.ended != Ended::No || state.queued() < QUEUED_STALL_BYTES {
            return false;
        }
        state.stalled.get_or_insert_default().publishers.push(waker.clone());
        true
    }

    /// Nothing is taken any more; what is queued may still be flushed by the owner.
    pub fn close(&self) {
        let mut state = self.lock();
        if state.ended == Ended::No {
            state.ended = Ended::Closed;
        }
        state.owner = None;
        state.release_stalled();
    }

    /// Bytes that wait for the socket.
    pub fn queued(&self) -> usize {
        self.lock().queued()
    }

    /// Writes that were dropped because too much was queued.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic holds the lock")
    }
}

impl State {
    fn queued(&self) -> usize {
        self.queue.len() - self.written
    }

    /// Queues the pieces within the limit.
    fn push(&mut self, pieces: &[IoSlice<'_>], own: bool) {
        let total: usize = pieces.iter().map(|piece| piece.len()).sum();
        let spared = own && self.overflow == Overflow::Drop;
        let limit = if spared { self.queue_bytes_max.saturating_mul(2) } else { self.queue_bytes_max };
        if self.queued() + total <= limit {
            return append_rest(&mut self.queue, pieces, 0);
        }
        match self.overflow {
            Overflow::Drop if !own => self.dropped += 1,
            Overflow::Drop | Overflow::Close => self.end(Ended::Overflowed),
        }
    }

    /// What the socket refused goes in front of what others queued meanwhile.
    fn push_in_front(&mut self, pieces: &[IoSlice<'_>], written: usize) {
        let total: usize = pieces.iter().map(|piece| piece.len()).sum();
        if written == total {
            return;
        }
        let behind = std::mem::take(&mut self.queue);
        let behind_written = std::mem::take(&mut self.written);
        append_rest(&mut self.queue, pieces, written);
        self.queue.extend_from_slice(&behind[behind_written..]);
    }

    /// The owner's buffer comes back, in front of what others queued meanwhile.
    fn put_back(&mut self, mut buffer: Vec<u8>, written: usize) {
        if written == buffer.len() {
            if self.queue.is_empty() && buffer.capacity() <= KEPT_BYTES_MAX && self.stalled.is_some() {
                buffer.clear();
                self.queue = buffer;
            }
            return;
        }
        buffer.extend_from_slice(&self.queue[self.written..]);
        if written > buffer.len() / 2 {
            buffer.drain(..written);
            self.written = 0;
        } else {
            self.written = written;
        }
        self.queue = buffer;
    }

    /// Wakes the owner when there is something for it that it does not know of: bytes where none were, or the end.
    fn notify(&self, before: usize) -> usize {
        let queued = self.queued();
        let news = (before == 0 && queued > 0) || self.ended != Ended::No;
        if news
            && !self.flushing
            && let Some(owner) = &self.owner
        {
            owner.wake_by_ref();
        }
        queued
    }

    fn end(&mut self, ended: Ended) {
        self.ended = ended;
        self.queue = Vec::new();
        self.written = 0;
        self.release_stalled();
    }

    fn release_stalled(&mut self) {
        for waker in self.stalled.take().into_iter().flat_map(|stalled| stalled.publishers) {
            waker.wake();
        }
    }
}

/// Writes until all is written or the pipe refuses; returns the bytes written.
fn write_all_now(pipe: &dyn Pipe, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    let total: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut written = match pipe.try_write(pieces) {
        Ok(written) => written,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
        Err(error) => return Err(error),
    };
    // A short write nearly always means that the socket is full; one more try settles it.
    if written > 0 && written < total {
        let rest = rest_of(pieces, written);
        match pipe.try_write(&rest) {
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

fn rest_of<'p>(pieces: &'p [IoSlice<'_>], mut skipped: usize) -> Vec<IoSlice<'p>> {
    let mut rest = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let skip = skipped.min(piece.len());
        skipped -= skip;
        if skip < piece.len() {
            rest.push(IoSlice::new(&piece[skip..]));
        }
    }
    rest
}

fn append_rest(queue: &mut Vec<u8>, pieces: &[IoSlice<'_>], skipped: usize) {
    for piece in rest_of(pieces, skipped) {
        queue.extend_from_slice(&piece);
    }
}

#[cfg(test)]
mod tests;
