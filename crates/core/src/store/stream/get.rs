//! Single records and lists of them, by offset, subject and time.

use super::machine::Stream;
use super::partition::Partition;
use crate::store::context::Context;
use bytes::Bytes;
use stele_model::{
    Error, Filter, ManySelector, Offset, PartitionIndex, RecordSelector, StoredRecord, StreamReply,
    SubjectCount,
};

/// Bytes that a record costs beside its parts.
const RECORD_COST: usize = 64;

impl Stream {
    /// One record.
    ///
    /// # Errors
    /// `RecordNotFound`, `PartitionNotFound`, the journal's.
    pub(crate) fn get(
        &self,
        context: &mut Context,
        partition: PartitionIndex,
        selector: &RecordSelector,
    ) -> Result<StoredRecord, Error> {
        let partition = self.partition(partition)?;
        let next = |filter: &Filter, from| partition.next(std::slice::from_ref(filter), from, u64::MAX);
        let offset = match selector {
            RecordSelector::At(offset) => Some(*offset),
            RecordSelector::Last(filter) => partition.last(filter),
            RecordSelector::Next { from, filter } => next(filter, *from),
            RecordSelector::Since { time_ns, filter } => {
                partition.batches.since(*time_ns).and_then(|from| next(filter, from))
            }
        };
        partition.record(context, offset.ok_or(Error::RecordNotFound)?)
    }

    /// Several records.
    ///
    /// # Errors
    /// `PartitionNotFound`, the journal's.
    pub(crate) fn get_many(
        &self,
        context: &mut Context,
        partition: PartitionIndex,
        selector: &ManySelector,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<StreamReply, Error> {
        let partition = self.partition(partition)?;
        let end = partition.table.end();
        let mut page = Page { records: Vec::new(), bytes: 0, count_max, bytes_max };
        let remaining = match selector {
            ManySelector::From { from, filter } => {
                let filters = std::slice::from_ref(filter);
                let mut at = *from;
                while let Some(offset) = partition.next(filters, at, end) {
                    if !page.add(partition, context, offset)? {
                        break;
                    }
                    at = offset + 1;
                }
                partition.count(filters, at, end)
            }
            ManySelector::LastPerSubject { filters, up_to, after } => {
                let before = up_to.map_or(end, |up_to| up_to.saturating_add(1));
                let from = after.map_or(0, |after| after.saturating_add(1));
                let mut offsets = partition.last_per_subject(filters, before);
                offsets.retain(|offset| *offset >= from);
                let mut taken = 0;
                for offset in &offsets {
                    if !page.add(partition, context, *offset)? {
                        break;
                    }
                    taken += 1;
                }
                (offsets.len() - taken) as u64
            }
        };
        Ok(StreamReply::Records { records: page.records, remaining, end })
    }

    /// Subjects with their counts, over all partitions or one.
    pub(crate) fn subjects(
        &self,
        view: Option<PartitionIndex>,
        filter: &Filter,
        after: Option<&[u8]>,
        count_max: usize,
    ) -> Vec<SubjectCount> {
        let mut counts: std::collections::BTreeMap<&[u8], u64> = std::collections::BTreeMap::new();
        let chosen = self.partitions.iter().enumerate();
        for (_, partition) in chosen.filter(|(at, _)| view.is_none_or(|view| view as usize == *at)) {
            match &partition.subjects {
                Some(subjects) => {
                    for (name, posting) in subjects.matching(filter, after).take(count_max) {
                        *counts.entry(name).or_default() += posting.len() as u64;
                    }
                }
                None if partition.table.live() > 0
                    && filter.matches(&partition.subject)
                    && after.is_none_or(|after| &partition.subject[..] > after) =>
                {
                    *counts.entry(&partition.subject).or_default() += partition.table.live();
                }
                None => {}
            }
        }
        let counts = counts.into_iter().take(count_max);
        counts.map(|(name, count)| SubjectCount { subject: Bytes::copy_from_slice(name), count }).collect()
    }
}

struct Page {
    records: Vec<StoredRecord>,
    bytes: usize,
    count_max: usize,
    bytes_max: usize,
}

impl Page {
    /// Adds a record; false where the page is full.
    fn add(&mut self, partition: &Partition, context: &mut Context, offset: Offset) -> Result<bool, Error> {
        if self.records.len() >= self.count_max {
            return Ok(false);
        }
        let record = partition.record(context, offset)?;
        let value = record.value.as_ref().map_or(0, Bytes::len);
        let cost = record.subject.len() + record.headers_raw.len() + value + RECORD_COST;
        if !self.records.is_empty() && self.bytes + cost > self.bytes_max {
            return Ok(false);
        }
        self.bytes += cost;
        self.records.push(record);
        Ok(true)
    }
}
