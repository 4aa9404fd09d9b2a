//! Remembered message ids in an image: their hashes, which are therefore the same in every release.

use super::{Dedup, IdHash, Window};
use crate::store::image::{Reader, Unreadable, Writer};

/// Bytes that an id takes at least.
const ID_BYTES_MIN: usize = 16 + 3;

impl Dedup {
    /// Writes the ids that the window still holds, by time.
    pub(crate) fn write_image(&self, out: &mut Writer, window: &Window<'_>) {
        let counts = |time: u64, id: &IdHash| {
            window.holds(time) && self.known.get(id).is_some_and(|known| known.2 == time)
        };
        out.count(self.order.iter().filter(|(time, id)| counts(*time, id)).count());
        let mut before = 0;
        for (time, id) in self.order.iter().filter(|(time, id)| counts(*time, id)) {
            let Some((partition, offset, _)) = self.known.get(id) else { continue };
            out.raw(&id.to_be_bytes());
            out.u64(time - before);
            out.u64(u64::from(*partition));
            out.u64(*offset);
            before = *time;
        }
    }

    /// Reads what [`Dedup::write_image`] wrote.
    pub(crate) fn read_image(image: &mut Reader<'_>) -> Result<Self, Unreadable> {
        let mut dedup = Self::default();
        let mut time = 0;
        for _ in 0..image.count(ID_BYTES_MIN)? {
            let id = image.raw(16)?.iter().fold(0, |id: IdHash, byte| id << 8 | IdHash::from(*byte));
            time = image.rising(time)?;
            let (partition, offset) = (image.u32()?, image.u64()?);
            dedup.known.insert(id, (partition, offset, time));
            dedup.order.push_back((time, id));
        }
        Ok(dedup)
    }
}
