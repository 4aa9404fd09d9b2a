//! Groups that share partitions. Not built yet: every command is refused.
//!
//! The machine plugs in here: [`Groups`] is part of a shard's state, [`Groups::apply`] gets the deltas of kinds 64 to
//! 95 at replay, [`Groups::request`] decides commands, writes frames through the context and answers.

use super::context::Context;
use super::{Answer, Caller};
use stele_model::{Error, GroupCommand, Now, Outcome};

/// The groups of a shard.
#[derive(Debug)]
pub(crate) struct Groups;

impl Groups {
    /// Decides a command.
    pub(crate) fn request(
        &mut self,
        context: &mut Context,
        now: Now,
        caller: &Caller,
        command: GroupCommand,
    ) -> Answer {
        let _ = (now, caller, command);
        Answer::Ready {
            lsn: context.lsn,
            outcome: Outcome::Failed(Error::NotAllowed("groups are not offered")),
        }
    }

    /// A delta is replayed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn apply(&mut self, kind: u8, body: &[u8]) -> Result<(), &'static str> {
        let _ = (kind, body);
        Err("a delta of groups, which this version does not know")
    }
}
