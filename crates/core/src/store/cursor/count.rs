//! How many matching records a cursor has not delivered yet: exact, and cheap to keep.

use super::machine::Cursor;
use crate::store::stream::Partition;
use stele_model::Offset;

impl Cursor {
    /// Visible, matching, not delivered.
    pub(crate) fn count_pending(&mut self, partition: &Partition) -> u64 {
        let visible = partition.visible();
        let listed = self.listed.len() as u64;
        if self.spec.filters.is_empty() || partition.subjects.is_none() {
            return listed + partition.count(&self.spec.filters, self.next, visible);
        }
        let count = match self.counted {
            Some((to, count)) if to >= self.next => {
                count + if visible > to { partition.count(&self.spec.filters, to, visible) } else { 0 }
            }
            _ => partition.count(&self.spec.filters, self.next, visible),
        };
        self.counted = Some((visible.max(self.next), count));
        listed + count
    }

    /// A matching record at `offset` was delivered for the first time, in order.
    pub(crate) fn passed(&mut self, offset: Offset) {
        self.next = offset + 1;
        self.counted = match self.counted {
            Some((to, count)) if offset < to => Some((to, count.saturating_sub(1))),
            _ => None,
        };
    }
}
