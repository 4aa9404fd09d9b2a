//! Records are taken away by request.

use super::machine::{Stream, everything};
use crate::store::context::Context;
use crate::store::frames::RecordsRemoved;
use stele_model::{Error, Filter, Offset, PartitionIndex};

/// Which records to purge.
pub(crate) struct PurgeOrder<'o> {
    pub partition: Option<PartitionIndex>,
    pub filter: Option<&'o Filter>,
    pub below: Option<Offset>,
    pub keep: Option<u64>,
    pub by_client: bool,
}

impl Stream {
    /// Purges; how many records went.
    ///
    /// # Errors
    /// `NotAllowed` where the stream forbids it; the journal's.
    pub(crate) fn purge(&mut self, context: &mut Context, order: &PurgeOrder<'_>) -> Result<u64, Error> {
        // A sealed stream permits neither, and says so first.
        if self.spec.sealed {
            return Err(Error::NotAllowed("the stream is sealed"));
        }
        if order.by_client && self.spec.deny_purge {
            return Err(Error::NotAllowed("purge is not permitted"));
        }
        if let Some(partition) = order.partition {
            self.partition(partition)?;
        }
        let chosen: Vec<usize> = match order.partition {
            Some(partition) => vec![partition as usize],
            None => (0..self.partitions.len()).collect(),
        };
        for at in &chosen {
            self.partition(*at as PartitionIndex)?;
        }
        let mut purged = 0;
        for at in chosen {
            let (offsets, log_start) = self.purge_list(at, order);
            purged += offsets.len() as u64;
            self.take_away(context, at, &offsets, log_start)?;
        }
        Ok(purged)
    }

    /// Removes one record.
    ///
    /// # Errors
    /// `RecordNotFound`, `NotAllowed`; the journal's.
    pub(crate) fn delete_record(
        &mut self,
        context: &mut Context,
        partition: PartitionIndex,
        offset: Offset,
    ) -> Result<(), Error> {
        if self.spec.sealed {
            return Err(Error::NotAllowed("the stream is sealed"));
        }
        if self.spec.deny_delete {
            return Err(Error::NotAllowed("message delete not permitted"));
        }
        if !self.partition(partition)?.table.is_live(offset) {
            return Err(Error::RecordNotFound);
        }
        self.take_away(context, partition as usize, &[offset], None)
    }

    /// Writes a removal, then applies it.
    pub(crate) fn take_away(
        &mut self,
        context: &mut Context,
        at: usize,
        offsets: &[Offset],
        log_start: Option<Offset>,
    ) -> Result<(), Error> {
        let log_start = log_start.filter(|start| *start > self.partitions[at].table.start());
        if offsets.is_empty() && log_start.is_none() {
            return Ok(());
        }
        let removed = RecordsRemoved::new(self.number, at as PartitionIndex, log_start, offsets);
        if !self.is_volatile() {
            let frame = context.delta(&removed);
            self.write(context, vec![frame])?;
        }
        self.apply_removed(&removed);
        Ok(())
    }

    /// Which records of a partition an order means, and where its log starts afterwards.
    fn purge_list(&self, at: usize, order: &PurgeOrder<'_>) -> (Vec<Offset>, Option<Offset>) {
        let partition = &self.partitions[at];
        let below = order.below.unwrap_or(u64::MAX).min(partition.table.end());
        let all = everything();
        let filter = order.filter.unwrap_or(&all);
        let filters = std::slice::from_ref(filter);
        let mut offsets = Vec::new();
        let mut from = partition.table.start();
        while let Some(offset) = partition.next(filters, from, below) {
            offsets.push(offset);
            from = offset + 1;
        }
        if let Some(keep) = order.keep {
            offsets.truncate(offsets.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX)));
        }
        if filter.as_bytes() != b">" {
            return (offsets, None);
        }
        let start = match order.keep {
            None | Some(0) => Some(below),
            Some(_) => offsets.last().map(|last| last + 1),
        };
        (offsets, start)
    }
}
