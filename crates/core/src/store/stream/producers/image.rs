//! Idempotent producers in an image.

use super::{Producer, Producers, WINDOW};
use crate::store::image::{Reader, Unreadable, Writer};
use std::collections::VecDeque;

impl Producers {
    /// Writes all, by id.
    pub(crate) fn write_image(&self, out: &mut Writer) {
        out.count(self.by_id.len());
        for (id, producer) in &self.by_id {
            out.i64(*id);
            out.i64(i64::from(producer.epoch));
            out.count(producer.batches.len());
            for (first, last, base) in &producer.batches {
                out.i64(i64::from(*first));
                out.i64(i64::from(*last));
                out.u64(*base);
            }
        }
    }

    /// Reads what [`Producers::write_image`] wrote.
    pub(crate) fn read_image(image: &mut Reader<'_>) -> Result<Self, Unreadable> {
        let mut producers = Self::default();
        for _ in 0..image.count(3)? {
            let id = image.i64()?;
            let epoch = i16::try_from(image.i64()?).map_err(|_| Unreadable)?;
            let mut batches = VecDeque::new();
            for _ in 0..image.count(3)? {
                let sequence = |value: i64| i32::try_from(value).map_err(|_| Unreadable);
                batches.push_back((sequence(image.i64()?)?, sequence(image.i64()?)?, image.u64()?));
            }
            let newest = batches.back().ok_or(Unreadable)?.2;
            let known = producers.by_use.insert(newest, id).is_some();
            if known || batches.len() > WINDOW {
                return Err(Unreadable);
            }
            if producers.by_id.insert(id, Producer { epoch, batches }).is_some() {
                return Err(Unreadable);
            }
        }
        Ok(producers)
    }
}
