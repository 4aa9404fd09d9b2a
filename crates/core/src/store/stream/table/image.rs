//! The offsets of a partition in an image: runs of gone and of live ones, and the rows of the live.

use super::{BLOCK, Block, Row, Table};
use crate::store::image::{Reader, Unreadable, Writer};

/// Offsets that an image may span: bounds what reading allocates to 0.8 GiB, with room for 17 thousand million.
const SPAN_MAX: u64 = 1 << 34;

impl Table {
    /// Writes everything but the rows' subjects, whose numbers are the caller's to translate.
    pub(crate) fn write_image(&self, out: &mut Writer, mut subject: impl FnMut(u32) -> u32) {
        out.u64(self.start);
        out.u64(self.end);
        out.flag(self.with_rows);
        let mut at = self.start;
        while at < self.end {
            let first = self.next_live(at).unwrap_or(self.end);
            let mut end = first;
            while end < self.end && !self.bit(end) {
                end += 1;
            }
            out.u64(first - at);
            out.u64(end - first);
            if self.with_rows {
                for offset in first..end {
                    let row = self.row(offset);
                    out.u64(u64::from(subject(row.subject)));
                    out.u64(u64::from(row.size));
                }
            }
            at = end;
        }
    }

    /// Reads what [`Table::write_image`] wrote; `live` is told of each live offset and its row.
    pub(crate) fn read_image(
        image: &mut Reader<'_>,
        mut live: impl FnMut(u64, Row) -> Result<(), Unreadable>,
    ) -> Result<Self, Unreadable> {
        let (start, end) = (image.u64()?, image.u64()?);
        if end < start || end - start > SPAN_MAX || end > u64::MAX / 2 {
            return Err(Unreadable);
        }
        let mut table = Self::new(start, image.flag()?);
        while table.end < end {
            let (gone, count) = (image.u64()?, image.u64()?);
            let left = end - table.end;
            if (gone == 0 && count == 0) || gone > left || count > left - gone {
                return Err(Unreadable);
            }
            table.append_gone(gone);
            if !table.with_rows {
                table.extend(count);
                continue;
            }
            for _ in 0..count {
                let row = Row { subject: image.u32()?, size: image.u32()? };
                live(table.end, row)?;
                table.push(row);
            }
        }
        Ok(table)
    }

    /// Appends offsets that are gone already.
    fn append_gone(&mut self, count: u64) {
        let end = self.end + count;
        while self.end < end {
            if self.end.is_multiple_of(BLOCK) && end - self.end >= BLOCK {
                self.grow(self.end + BLOCK);
                *self.blocks.back_mut().expect("grow made it") =
                    Block { gone: BLOCK as u32, ..Block::default() };
                *self.groups.back_mut().expect("grow made it") += BLOCK as u32;
                self.gone += BLOCK;
                self.end += BLOCK;
            } else {
                self.push(Row::default());
                self.set(self.end - 1);
                self.gone += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn comes_back_and_goes_on(
            first in 0..200_000_u64,
            runs in prop::collection::vec((any::<bool>(), 1..4000_u64), 1..12),
            with_rows in any::<bool>(),
            (start, more) in (0..9000_u64, 1..3000_u64),
        ) {
            let mut table = Table::new(first, with_rows);
            for (gone, count) in runs {
                for _ in 0..count {
                    let offset = table.end();
                    table.push(Row { subject: offset as u32 % 7, size: 3 });
                    if gone {
                        table.remove(offset);
                    }
                }
            }
            for offset in first..(first + start).min(table.end()) {
                table.remove(offset);
            }
            table.advance(first + start);
            let image = |table: &Table| {
                let mut out = Writer::new();
                table.write_image(&mut out, |subject| subject);
                out.finish()
            };
            let bytes = image(&table);
            let mut seen = 0;
            let count = |_, _| { seen += 1; Ok(()) };
            let mut back = Table::read_image(&mut Reader::new(&bytes).unwrap(), count).unwrap();
            prop_assert_eq!(seen, if with_rows { table.live() } else { 0 });
            for table in [&mut table, &mut back] {
                for _ in 0..more {
                    table.push(Row { subject: 1, size: 2 });
                }
                for offset in (table.start()..table.end()).step_by(3) {
                    table.remove(offset);
                }
                table.advance(table.start() + more);
            }
            prop_assert_eq!(image(&back), image(&table));
            let middle = (table.start() + table.end()) / 2;
            prop_assert_eq!(back.live(), table.live());
            prop_assert_eq!(back.gone_between(back.start(), middle), table.gone_between(table.start(), middle));
            prop_assert_eq!(back.last_live(middle), table.last_live(middle));
        }
    }
}
