//! Remembered message ids: one record per id within the stream's window (semantics 26).
//!
//! Ids are kept as 16-byte hashes. Over the cap a new id is refused; none is forgotten before its time.

mod image;
mod siphash;

use crate::store::clock::ShardClock;
use std::collections::{HashMap, VecDeque};
use stele_model::{Error, Offset};

/// The hash of an id. Images hold it, so it is the same in every release.
pub(crate) type IdHash = u128;

/// The ids of a stream's window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dedup {
    /// Partition and offset by id. Never iterated.
    known: HashMap<IdHash, (u32, Offset, u64)>,
    /// In order of time.
    order: VecDeque<(u64, IdHash)>,
}

/// For how long ids count, on a shard's clock: years that it jumped forward end no window.
pub(crate) struct Window<'c> {
    pub clock: &'c ShardClock,
    pub span_ns: u64,
    pub now_ns: u64,
}

impl Window<'_> {
    fn holds(&self, time_ns: u64) -> bool {
        self.clock.due_ns(time_ns, self.span_ns) > self.now_ns
    }
}

/// Hashes an id: SipHash-1-3 with a zero key, once behind a 1 and once behind a 2.
pub(crate) fn hash(id: &[u8]) -> IdHash {
    let half = |salt: u8| {
        let mut hasher = siphash::Hasher::new();
        hasher.write(&[salt]);
        hasher.write(id);
        u128::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}

impl Dedup {
    /// Where this id was stored within the window.
    pub(crate) fn find(&self, id: IdHash, window: &Window<'_>) -> Option<(u32, Offset)> {
        let (partition, offset, time) = self.known.get(&id)?;
        window.holds(*time).then_some((*partition, *offset))
    }

    /// Is there room for this many more?
    ///
    /// # Errors
    /// `DedupWindowFull`.
    pub(crate) fn reserve(&mut self, more: usize, window: &Window<'_>, max: usize) -> Result<(), Error> {
        if self.known.len() + more > max {
            self.forget(window);
        }
        if self.known.len() + more > max { Err(Error::DedupWindowFull) } else { Ok(()) }
    }

    /// Remembers an id.
    pub(crate) fn note(&mut self, id: IdHash, at: (u32, Offset), window: &Window<'_>) {
        self.forget(window);
        if window.span_ns > 0 {
            self.known.insert(id, (at.0, at.1, window.now_ns));
            self.order.push_back((window.now_ns, id));
        }
    }

    fn forget(&mut self, window: &Window<'_>) {
        while let Some((time, id)) = self.order.front() {
            if window.holds(*time) {
                break;
            }
            // An id that was stored anew since then stays.
            if self.known.get(id).is_some_and(|known| known.2 == *time) {
                self.known.remove(id);
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &ShardClock, now_ns: u64) -> Window<'_> {
        Window { clock, span_ns: 50, now_ns }
    }

    /// What older releases hashed, and what the standard library still does.
    #[test]
    fn hashes_as_ever() {
        use std::hash::{DefaultHasher, Hasher};
        for length in 0..40_u8 {
            let id: Vec<u8> = (0..length).collect();
            let half = |salt: u8| {
                let mut hasher = DefaultHasher::new();
                hasher.write_u8(salt);
                hasher.write(&id);
                u128::from(hasher.finish())
            };
            assert_eq!(hash(&id), half(1) << 64 | half(2), "{length}");
        }
        assert_eq!(hash(b"m"), 41_211_417_081_209_740_149_669_219_161_709_730_558);
    }

    #[test]
    fn remembers_for_the_window_and_never_less() {
        let mut dedup = Dedup::default();
        let mut clock = ShardClock::default();
        let (a, b) = (hash(b"a"), hash(b"b"));
        dedup.note(a, (0, 1), &at(&clock, 100));
        assert_eq!(dedup.find(a, &at(&clock, 149)), Some((0, 1)));
        assert_eq!(dedup.find(a, &at(&clock, 150)), None);
        assert_eq!(dedup.find(b, &at(&clock, 100)), None);
        assert_eq!(dedup.reserve(1, &at(&clock, 149), 1), Err(Error::DedupWindowFull));
        assert_eq!(dedup.reserve(1, &at(&clock, 150), 1), Ok(()));
        dedup.note(a, (0, 2), &at(&clock, 160));
        dedup.note(b, (0, 3), &at(&clock, 170));
        assert_eq!((dedup.find(a, &at(&clock, 209)), dedup.known.len()), (Some((0, 2)), 2));
        // The clock jumped: the window ends as much later.
        clock.replay_jump(1_180, 1_000);
        assert_eq!(dedup.find(b, &at(&clock, 1_219)), Some((0, 3)));
        assert_eq!(dedup.find(b, &at(&clock, 1_220)), None);
    }
}
