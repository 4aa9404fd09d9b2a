//! Publishes that count once (MQTT QoS 2): a message and the claim on its packet id are durable together or not at all.
//!
//! ```text
//!  known? ─ whole ─→ answered as what it is: stored
//!     └─ nothing, or a part ─→ hold the journal ─→ the rest into streams and queues ─→ the claim ─→ let go
//! ```
//!
//! The streams and the session may live in different shards. Nothing else is atomic across shards; this is, because all
//! shards write to one lane and a group of its frames is recovered whole or not at all. What some stream refuses is
//! claimed in part, so that the client's repetition reaches those that refused it, and nobody twice.

use super::sessions::Known;
use super::store::SESSIONS_SHARD;
use super::{Caller, Store};
use crate::journal::{Journal, Lsn};
use serde::{Deserialize, Serialize};
use std::sync::MutexGuard;
use stele_model::{Claim, Error, Now, StreamName};

/// Who keeps a message of a publish that counts once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keeper {
    /// Which message of the publish: the first is the publish itself, others are what it puts elsewhere.
    pub message: u8,
    /// A stream; `None`: the queues of stored sessions.
    pub stream: Option<StreamName>,
}

/// What an attempt to store a publish came to.
#[derive(Debug, Default)]
pub struct Attempt {
    /// What it depends on.
    pub lsn: Lsn,
    /// Who keeps it now.
    pub kept: Vec<Keeper>,
    /// Why somebody does not.
    pub refused: Option<Error>,
}

/// What became of a publish that counts once.
#[derive(Debug)]
pub struct Once {
    /// What the answer depends on.
    pub lsn: Lsn,
    /// It, or some of it, was stored by an earlier attempt.
    pub repeated: bool,
    /// It, or some of it, is stored.
    pub kept: bool,
    /// Why it is not stored everywhere.
    pub refused: Option<Error>,
}

impl Store {
    /// Stores a publish under a claim. `store` is called at most once, with those who have it already, and stores it with
    /// the others; `room` is what the names of all who may keep it take (bytes).
    pub fn once(
        &self,
        now: Now,
        caller: &Caller,
        claim: &Claim<'_>,
        room: u64,
        store: &mut dyn FnMut(&[Keeper]) -> Attempt,
    ) -> Once {
        let _turn = self.claims();
        let refuse = |error, repeated| Once { lsn: Lsn(0), repeated, kept: repeated, refused: Some(error) };
        let known = self.enter(SESSIONS_SHARD, |shard| shard.sessions.known(&shard.context, caller, claim));
        let before = match known {
            Err(error) => return refuse(error, false),
            Ok(Known::Whole(lsn)) => return Once { lsn, repeated: true, kept: true, refused: None },
            Ok(Known::Partly(before)) => before,
        };
        let repeated = !before.is_empty();
        let names: usize = before.iter().map(Keeper::bytes).sum();
        let room = room + (names + claim.client.len()) as u64 + CLAIM_BYTES;
        // A jump of the clock is written before, not among, what belongs together.
        self.enter(SESSIONS_SHARD, |shard| shard.context.time(now));
        let held = match Held::begin(self.journal(), room) {
            Ok(held) => held,
            Err(error) => return refuse(error, repeated),
        };
        let mut attempt = store(&before);
        let claimed = self
            .enter(SESSIONS_SHARD, |shard| shard.sessions.claim(&mut shard.context, claim, before, &attempt));
        drop(held);
        match claimed {
            Ok(lsn) => attempt.lsn = attempt.lsn.max(lsn),
            Err(error) => return refuse(error, repeated),
        }
        let Attempt { lsn, kept, refused } = attempt;
        Once { lsn, repeated, kept: repeated || !kept.is_empty(), refused }
    }

    /// One at a time: who stores under a claim, who takes a session over, who ends one.
    pub(super) fn claims(&self) -> MutexGuard<'_, ()> {
        self.claims.lock().expect("no panic holds the lock")
    }
}

impl Keeper {
    /// At most so many bytes are stored of it.
    pub(crate) fn bytes(&self) -> usize {
        KEEPER_BYTES + self.stream.as_ref().map_or(0, |stream| stream.as_str().len())
    }
}

/// The journal is held as long as this lives.
struct Held<'j>(&'j dyn Journal);

impl<'j> Held<'j> {
    fn begin(journal: &'j dyn Journal, bytes: u64) -> Result<Self, Error> {
        journal.hold(bytes)?;
        Ok(Self(journal))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

/// A keeper without its name: numbers and lengths.
const KEEPER_BYTES: usize = 8;

/// A claim without names: kind, lengths, packet id.
const CLAIM_BYTES: u64 = 32;
