//! The batches of a partition in an image: those with records, each by its distance from the one before.

use super::{Batches, Entry};
use crate::store::image::{Reader, Unreadable, Writer};

/// Bytes that an entry takes at least.
const ENTRY_BYTES_MIN: usize = 10;

impl Batches {
    /// Writes the batches that have records.
    pub(crate) fn write_image(&self, out: &mut Writer) {
        out.count(self.from(0).count());
        let mut before = Entry::default();
        for entry in self.from(0) {
            out.u64(entry.base - before.end());
            out.u64(u64::from(entry.count));
            out.u64(u64::from(entry.count - entry.live));
            out.u64(u64::from(entry.length));
            out.u64(u64::from(entry.frame - entry.length));
            out.step(before.position, entry.position);
            out.step(before.time_ns, entry.time_ns);
            out.i64(entry.time_max_ms.wrapping_sub(before.time_max_ms));
            out.u64(entry.size);
            out.flag(entry.produced);
            before = *entry;
        }
    }

    /// Reads what [`Batches::write_image`] wrote: batches that end at or below `end` and have `live` records.
    pub(crate) fn read_image(image: &mut Reader<'_>, end: u64, live: u64) -> Result<Self, Unreadable> {
        let mut batches = Self::default();
        let mut before = Entry::default();
        let mut found = 0;
        for _ in 0..image.count(ENTRY_BYTES_MIN)? {
            let base = image.rising(before.end())?;
            let (count, gone, length) = (image.u32()?, image.u32()?, image.u32()?);
            let entry = Entry {
                base,
                count,
                live: count.checked_sub(gone).filter(|live| *live > 0).ok_or(Unreadable)?,
                length,
                frame: length.checked_add(image.u32()?).ok_or(Unreadable)?,
                position: image.step(before.position)?,
                time_ns: image.step(before.time_ns)?,
                time_max_ms: before.time_max_ms.wrapping_add(image.i64()?),
                size: image.u64()?,
                produced: image.flag()?,
            };
            if base.checked_add(u64::from(count)).is_none_or(|next| next > end) {
                return Err(Unreadable);
            }
            found += u64::from(entry.live);
            batches.push(entry);
            before = entry;
        }
        if found == live { Ok(batches) } else { Err(Unreadable) }
    }
}
