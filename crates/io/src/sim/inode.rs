//! The bytes of one simulated file: what reads show, what is stored, and the pieces in between.

use crate::Random;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: u64 = 512;

#[derive(Debug, Default)]
pub(super) struct Inode {
    shown: Vec<u8>,
    stored: Vec<u8>,
    pending: Vec<(u64, Vec<u8>)>,
    failures: u64,
}

impl Inode {
    pub(super) fn shown(&self) -> &[u8] {
        &self.shown
    }

    /// Number of failed syncs.
    pub(super) fn failures(&self) -> u64 {
        self.failures
    }

    pub(super) fn length(&self) -> u64 {
        self.shown.len() as u64
    }

    pub(super) fn write(&mut self, position: u64, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            put(&mut self.shown, position, &bytes);
            self.pending.push((position, bytes));
        }
    }

    pub(super) fn read(&self, position: u64, into: &mut [u8]) -> usize {
        let from = usize::try_from(position).unwrap_or(usize::MAX).min(self.shown.len());
        let count = into.len().min(self.shown.len() - from);
        into[..count].copy_from_slice(&self.shown[from..from + count]);
        count
    }

    pub(super) fn sync(&mut self) {
        for (position, bytes) in std::mem::take(&mut self.pending) {
            put(&mut self.stored, position, &bytes);
        }
        debug_assert!(self.stored.len() <= self.shown.len(), "reads show at least what is stored");
    }

    /// Stores any subset and forgets the rest. Afterwards reads show either all or, where the pages were
    /// dropped, only what is stored.
    pub(super) fn sync_failed(&mut self, random: &mut Random) {
        self.failures += 1;
        let kept_per_mille = [0, 500, 1000][random.below(3) as usize];
        self.store_some(random, kept_per_mille);
        if random.chance(500) {
            self.shown = self.stored.clone();
        }
    }

    pub(super) fn crash(&mut self, random: &mut Random, kept_per_mille: u32) {
        self.store_some(random, kept_per_mille);
        self.shown = self.stored.clone();
    }

    pub(super) fn flip_bit(&mut self, position: u64, bit: u8) -> bool {
        let Ok(position) = usize::try_from(position) else { return false };
        let Some(byte) = self.shown.get_mut(position) else { return false };
        *byte ^= 1 << (bit % 8);
        if let Some(byte) = self.stored.get_mut(position) {
            *byte ^= 1 << (bit % 8);
        }
        true
    }

    fn store_some(&mut self, random: &mut Random, kept_per_mille: u32) {
        for (position, bytes) in std::mem::take(&mut self.pending) {
            let mut at = position;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let to_boundary = SECTOR_BYTES - at % SECTOR_BYTES;
                let count = rest.len().min(usize::try_from(to_boundary).expect("at most a sector"));
                if random.chance(kept_per_mille) {
                    put(&mut self.stored, at, &rest[..count]);
                }
                at += count as u64;
                rest = &rest[count..];
            }
        }
    }
}

fn put(content: &mut Vec<u8>, position: u64, bytes: &[u8]) {
    let from = usize::try_from(position).expect("a simulated file fits in memory");
    let to = from + bytes.len();
    if content.len() < to {
        content.resize(to, 0);
    }
    content[from..to].copy_from_slice(bytes);
}
