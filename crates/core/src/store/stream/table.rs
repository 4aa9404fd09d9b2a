//! One row per offset of a partition: is it gone, whose subject, how large.
//!
//! Offsets are kept in blocks of [`BLOCK`]; a block that is gone as a whole costs its header only. Ranks are sums
//! over groups of blocks, then blocks, then words: a few hundred additions at a hundred million offsets.
//!
//! Invariant: `start <= end`; offsets below `start` are not asked about.

mod image;

use std::collections::VecDeque;
use stele_model::Offset;

/// Offsets per block.
const BLOCK: u64 = 1024;
/// Words of a block's bits.
const WORDS: usize = (BLOCK / 64) as usize;
/// Blocks per group.
const GROUP: u64 = 64;

/// What is kept per offset where rows are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// The number of its subject; meaningless in a partition of one subject.
    pub subject: u32,
    /// Its bytes as JetStream counts them.
    pub size: u32,
}

/// The offsets of a partition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    /// The first offset of the first block.
    base: u64,
    blocks: VecDeque<Block>,
    /// Gone offsets per group of blocks, the first one for the group of `base`.
    groups: VecDeque<u32>,
    start: Offset,
    end: Offset,
    /// Gone offsets in `start..end`.
    gone: u64,
    with_rows: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Block {
    gone: u32,
    bits: Option<Box<[u64; WORDS]>>,
    rows: Vec<Row>,
}

impl Table {
    /// An empty table whose first offset will be `first`.
    pub(crate) fn new(first: Offset, with_rows: bool) -> Self {
        Self {
            base: first / BLOCK * BLOCK,
            blocks: VecDeque::new(),
            groups: VecDeque::new(),
            start: first,
            end: first,
            gone: 0,
            with_rows,
        }
    }

    /// The log start.
    pub(crate) fn start(&self) -> Offset {
        self.start
    }

    /// The offset after the newest.
    pub(crate) fn end(&self) -> Offset {
        self.end
    }

    /// Records that are there.
    pub(crate) fn live(&self) -> u64 {
        self.end - self.start - self.gone
    }

    /// Are rows kept?
    pub(crate) fn has_rows(&self) -> bool {
        self.with_rows
    }

    /// Appends one offset.
    pub(crate) fn push(&mut self, row: Row) {
        self.grow(self.end + 1);
        if self.with_rows {
            let at = (self.end % BLOCK) as usize;
            let block = self.blocks.back_mut().expect("grow made it");
            block.rows.resize(at, Row::default());
            block.rows.push(row);
        }
        self.end += 1;
    }

    /// Appends `count` offsets without rows.
    pub(crate) fn extend(&mut self, count: u64) {
        self.grow(self.end + count);
        self.end += count;
    }

    /// The row of an offset that is not gone; the default where no rows are kept.
    pub(crate) fn row(&self, offset: Offset) -> Row {
        let rows = self.block(offset).map(|block| &block.rows);
        rows.and_then(|rows| rows.get((offset % BLOCK) as usize)).copied().unwrap_or_default()
    }

    /// Is there a record?
    pub(crate) fn is_live(&self, offset: Offset) -> bool {
        offset >= self.start && offset < self.end && !self.bit(offset)
    }

    /// Takes the record away; its row, or nothing where it was gone already.
    pub(crate) fn remove(&mut self, offset: Offset) -> Option<Row> {
        if !self.is_live(offset) {
            return None;
        }
        let row = self.row(offset);
        self.set(offset);
        self.gone += 1;
        Some(row)
    }

    /// Moves the start up; everything below must be gone already.
    pub(crate) fn advance(&mut self, start: Offset) {
        let start = start.min(self.end);
        if start <= self.start {
            return;
        }
        self.gone -= self.gone_between(self.start, start);
        self.start = start;
        while self.blocks.len() > 1 && self.base + BLOCK <= start {
            let block = self.blocks.pop_front().expect("the length was tested");
            let group = self.groups.front_mut().expect("every block is in a group");
            *group -= block.gone;
            self.base += BLOCK;
            if self.base.is_multiple_of(BLOCK * GROUP) {
                self.groups.pop_front();
            }
        }
    }

    /// Gone offsets in `from..to`, which must lie between start and end.
    pub(crate) fn gone_between(&self, from: Offset, to: Offset) -> u64 {
        let (from, to) = (from.max(self.start), to.min(self.end));
        if from >= to { 0 } else { self.gone_below(to) - self.gone_below(from) }
    }

    /// Records in `from..to`.
    pub(crate) fn live_between(&self, from: Offset, to: Offset) -> u64 {
        let (from, to) = (from.max(self.start), to.min(self.end));
        if from >= to { 0 } else { to - from - self.gone_between(from, to) }
    }

    /// The first record at or after `from`.
    pub(crate) fn next_live(&self, from: Offset) -> Option<Offset> {
        let mut offset = from.max(self.start);
        while offset < self.end {
            let block = self.block(offset)?;
            if u64::from(block.gone) == BLOCK {
                offset = (offset / BLOCK + 1) * BLOCK;
                continue;
            }
            let Some(bits) = &block.bits else { return Some(offset) };
            let word = !bits[(offset % BLOCK / 64) as usize] >> (offset % 64);
            if word == 0 {
                offset = (offset / 64 + 1) * 64;
                continue;
            }
            offset += u64::from(word.trailing_zeros());
            return (offset < self.end).then_some(offset);
        }
        None
    }

    /// The last record below `before`.
    pub(crate) fn last_live(&self, before: Offset) -> Option<Offset> {
        let mut offset = before.min(self.end);
        while offset > self.start {
            let last = offset - 1;
            if self.block(last).is_some_and(|block| u64::from(block.gone) == BLOCK) {
                offset = last / BLOCK * BLOCK;
            } else if self.bit(last) {
                offset = last;
            } else {
                return Some(last);
            }
        }
        None
    }

    /// Gone offsets between start and end, in order.
    pub(crate) fn gone_offsets(&self) -> Vec<Offset> {
        let mut offsets = Vec::new();
        for (number, _) in self.blocks.iter().enumerate().filter(|(_, block)| block.gone > 0) {
            let first = self.base + number as u64 * BLOCK;
            let within = first.max(self.start)..(first + BLOCK).min(self.end);
            offsets.extend(within.filter(|offset| self.bit(*offset)));
        }
        offsets
    }

    /// Keeps rows from now on; what is there gets `row(offset)`.
    pub(crate) fn keep_rows(&mut self, mut row: impl FnMut(Offset) -> Row) {
        if self.with_rows {
            return;
        }
        self.with_rows = true;
        let (base, end) = (self.base, self.end);
        for (number, block) in self.blocks.iter_mut().enumerate() {
            let first = base + number as u64 * BLOCK;
            if u64::from(block.gone) < BLOCK {
                block.rows = (first..end.min(first + BLOCK)).map(&mut row).collect();
            }
        }
    }

    fn grow(&mut self, end: Offset) {
        while self.base + (self.blocks.len() as u64) * BLOCK < end {
            let next = self.base + (self.blocks.len() as u64) * BLOCK;
            if self.blocks.is_empty() || next.is_multiple_of(BLOCK * GROUP) {
                self.groups.push_back(0);
            }
            self.blocks.push_back(Block::default());
        }
    }

    fn block(&self, offset: Offset) -> Option<&Block> {
        self.blocks.get((offset.checked_sub(self.base)? / BLOCK) as usize)
    }

    fn bit(&self, offset: Offset) -> bool {
        let Some(block) = self.block(offset) else { return false };
        u64::from(block.gone) == BLOCK
            || block
                .bits
                .as_ref()
                .is_some_and(|bits| bits[(offset % BLOCK / 64) as usize] >> (offset % 64) & 1 == 1)
    }

    fn set(&mut self, offset: Offset) {
        let group = offset / (BLOCK * GROUP) - self.base / (BLOCK * GROUP);
        self.groups[group as usize] += 1;
        let block = &mut self.blocks[((offset - self.base) / BLOCK) as usize];
        block.gone += 1;
        if u64::from(block.gone) == BLOCK {
            (block.bits, block.rows) = (None, Vec::new());
            return;
        }
        let bits = block.bits.get_or_insert_with(|| Box::new([0; WORDS]));
        bits[(offset % BLOCK / 64) as usize] |= 1 << (offset % 64);
    }

    /// Gone offsets that are still counted in blocks, below `offset`.
    fn gone_below(&self, offset: Offset) -> u64 {
        let number = (offset - self.base) / BLOCK;
        let first_group = self.base / (BLOCK * GROUP);
        let group = offset / (BLOCK * GROUP) - first_group;
        let groups: u64 = self.groups.iter().take(group as usize).map(|gone| u64::from(*gone)).sum();
        let from = if group == 0 { 0 } else { ((first_group + group) * BLOCK * GROUP - self.base) / BLOCK };
        let blocks = self.blocks.range(from as usize..(number as usize).min(self.blocks.len()));
        let blocks: u64 = blocks.map(|block| u64::from(block.gone)).sum();
        groups + blocks + self.blocks.get(number as usize).map_or(0, |block| block.gone_below(offset % BLOCK))
    }
}

impl Block {
    fn gone_below(&self, within: u64) -> u64 {
        if u64::from(self.gone) == BLOCK {
            return within;
        }
        let Some(bits) = &self.bits else { return 0 };
        let whole = (within / 64) as usize;
        let words: u32 = bits[..whole].iter().map(|word| word.count_ones()).sum();
        let rest = if within.is_multiple_of(64) { 0 } else { bits[whole] << (64 - within % 64) };
        u64::from(words + rest.count_ones())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[derive(Clone, Debug)]
    enum Step {
        Push(u16),
        Remove(u16),
        Advance(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..3000_u16).prop_map(Step::Push),
            any::<u16>().prop_map(Step::Remove),
            any::<u16>().prop_map(Step::Advance),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn behaves_as_a_set_of_offsets(
            first in 0..200_000_u64,
            steps in prop::collection::vec(step(), 1..60),
            dense in any::<bool>(),
        ) {
            let mut table = Table::new(first, true);
            let mut live = BTreeSet::new();
            let (mut start, mut end) = (first, first);
            for step in steps {
                match step {
                    Step::Push(count) => for _ in 0..count {
                        table.push(Row { subject: end as u32, size: 1 });
                        live.insert(end);
                        end += 1;
                    },
                    Step::Remove(at) if end > start => {
                        let from = start + u64::from(at) % (end - start);
                        for offset in from..end.min(from + if dense { 2500 } else { 1 }) {
                            let row = table.remove(offset);
                            prop_assert_eq!(row.map(|row| row.subject), live.take(&offset).map(|o| o as u32));
                        }
                    }
                    Step::Advance(by) if end > start => {
                        let to = start + u64::from(by) % (end - start + 1);
                        for offset in start..to {
                            table.remove(offset);
                            live.remove(&offset);
                        }
                        table.advance(to);
                        start = to;
                    }
                    _ => {}
                }
                prop_assert_eq!((table.start(), table.end()), (start, end));
                prop_assert_eq!(table.live(), live.len() as u64);
                let middle = start + (end - start) / 3;
                prop_assert_eq!(table.live_between(middle, end), live.range(middle..).count() as u64);
                prop_assert_eq!(table.next_live(middle), live.range(middle..).next().copied());
                prop_assert_eq!(table.last_live(middle), live.range(..middle).next_back().copied());
                prop_assert_eq!(table.gone_offsets().len() as u64, table.gone);
            }
        }
    }
}
