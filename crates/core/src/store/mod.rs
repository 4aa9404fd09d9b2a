//! Everything durable: streams, cursors, groups, stored sessions, as state machines over the journal's frames.
//!
//! The live side calls [`Store::capture`] for messages that streams capture and [`Store::request`] for everything
//! else; the host calls [`Store::settle`] after each commit and [`Store::wake`] at deadlines.

mod checkpoint;
mod clock;
mod context;
mod cursor;
mod cursors;
mod directory;
mod faults;
mod frames;
mod groups;
mod image;
mod machine;
mod once;
mod opening;
mod outbox;
mod reads;
mod relay;
mod sessions;
mod settings;
mod shard;
#[allow(clippy::module_inception, reason = "the object that the module is named after")]
mod store;
mod stream;
mod streams;
#[cfg(test)]
pub(crate) mod tests;

pub use checkpoint::{CheckpointError, Checkpoints, Draft, read_any_image};
pub use faults::{Damaged, Fault};
pub use groups::GroupSettings;
pub use once::{Attempt, Keeper, Once};
pub use opening::Opening;
pub use settings::Settings;
pub use store::Store;

use crate::Link;
use crate::journal::Lsn;
use std::sync::Arc;
use stele_model::{Conditions, Error, Filter, Message, Offset, Outcome, StreamName, Ticket};

/// A message on its way into a stream.
#[derive(Clone, Copy, Debug)]
pub struct Capture<'m> {
    /// As published.
    pub message: Message<'m>,
    /// What must hold, and what storing it does.
    pub conditions: Option<&'m Conditions<'m>>,
}

/// Where a captured message was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its offset; of the original for a duplicate.
    pub offset: Offset,
    /// It was there already.
    pub duplicate: bool,
}

/// Who asks, for answers that come later.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The connection.
    pub link: Arc<Link>,
    /// Its request.
    pub ticket: Ticket,
}

/// What a request came to.
#[derive(Debug)]
pub enum Answer {
    /// It may be told when the journal is durable up to `lsn`.
    Ready {
        /// What it depends on.
        lsn: Lsn,
        /// The answer.
        outcome: Outcome,
    },
    /// The answer, or several, will come through the caller's link.
    Waiting,
    /// Nothing is answered.
    Silent,
}

/// Who must know which subjects are captured: the live router.
pub trait Captures: Send + Sync {
    /// The stream captures exactly these filters from now on; none: it is gone.
    fn set(&self, stream: &StreamName, filters: &[Filter], acknowledges: bool);

    /// Stored sessions want messages of quality ≥ 1 on exactly these filters from now on.
    fn set_sessions(&self, filters: &[Filter]);

    /// Does a live receiver or a stored session want messages on this subject? Asked under a shard's lock, for every
    /// subject of produced records.
    fn wants(&self, subject: &[u8]) -> bool {
        let _ = subject;
        false
    }
}

/// Why a store could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A frame that the lane vouches for cannot be read.
    #[error("frame at {position} cannot be decoded: {reason}")]
    Frame {
        /// Where it starts.
        position: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// The core's own error.
    #[error(transparent)]
    Core(#[from] Error),
}
