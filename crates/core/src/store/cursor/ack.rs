//! Acknowledgements, and what they set free.

use crate::store::context::Context;
use crate::store::stream::Stream;
use stele_model::{AckKind, AckPolicy, Now, Offset, Retention};

impl Stream {
    /// Takes an acknowledgement; unknown ones change nothing.
    pub(crate) fn ack(
        &mut self,
        context: &mut Context,
        now: Now,
        number: u64,
        offset: Offset,
        kind: &AckKind,
    ) {
        let Some(cursor) = self.cursors.get_mut(number) else { return };
        cursor.used_ns = now.monotonic_ns;
        let at = cursor.partition as usize;
        let mut settled = Vec::new();
        match kind {
            AckKind::Again(delay_ns) => {
                let due =
                    delay_ns.filter(|delay| *delay > 0).map(|delay| now.monotonic_ns.saturating_add(delay));
                cursor.pending.again(offset, due);
            }
            AckKind::Progress => {
                let Some(held) = cursor.pending.get(offset).copied() else { return };
                let due = Some(now.monotonic_ns.saturating_add(cursor.wait_ns(held.count)));
                cursor.pending.set(offset, super::pending::Held { due, time_ns: now.wall_ns, ..held });
                cursor.touched.insert(offset);
            }
            AckKind::Done | AckKind::Terminate(_) => {
                settled = match (cursor.spec.ack_policy, kind) {
                    (AckPolicy::None, _) => Vec::new(),
                    (AckPolicy::All, AckKind::Done) => cursor.pending.up_to(offset),
                    _ => vec![offset],
                };
                settled.retain(|offset| cursor.pending.remove(*offset).is_some());
                cursor.touched.extend(&settled);
                if !settled.is_empty() {
                    cursor.acknowledged_ns = now.wall_ns;
                }
            }
        }
        if matches!(kind, AckKind::Progress) || !settled.is_empty() {
            self.cursors.soil(number);
            context.ride(now, self.number);
        }
        if self.spec.retention != Retention::Limits {
            settled.into_iter().for_each(|offset| self.release(at, offset));
        }
        self.deliver(context, now, number);
    }

    /// A cursor is done with a record: where that keeps it no longer, it goes.
    pub(crate) fn release(&mut self, at: usize, offset: Offset) {
        if !self.partitions[at].table.is_live(offset) {
            return;
        }
        let kept = match self.spec.retention {
            Retention::Limits => true,
            Retention::WorkQueue => false,
            Retention::Interest => {
                self.cursors.need(at as u32, self.partitions[at].subject_of(offset), offset)
            }
        };
        if !kept {
            self.remove(at, offset);
            self.unwritten.entry(at as u32).or_default().insert(offset);
        }
    }

    /// A cursor went: records that only it kept go, too.
    pub(crate) fn release_all(&mut self, context: &mut Context, at: usize) {
        if self.spec.retention != Retention::Interest {
            return;
        }
        let partition = &self.partitions[at];
        let mut unwanted = Vec::new();
        let mut from = partition.table.start();
        while let Some(offset) = partition.table.next_live(from) {
            if !self.cursors.need(at as u32, partition.subject_of(offset), offset) {
                unwanted.push(offset);
            }
            from = offset + 1;
        }
        if let Err(error) = self.take_away(context, at, &unwanted, None) {
            tracing::error!(stream = %self.spec.name, %error, "records that nobody wants could not be removed");
        }
    }
}
