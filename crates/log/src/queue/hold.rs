//! Holding the open group until all of it is in.

use super::{COMMIT_BYTES_MAX, Held, Phase, Queue, wake_if};
use crate::SubmitError;
use crate::group::commit_record_bytes;
use crate::lane::{Class, FRAME_HEADER_BYTES, Frame, Placed};

impl Queue {
    /// As `submit`, out of what the hold reserved.
    pub(crate) fn submit_held(&self, frames: &[Frame]) -> Result<Placed, SubmitError> {
        self.place(frames, |state, charge| {
            if let Some(held) = &mut state.held
                && held.reserved >= charge
            {
                held.reserved -= charge;
                state.bytes -= charge;
                return Ok(());
            }
            state.admit(charge, Class::Essential, self.bytes_max)
        })
    }

    /// Keeps the open group from being taken until [`Queue::let_go`].
    pub(crate) fn hold(&self, bytes: u64) -> Result<(), SubmitError> {
        let mut state = self.state();
        if let Phase::Stopped(reason) = state.phase {
            return Err(SubmitError::Stopped(reason));
        }
        if state.held.is_some() {
            return Err(SubmitError::Busy);
        }
        // The frame's own header, and the one commit record that it may be alone in.
        let reserved = bytes + u64::from(FRAME_HEADER_BYTES) + commit_record_bytes(1);
        state.admit(reserved, Class::Essential, self.bytes_max)?;
        state.bytes += reserved;
        if state.open.as_ref().is_some_and(|group| group.bytes > COMMIT_BYTES_MAX / 2) {
            state.close_group();
        }
        state.held = Some(Held { reserved, wanted: false });
        Ok(())
    }

    /// The open group may be taken.
    pub(crate) fn let_go(&self) {
        let mut state = self.state();
        let Some(held) = state.held.take() else { return };
        state.bytes -= held.reserved;
        if held.wanted {
            // It waits no longer, even where the next hold comes at once.
            state.close_group();
        }
        // A log start may wait as well.
        let wanted = state.flights == 0 || state.is_ready();
        wake_if(wanted, state);
    }
}
