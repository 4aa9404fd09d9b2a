//! Idempotent producers of a partition: their epoch and their last five batches.
//!
//! A function of the batches: a batch's header names its producer, epoch and sequences.

mod image;

use std::collections::{BTreeMap, VecDeque};
use stele_model::batch::BatchHeader;
use stele_model::{Error, Offset};

/// Batches remembered per producer, as Kafka does it.
const WINDOW: usize = 5;

/// The producers of a partition.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Producers {
    by_id: BTreeMap<i64, Producer>,
    /// By last use, oldest first.
    by_use: BTreeMap<Offset, i64>,
}

#[derive(Clone, Debug, PartialEq)]
struct Producer {
    epoch: i16,
    /// First and last sequence, base offset; oldest first.
    batches: VecDeque<(i32, i32, Offset)>,
}

impl Producers {
    /// May this batch be appended? `Some`: it was, there.
    ///
    /// # Errors
    /// `ProducerFenced` for an older epoch, `OutOfOrderSequence` for a gap.
    pub(crate) fn check(&self, header: &BatchHeader) -> Result<Option<Offset>, Error> {
        if header.producer_id < 0 {
            return Ok(None);
        }
        let Some(producer) = self.by_id.get(&header.producer_id) else { return Ok(None) };
        if header.producer_epoch < producer.epoch {
            return Err(Error::ProducerFenced);
        }
        if header.producer_epoch > producer.epoch {
            return if header.base_sequence == 0 { Ok(None) } else { Err(Error::OutOfOrderSequence) };
        }
        let (first, last) = (header.base_sequence, last_sequence(header));
        if let Some(known) = producer.batches.iter().find(|known| (known.0, known.1) == (first, last)) {
            return Ok(Some(known.2));
        }
        match producer.batches.back() {
            Some((_, newest, _)) if next_sequence(*newest) != first => Err(Error::OutOfOrderSequence),
            _ => Ok(None),
        }
    }

    /// The batch was appended.
    pub(crate) fn note(&mut self, header: &BatchHeader, producers_max: usize) {
        if header.producer_id < 0 {
            return;
        }
        let base = header.base_offset as u64;
        let fresh = Producer { epoch: header.producer_epoch, batches: VecDeque::new() };
        let producer = self.by_id.entry(header.producer_id).or_insert(fresh);
        if let Some((.., before)) = producer.batches.back() {
            self.by_use.remove(before);
        }
        if producer.epoch != header.producer_epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        producer.batches.push_back((header.base_sequence, last_sequence(header), base));
        if producer.batches.len() > WINDOW {
            producer.batches.pop_front();
        }
        self.by_use.insert(base, header.producer_id);
        while self.by_id.len() > producers_max.max(1) {
            let Some((_, id)) = self.by_use.pop_first() else { break };
            self.by_id.remove(&id);
        }
    }
}

fn last_sequence(header: &BatchHeader) -> i32 {
    add(header.base_sequence, header.last_offset_delta)
}

fn next_sequence(sequence: i32) -> i32 {
    add(sequence, 1)
}

/// Sequences begin again at 0 after `i32::MAX`.
fn add(sequence: i32, count: i32) -> i32 {
    ((i64::from(sequence) + i64::from(count)) & i64::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use stele_model::batch::{Batch, BatchBuilder, Producer as Writer};

    fn header(epoch: i16, base_sequence: i32, count: usize, base_offset: i64) -> BatchHeader {
        let mut out = Vec::new();
        let mut builder =
            BatchBuilder::new(&mut out, base_offset).producer(Writer { id: 7, epoch, base_sequence });
        for _ in 0..count {
            builder.push(0, None, None, []).expect("it fits");
        }
        builder.finish();
        *Batch::parse(&out).expect("it is whole").header()
    }

    #[test]
    fn answers_as_the_table_says() {
        let mut producers = Producers::default();
        // An unknown producer may begin anywhere.
        assert_eq!(producers.check(&header(1, 40, 2, 0)), Ok(None));
        for number in 0..6 {
            let next = header(1, 40 + number * 2, 2, i64::from(number) * 2);
            assert_eq!(producers.check(&next), Ok(None), "{number}");
            producers.note(&next, 10);
        }
        for (epoch, sequence, count, expected) in [
            (1, 52, 1, Ok(None)),
            (1, 50, 2, Ok(Some(10))),
            (1, 42, 2, Ok(Some(2))),
            (1, 40, 2, Err(Error::OutOfOrderSequence)),
            (1, 53, 1, Err(Error::OutOfOrderSequence)),
            (1, 50, 1, Err(Error::OutOfOrderSequence)),
            (0, 52, 1, Err(Error::ProducerFenced)),
            (2, 0, 1, Ok(None)),
            (2, 1, 1, Err(Error::OutOfOrderSequence)),
        ] {
            assert_eq!(producers.check(&header(epoch, sequence, count, 12)), expected, "{epoch} {sequence}");
        }
    }

    #[test]
    fn sequences_wrap_and_old_producers_go() {
        let mut producers = Producers::default();
        producers.note(&header(0, i32::MAX, 1, 0), 1);
        assert_eq!(producers.check(&header(0, 0, 1, 1)), Ok(None));
        let mut other = header(0, 0, 1, 1);
        other.producer_id = 8;
        producers.note(&other, 1);
        assert_eq!(producers.by_id.keys().copied().collect::<Vec<_>>(), [8]);
    }
}
