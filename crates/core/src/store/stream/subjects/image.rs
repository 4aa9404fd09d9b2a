//! The subjects of a partition in an image: their names in order. Which records have them, the rows say.

use super::{Entry, Posting, Subjects};
use crate::store::image::{Reader, Unreadable, Writer};
use std::sync::Arc;
use stele_model::Offset;

/// Names, rising, each with the offsets of its records.
pub(crate) type Names = Vec<(Arc<[u8]>, Vec<Offset>)>;

impl Subjects {
    /// Writes the names, rising; what each number is called by the image.
    pub(crate) fn write_image(&self, out: &mut Writer) -> Vec<u32> {
        out.count(self.order.len());
        let mut ranks = vec![0; self.entries.len()];
        for (rank, (name, number)) in (0..).zip(&self.order) {
            out.bytes(name);
            ranks[*number as usize] = rank;
        }
        ranks
    }

    /// Reads names, with room for the offsets of each.
    pub(crate) fn read_names(image: &mut Reader<'_>) -> Result<Names, Unreadable> {
        let mut names: Names = Vec::new();
        for _ in 0..image.count(1)? {
            let name: Arc<[u8]> = image.bytes()?.into();
            if names.last().is_some_and(|(before, _)| *before >= name) {
                return Err(Unreadable);
            }
            names.push((name, Vec::new()));
        }
        Ok(names)
    }

    /// From names with their offsets, rising; the numbers are the places in the list.
    pub(crate) fn restored(names: Names) -> Result<Self, Unreadable> {
        let mut subjects = Self::default();
        for (number, (name, offsets)) in (0_u32..).zip(names) {
            let posting = match offsets[..] {
                [] => return Err(Unreadable),
                [only] => Posting::One(only),
                _ => Posting::Many(offsets.into()),
            };
            subjects.entries.push(Some(Entry { name: name.clone(), posting }));
            subjects.numbers.insert(name.clone(), number);
            subjects.order.insert(name, number);
        }
        Ok(subjects)
    }
}
