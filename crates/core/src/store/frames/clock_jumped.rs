//! The wall clock jumped forward while the process ran: ages of older records do not count the jump.

use super::Delta;
use serde::{Deserialize, Serialize};

/// Kind 128.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClockJumped {
    /// The wall time after the jump (ns).
    pub at_ns: u64,
    /// By how much (ns).
    pub by_ns: u64,
}

impl Delta for ClockJumped {
    const KIND: u8 = 128;
}

#[test]
fn golden() {
    super::check_golden(&ClockJumped { at_ns: 300, by_ns: 7 }, "80ac0207");
}
