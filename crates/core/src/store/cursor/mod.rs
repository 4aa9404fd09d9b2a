//! stub
use super::context::Context;
use super::frames::{CursorMoved, CursorPut};
use super::stream::{Partition, Stream};
use crate::journal::JournalFrame;
use stele_model::{ConnectionId, Now, Offset, PartitionIndex, Ticket};
#[derive(Default)]
pub(crate) struct Cursors;
impl Cursors {
    pub(crate) fn count(&self, _: PartitionIndex) -> u64 {
        0
    }
    pub(crate) fn is_dirty(&self) -> bool {
        false
    }
    pub(crate) fn frames(&self, _: &Context, _: u64) -> Vec<JournalFrame> {
        vec![]
    }
    pub(crate) fn clean(&mut self) {}
    pub(crate) fn removed(&mut self, _: PartitionIndex, _: &Partition, _: Offset) {}
    pub(crate) fn interest(&self, _: PartitionIndex, _: &[u8]) -> bool {
        true
    }
    pub(crate) fn forget(&mut self, _: u64) {}
    pub(crate) fn apply_moved(&mut self, _: &CursorMoved) {}
}
impl Stream {
    pub(crate) fn apply_cursor_put(&mut self, _: &CursorPut) {}
    pub(crate) fn close(&mut self, _: &mut Context) {}
    pub(crate) fn deliver_all(&mut self, _: &mut Context, _: Now, _: PartitionIndex) {}
    pub(crate) fn deliver_everywhere(&mut self, _: &mut Context, _: Now) {}
    pub(crate) fn wake_cursor(&mut self, _: &mut Context, _: Now, _: u64) {}
    pub(crate) fn opened(&mut self, context: &mut Context, now: Now) {
        self.partitions.iter_mut().for_each(Partition::show_all);
        self.arm(context, now);
    }
}
impl super::shard::Shard {
    pub(crate) fn cancel_pulls(&mut self, _: ConnectionId, _: Option<Ticket>) {}
}
