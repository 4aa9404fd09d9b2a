//! Numbers that only rise: last values, floors, committed offsets.

use super::{Check, Ledger};
use std::collections::BTreeMap;

/// One number by name.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// The newest that was sent.
    sent: u64,
    /// At least this is durable: acknowledged, or shown to a reader.
    durable: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Marks(BTreeMap<String, Mark>);

impl Ledger {
    /// A new value is on its way.
    pub(crate) fn mark_sent(&mut self, name: &str, value: u64) {
        let mark = self.marks.0.entry(name.to_owned()).or_default();
        mark.sent = mark.sent.max(value);
    }

    /// The value, or a later one, is durable.
    pub(crate) fn mark_durable(&mut self, name: &str, value: u64) {
        let mark = self.marks.0.entry(name.to_owned()).or_default();
        mark.durable = mark.durable.max(value);
    }

    /// What a reader that asks now must be shown at least.
    pub(crate) fn mark_floor(&self, name: &str) -> u64 {
        self.marks.0.get(name).map_or(0, |mark| mark.durable)
    }

    /// A reader that asked when `floor` held was shown `value`, 0 for none.
    pub(crate) fn mark_shown(&mut self, check: Check, name: &str, floor: u64, value: u64) {
        let sent = self.marks.0.get(name).map_or(0, |mark| mark.sent);
        self.expect(value >= floor, check, || format!("{name} is {value}, and {floor} was durable"));
        self.expect(value <= sent, check, || format!("{name} is {value}, and {sent} is the newest sent"));
        self.mark_durable(name, value);
    }
}
