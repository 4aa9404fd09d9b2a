//! A partition in an image.

use super::Partition;
use crate::store::image::{Reader, Unreadable, Writer};
use crate::store::stream::batches::Batches;
use crate::store::stream::producers::Producers;
use crate::store::stream::subjects::Subjects;
use crate::store::stream::table::Table;
use bytes::Bytes;
use stele_model::Offset;

impl Partition {
    /// Writes what frames decided; never of a memory stream, whose frames decide nothing here.
    pub(crate) fn write_image(&self, out: &mut Writer) {
        out.bytes(&self.subject);
        out.u64(self.size);
        out.u64(self.last_time_ns);
        out.flag(self.subjects.is_some());
        match &self.subjects {
            Some(subjects) => {
                let ranks = subjects.write_image(out);
                self.table.write_image(out, |number| ranks.get(number as usize).copied().unwrap_or(0));
            }
            None => self.table.write_image(out, |_| 0),
        }
        self.batches.write_image(out);
        let live = |offset: &Offset| self.table.is_live(*offset);
        let expiries = || self.expiries.iter().filter(|(_, offset)| live(offset));
        out.count(expiries().count());
        for (time, offset) in expiries() {
            out.u64(*time);
            out.u64(*offset);
        }
        out.count(self.never.iter().filter(|offset| live(offset)).count());
        self.never.iter().filter(|offset| live(offset)).for_each(|offset| out.u64(*offset));
        self.producers.write_image(out);
    }

    /// Puts the state that [`Partition::write_image`] wrote into a fresh partition.
    pub(crate) fn read_image(&mut self, image: &mut Reader<'_>) -> Result<(), Unreadable> {
        self.subject = Bytes::copy_from_slice(image.bytes()?);
        self.size = image.u64()?;
        self.last_time_ns = image.u64()?;
        if image.flag()? {
            let mut names = Subjects::read_names(image)?;
            self.table = Table::read_image(image, |offset, row| {
                let (_, offsets) = names.get_mut(row.subject as usize).ok_or(Unreadable)?;
                offsets.push(offset);
                Ok(())
            })?;
            if !self.table.has_rows() {
                return Err(Unreadable);
            }
            self.subjects = Some(Subjects::restored(names)?);
        } else {
            self.table = Table::read_image(image, |_, _| Ok(()))?;
            self.subjects = None;
        }
        self.batches = Batches::read_image(image, self.table.end(), self.table.live())?;
        for _ in 0..image.count(2)? {
            let entry = (image.u64()?, image.u64()?);
            self.expiries.insert(entry);
        }
        for _ in 0..image.count(1)? {
            self.never.insert(image.u64()?);
        }
        self.producers = Producers::read_image(image)?;
        self.show_all();
        Ok(())
    }
}
