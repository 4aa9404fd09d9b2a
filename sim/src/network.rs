//! One connection as the broker's host sees it: bytes in flight both ways, and the session's owner between them.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use stele_core::{Attended, Connection, Core, Outlet, Scratch};
use stele_model::{Close, Now, Session};

/// Where the bytes of a connection go: a queue that the client reads from when the schedule says so.
#[derive(Default)]
pub(crate) struct Pipe(Mutex<State>);

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    attention: bool,
    closed: bool,
}

impl Pipe {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no panic holds the lock")
    }

    fn take_attention(&self) -> bool {
        std::mem::take(&mut self.state().attention)
    }
}

impl Outlet for Pipe {
    fn send(&self, bytes: &[u8]) -> usize {
        self.send_pieces(&[IoSlice::new(bytes)])
    }

    fn send_pieces(&self, pieces: &[IoSlice<'_>]) -> usize {
        let mut state = self.state();
        if !state.closed {
            pieces.iter().for_each(|piece| state.bytes.extend(piece.iter()));
        }
        0
    }

    fn wake(&self) {
        self.state().attention = true;
    }

    fn queued(&self) -> usize {
        0
    }

    fn await_room(&self, _: &Waker) -> bool {
        false
    }
}

/// Both ends of a connection.
pub(crate) struct Wire {
    /// Which client holds the other end; none: it went away and the broker has not noticed.
    pub(crate) client: Option<usize>,
    connection: Connection,
    pipe: Arc<Pipe>,
    /// From the client, not yet read.
    in_flight: VecDeque<u8>,
    /// Read, not yet used by the session.
    carry: Vec<u8>,
    fresh: bool,
    /// The session left bytes that it takes once it is ready again.
    paused: bool,
    /// The session has ended; what it said last may still be read.
    closed: bool,
}

impl Wire {
    pub(crate) fn new(core: &Arc<Core>, session: Box<dyn Session>, client: Option<usize>) -> Self {
        let pipe = Arc::new(Pipe::default());
        let link = core.link(pipe.clone());
        let connection = Connection::new(core.clone(), link, session);
        Self {
            client,
            connection,
            pipe,
            in_flight: VecDeque::new(),
            carry: Vec::new(),
            fresh: true,
            paused: false,
            closed: false,
        }
    }

    /// The client sends.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.in_flight.extend(bytes);
    }

    /// Bytes on their way to the client.
    pub(crate) fn to_client(&self) -> usize {
        self.pipe.state().bytes.len()
    }

    /// The client reads the next bytes.
    pub(crate) fn take(&self, count: usize) -> Vec<u8> {
        self.pipe.state().bytes.drain(..count).collect()
    }

    /// The session has ended and the client has read all.
    pub(crate) fn is_over(&self) -> bool {
        self.closed && self.to_client() == 0
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Bytes that the host could read now.
    pub(crate) fn to_broker(&self) -> usize {
        if self.closed || self.fresh || !self.connection.is_ready() { 0 } else { self.in_flight.len() }
    }

    /// Only so many of the bytes on their way to the broker arrive.
    pub(crate) fn lose_behind(&mut self, count: usize) {
        self.in_flight.truncate(count);
    }

    /// Does the owner have to look?
    pub(crate) fn wants_attention(&self, now: Now) -> bool {
        let resumes = self.paused && self.connection.is_ready();
        !self.closed && (self.fresh || resumes || self.pipe.state().attention || self.is_due(now))
    }

    fn is_due(&self, now: Now) -> bool {
        self.connection.deadline().is_some_and(|deadline| deadline <= now.monotonic_ns)
    }

    /// When the session wants to be woken.
    pub(crate) fn deadline(&self) -> Option<u64> {
        if self.closed { None } else { self.connection.deadline() }
    }

    /// The host reads the next bytes.
    pub(crate) fn deliver(&mut self, now: Now, count: usize, scratch: &mut Scratch) -> Vec<u8> {
        let bytes: Vec<u8> = self.in_flight.drain(..count).collect();
        self.carry.extend(&bytes);
        if self.carry.len() >= self.connection.wants() {
            self.feed(now, scratch);
        }
        bytes
    }

    /// The owner looks: the first call, the inbox, the deadline, what it had to leave.
    pub(crate) fn attend(&mut self, now: Now, scratch: &mut Scratch) {
        let attention = self.pipe.take_attention();
        scratch.reset();
        let attended = if std::mem::take(&mut self.fresh) {
            self.connection.open(now, scratch).map(|()| Attended::Settled)
        } else if attention || self.is_due(now) {
            self.connection.attend(now, scratch)
        } else {
            Ok(Attended::Settled)
        };
        self.send_output(scratch);
        match attended {
            Ok(Attended::Settled) => {}
            Ok(Attended::More) => self.pipe.wake(),
            Err(why) => return self.close(now, &why, scratch),
        }
        if self.paused && self.connection.is_ready() {
            self.paused = false;
            self.feed(now, scratch);
        }
    }

    /// The session's last call.
    pub(crate) fn close(&mut self, now: Now, why: &Close, scratch: &mut Scratch) {
        if self.closed {
            return;
        }
        scratch.reset();
        self.connection.close(now, why, scratch);
        self.send_output(scratch);
        scratch.forget();
        self.closed = true;
        self.pipe.state().closed = true;
    }

    fn feed(&mut self, now: Now, scratch: &mut Scratch) {
        let mut carry = std::mem::take(&mut self.carry);
        scratch.reset();
        let (used, _) = self.connection.receive(now, &carry, scratch);
        self.send_output(scratch);
        match used {
            Ok(used) => {
                self.paused = used < carry.len() && !self.connection.is_ready();
                carry.drain(..used);
                self.carry = carry;
            }
            Err(why) => self.close(now, &why, scratch),
        }
    }

    fn send_output(&self, scratch: &Scratch) {
        self.pipe.send_pieces(&scratch.output.pieces());
    }
}
