//! Stored sessions. Not built yet: every command is refused.
//!
//! The machine plugs in here: [`Sessions`] is part of a shard's state, [`Sessions::apply`] gets the deltas of kinds 96
//! to 127 at replay, [`Sessions::request`] decides commands, writes frames through the context and answers.

use super::context::Context;
use super::{Answer, Caller};
use stele_model::{Error, Now, Outcome, SessionCommand};

/// The stored sessions of a shard.
#[derive(Debug)]
pub(crate) struct Sessions;

impl Sessions {
    /// Decides a command.
    pub(crate) fn request(
        &mut self,
        context: &mut Context,
        now: Now,
        caller: &Caller,
        command: SessionCommand,
    ) -> Answer {
        let _ = (now, caller, command);
        Answer::Ready {
            lsn: context.lsn,
            outcome: Outcome::Failed(Error::NotAllowed("sessions are not offered")),
        }
    }

    /// A delta is replayed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn apply(&mut self, kind: u8, body: &[u8]) -> Result<(), &'static str> {
        let _ = (kind, body);
        Err("a delta of sessions, which this version does not know")
    }
}
