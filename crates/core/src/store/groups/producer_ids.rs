//! Producer ids: each is given out once, for ever.

use crate::store::context::Context;
use crate::store::frames::ProducerIdsReserved;
use stele_model::Error;

/// Ids reserved by one frame; those of a block that a restart leaves unused are lost.
const BLOCK: i64 = 1000;

#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    next: i64,
    reserved: i64,
}

impl ProducerIds {
    /// A fresh id; it may be told when the journal is durable up to now.
    ///
    /// # Errors
    /// The journal's.
    pub(super) fn take(&mut self, context: &mut Context) -> Result<i64, Error> {
        if self.next == self.reserved {
            let until = self.reserved.checked_add(BLOCK).ok_or(Error::Internal("producer ids ran out"))?;
            let frame = context.delta(&ProducerIdsReserved { until });
            context.append(&[frame])?;
            self.reserved = until;
        }
        self.next += 1;
        Ok(self.next - 1)
    }

    /// Ids below may have been given out.
    pub(super) fn reserved(&self) -> i64 {
        self.reserved
    }

    pub(super) fn apply(&mut self, reserved: &ProducerIdsReserved) {
        self.reserved = self.reserved.max(reserved.until);
        self.next = self.reserved;
    }
}
