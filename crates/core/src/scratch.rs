//! A worker's memory for one turn at a time, used again by the next.

use crate::connection::Stalled;
use crate::pending::Ring;
use crate::router::{MatchCache, MatchSet};
use bumpalo::Bump;
use bytes::Bytes;
use std::sync::Arc;
use stele_model::{Conditions, Message, Ticket};

/// Buffers larger than this are given back after the turn that needed them.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// One per worker thread, lent to a connection for each call.
#[derive(Default)]
pub struct Scratch {
    /// What the session sends to its own peer.
    pub output: Output,
    pub(crate) arena: Bump,
    pub(crate) encode: Vec<u8>,
    pub(crate) cache: MatchCache,
    pub(crate) random: u64,
    pub(crate) run: Vec<Message<'static>>,
    pub(crate) captured: Vec<Captured<'static>>,
    pub(crate) ring: Ring,
    /// The receiver that the last calls of a session should wait for.
    pub(crate) stalled: Stalled,
}

/// A message that at least one stream or stored session keeps, until the end of the run.
pub(crate) struct Captured<'a> {
    pub(crate) message: Message<'a>,
    pub(crate) conditions: Option<&'a Conditions<'a>>,
    pub(crate) set: Arc<MatchSet>,
    pub(crate) ticket: Option<Ticket>,
    /// The publisher is told of a refusal by any stream, not only by the one that acknowledges.
    pub(crate) hears_all: bool,
}

impl Captured<'_> {
    /// Is it a stored record, which no stream captures again?
    pub(crate) fn is_record(&self) -> bool {
        self.conditions.is_some_and(|conditions| conditions.origin.is_some())
    }
}

impl Scratch {
    /// A worker's scratch; the seed spreads group members.
    pub fn new(seed: u64) -> Self {
        Self { random: seed | 1, ..Self::default() }
    }

    /// Makes ready for the next turn; memory that was unusually large is freed.
    pub fn reset(&mut self) {
        self.stalled = None;
        self.output.clear();
        self.arena.reset();
        if self.arena.allocated_bytes() > KEPT_BYTES_MAX {
            self.arena = Bump::new();
        }
        if self.encode.capacity() > KEPT_BYTES_MAX {
            self.encode = Vec::new();
        }
    }

    /// Forgets what the router said and who stalled, so that no closed connection is kept alive by it.
    pub fn forget(&mut self) {
        self.cache.clear();
        self.stalled = None;
    }
}

/// Bytes for one peer: a buffer, with shared pieces at places in it.
#[derive(Debug, Default)]
pub struct Output {
    /// What was written.
    pub bytes: Vec<u8>,
    /// Pieces that belong in front of the byte at this index of `bytes`.
    pub shared: Vec<(usize, Bytes)>,
}

impl Output {
    /// Nothing to send?
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.shared.is_empty()
    }

    /// The pieces in order.
    pub fn pieces(&self) -> Vec<std::io::IoSlice<'_>> {
        let mut pieces = Vec::with_capacity(self.shared.len() * 2 + 1);
        let mut at = 0;
        for (place, bytes) in &self.shared {
            if *place > at {
                pieces.push(std::io::IoSlice::new(&self.bytes[at..*place]));
                at = *place;
            }
            pieces.push(std::io::IoSlice::new(bytes));
        }
        if at < self.bytes.len() {
            pieces.push(std::io::IoSlice::new(&self.bytes[at..]));
        }
        pieces
    }

    /// Empties it; a large buffer is given back.
    pub fn clear(&mut self) {
        self.shared.clear();
        self.bytes.clear();
        if self.bytes.capacity() > KEPT_BYTES_MAX {
            self.bytes = Vec::new();
        }
    }
}

/// Empties a vector and lends its memory to values of another life.
pub(crate) fn recycle<A, B>(mut vector: Vec<A>) -> Vec<B> {
    vector.clear();
    // The standard library collects in place where the layouts are equal: the memory stays.
    vector.into_iter().map(|_| unreachable!("the vector was cleared")).collect()
}
