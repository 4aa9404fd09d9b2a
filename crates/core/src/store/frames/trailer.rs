//! What stands after a batch in its frame: when it was appended, who wrote it, and what its records ask for.
//!
//! A batch frame's payload begins with the batch, so that a reader of batches needs nothing of this.
//!
//! ```text
//! batch (its header says how long) | version u8 | origin u8 | append time u64 LE, ns | marks (postcard), if any
//! ```

use serde::{Deserialize, Serialize};

/// The version that is written.
const VERSION: u8 = 1;
/// Version, origin, time.
const FIXED_BYTES: usize = 10;

/// Who wrote a batch: it decides which subjects its records have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The store, from published messages: the key is the subject.
    Captured,
    /// A producer.
    Produced,
}

/// After the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// Who wrote the batch.
    pub origin: Origin,
    /// When it was appended (ns); never goes back within a partition.
    pub time_ns: u64,
    /// By record, rising.
    pub marks: Vec<(u32, Mark)>,
}

/// What a record asks for beyond being stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mark {
    /// Its message id, for the window of remembered ids.
    Id(Vec<u8>),
    /// Stored without being there: a duplicate inside a batch, or nobody is interested.
    Gone,
    /// It goes at this time (ns).
    Expires(u64),
    /// It never goes by age.
    Never,
    /// It replaces all earlier records of its subject.
    ReplacesSubject,
    /// It replaces all earlier records.
    ReplacesAll,
}

impl Trailer {
    /// Appends it to the batch.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.push(u8::from(self.origin == Origin::Produced));
        out.extend_from_slice(&self.time_ns.to_le_bytes());
        if !self.marks.is_empty() {
            let marks = postcard::to_extend(&self.marks, std::mem::take(out));
            *out = marks.expect("writing to memory does not fail");
        }
    }

    /// Bytes that `write` appends at most without marks.
    pub(crate) const fn fixed_bytes() -> usize {
        FIXED_BYTES
    }

    /// Reads what stands after a batch.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let Some((head, rest)) = bytes.split_first_chunk::<FIXED_BYTES>() else {
            return Err("a batch trailer is cut short");
        };
        if head[0] != VERSION {
            return Err("a batch trailer has an unknown version");
        }
        let origin = match head[1] {
            0 => Origin::Captured,
            1 => Origin::Produced,
            _ => return Err("a batch trailer has an unknown origin"),
        };
        let mut time = [0; 8];
        time.copy_from_slice(&head[2..]);
        let marks = match rest {
            [] => Vec::new(),
            rest => match postcard::take_from_bytes(rest) {
                Ok((marks, [])) => marks,
                _ => return Err("the marks of a batch cannot be read"),
            },
        };
        Ok(Self { origin, time_ns: u64::from_le_bytes(time), marks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_and_back() {
        let trailer = Trailer {
            origin: Origin::Captured,
            time_ns: 258,
            marks: vec![(0, Mark::Id(b"m".to_vec())), (3, Mark::Expires(300))],
        };
        let mut bytes = Vec::new();
        trailer.write(&mut bytes);
        assert_eq!(bytes, [1, 0, 2, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 1, b'm', 3, 2, 0xac, 2]);
        assert_eq!(Trailer::read(&bytes), Ok(trailer));
        for end in (0..bytes.len()).filter(|end| *end != FIXED_BYTES) {
            assert!(Trailer::read(&bytes[..end]).is_err(), "{end}");
        }
        let plain = Trailer { origin: Origin::Produced, time_ns: 1, marks: vec![] };
        let mut bytes = Vec::new();
        plain.write(&mut bytes);
        assert_eq!(bytes.len(), Trailer::fixed_bytes());
        assert_eq!(Trailer::read(&bytes), Ok(plain));
    }
}
