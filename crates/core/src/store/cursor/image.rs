//! The cursors of a stream in an image. Those in memory only are left out: no frame tells of them.

use super::pending::Held;
use super::{Cursor, Cursors};
use crate::store::frames::CursorPut;
use crate::store::image::{Reader, Unreadable, Writer};
use crate::store::stream::Stream;
use stele_model::{CursorSpec, Offset};

impl Cursors {
    /// Writes the cursors that the journal knows; of a memory stream only what they are.
    pub(crate) fn write_image(&self, out: &mut Writer, volatile: bool) {
        let known = || self.by_number.values().filter(|cursor| !cursor.spec.memory);
        out.u64(self.next);
        out.count(known().count());
        for cursor in known() {
            out.u64(cursor.number);
            out.u64(u64::from(cursor.partition));
            out.u64(cursor.created_ns);
            out.value(&*cursor.spec);
            out.u64(cursor.next);
            if !volatile {
                cursor.write_state(out);
            }
        }
    }

    /// Reads what [`Cursors::write_image`] wrote.
    pub(crate) fn read_image(image: &mut Reader<'_>, stream: &Stream) -> Result<Self, Unreadable> {
        let mut cursors = Self { next: image.u64()?, ..Self::default() };
        for _ in 0..image.count(4)? {
            let (cursor, partition, created_ns) = (image.u64()?, image.u32()?, image.u64()?);
            let spec: CursorSpec = image.value()?;
            let next = image.u64()?;
            let of = stream.partitions.get(partition as usize).ok_or(Unreadable)?;
            let known = cursors.by_number.contains_key(&cursor) || cursor >= cursors.next;
            if known || cursor == 0 || spec.memory || cursors.find(partition, &spec.name).is_some() {
                return Err(Unreadable);
            }
            let put = CursorPut { stream: stream.number, partition, cursor, created_ns, next, spec };
            let mut made = Cursor::new(&put, of, stream.is_volatile());
            if !stream.is_volatile() {
                made.read_state(image)?;
            }
            cursors.insert(made);
        }
        Ok(cursors)
    }
}

impl Cursor {
    fn write_state(&self, out: &mut Writer) {
        out.count(self.listed.len());
        self.listed.iter().for_each(|offset| out.u64(*offset));
        out.u64(self.delivered.0);
        out.u64(self.delivered.1);
        out.u64(self.delivered.2);
        out.u64(self.acknowledged_ns);
        out.count(self.pending.len());
        for (offset, held) in self.pending.iter() {
            out.u64(offset);
            out.u64(held.delivery);
            out.u64(held.count);
            out.u64(held.time_ns);
        }
    }

    fn read_state(&mut self, image: &mut Reader<'_>) -> Result<(), Unreadable> {
        self.listed.clear();
        for _ in 0..image.count(1)? {
            let offset: Offset = image.u64()?;
            if self.listed.back().is_some_and(|before| *before >= offset) {
                return Err(Unreadable);
            }
            self.listed.push_back(offset);
        }
        self.delivered = (image.u64()?, image.u64()?, image.u64()?);
        self.acknowledged_ns = image.u64()?;
        for _ in 0..image.count(4)? {
            let offset = image.u64()?;
            let (delivery, count, time_ns) = (image.u64()?, image.u64()?, image.u64()?);
            // As after a frame: the deadlines come when everything is replayed.
            self.pending.set(offset, Held { delivery, count, time_ns, due: Some(0) });
        }
        Ok(())
    }
}
