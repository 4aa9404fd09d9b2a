//! The groups of a shard in an image: what they committed, and which producer ids were given out.

use super::group::{Committed, Group};
use super::offsets::entry_of;
use super::{Groups, ProducerIdsReserved};
use crate::store::frames::{OffsetEntry, OffsetsCommitted};
use crate::store::image::{Reader, Unreadable, Writer};

impl Groups {
    /// What frames decided. Groups without offsets were never written down.
    pub(crate) fn write_image(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u64(self.producer_ids.reserved() as u64);
        let known = || self.by_name.iter().filter(|(_, group)| !group.offsets.is_empty());
        out.count(known().count());
        for (name, group) in known() {
            out.bytes(name.as_bytes());
            out.count(group.offsets.len());
            for Committed { commit, time_ns } in group.offsets.values() {
                out.u64(*time_ns);
                out.value(&entry_of(commit.clone()));
            }
        }
        out.finish()
    }

    /// Groups as their image says.
    ///
    /// # Errors
    /// The image contradicts itself.
    pub(crate) fn read_image(image: &[u8]) -> Result<Self, Unreadable> {
        let mut image = Reader::new(image)?;
        let mut groups = Self::default();
        let until = i64::try_from(image.u64()?).map_err(|_| Unreadable)?;
        groups.producer_ids.apply(&ProducerIdsReserved { until });
        for _ in 0..image.count(2)? {
            let name = std::str::from_utf8(image.bytes()?).map_err(|_| Unreadable)?.to_owned();
            let mut group = Group::new(0);
            for _ in 0..image.count(6)? {
                let time_ns = image.u64()?;
                let entry: OffsetEntry = image.value()?;
                group.apply_committed(OffsetsCommitted {
                    group: String::new(),
                    time_ns,
                    offsets: vec![entry],
                });
            }
            if group.offsets.is_empty() || groups.by_name.insert(name, group).is_some() {
                return Err(Unreadable);
            }
        }
        image.finish()?;
        Ok(groups)
    }
}
