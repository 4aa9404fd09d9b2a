//! Remembered message ids: one record per id within the stream's window (semantics 26).
//!
//! Ids are kept as 16-byte hashes. Over the cap a new id is refused; none is forgotten before its time.

mod image;
mod siphash;

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
    pub(crate) fn find(&self, id: IdHash, now_ns: u64, window_ns: u64) -> Option<(u32, Offset)> {
        let (partition, offset, time) = self.known.get(&id)?;
        (time.saturating_add(window_ns) > now_ns).then_some((*partition, *offset))
    }

    /// Is there room for this many more?
    ///
    /// # Errors
    /// `DedupWindowFull`.
    pub(crate) fn reserve(
        &mut self,
        more: usize,
        now_ns: u64,
        window_ns: u64,
        max: usize,
    ) -> Result<(), Error> {
        if self.known.len() + more > max {
            self.forget(now_ns, window_ns);
        }
        if self.known.len() + more > max { Err(Error::DedupWindowFull) } else { Ok(()) }
    }

    /// Remembers an id.
    pub(crate) fn note(&mut self, id: IdHash, at: (u32, Offset), time_ns: u64, window_ns: u64) {
        self.forget(time_ns, window_ns);
        if window_ns > 0 {
            self.known.insert(id, (at.0, at.1, time_ns));
            self.order.push_back((time_ns, id));
        }
    }

    fn forget(&mut self, now_ns: u64, window_ns: u64) {
        while let Some((time, id)) = self.order.front() {
            if time.saturating_add(window_ns) > now_ns {
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
        let (a, b) = (hash(b"a"), hash(b"b"));
        dedup.note(a, (0, 1), 100, 50);
        assert_eq!(dedup.find(a, 149, 50), Some((0, 1)));
        assert_eq!(dedup.find(a, 150, 50), None);
        assert_eq!(dedup.find(b, 100, 50), None);
        assert_eq!(dedup.reserve(1, 149, 50, 1), Err(Error::DedupWindowFull));
        assert_eq!(dedup.reserve(1, 150, 50, 1), Ok(()));
        dedup.note(a, (0, 2), 160, 50);
        dedup.note(b, (0, 3), 170, 50);
        assert_eq!((dedup.find(a, 209, 50), dedup.known.len()), (Some((0, 2)), 2));
    }
}
