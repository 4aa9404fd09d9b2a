//! A writer that keeps big byte fields out of the buffer.

use bytes::Bytes;

/// Appends fields to a buffer. Shared bytes may be kept beside it, to be sent without a copy.
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    splices: Option<&'o mut Vec<Splice>>,
}

/// Shared bytes that belong into the buffer at a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    /// Position in the buffer, ascending among splices.
    pub(super) at: usize,
    pub(super) bytes: Bytes,
}

impl<'o> Writer<'o> {
    /// Writes everything into `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, splices: None }
    }

    /// Writes into `out`, except for shared bytes, which go into `splices`.
    pub(super) fn with_splices(out: &'o mut Vec<u8>, splices: &'o mut Vec<Splice>) -> Self {
        Self { out, splices: Some(splices) }
    }

    /// Appends bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends shared bytes, without a copy where the caller asked for pieces.
    pub fn shared(&mut self, bytes: &Bytes) {
        match &mut self.splices {
            Some(splices) => splices.push(Splice { at: self.out.len(), bytes: bytes.clone() }),
            None => self.out.extend_from_slice(bytes),
        }
    }

    /// Appends an UNSIGNED_VARINT.
    pub fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    /// Appends a compact length (KIP-482): null is 0, else one more than the length.
    pub fn compact_length(&mut self, length: Option<usize>) {
        self.unsigned_varint(length.map_or(0, |length| count_u32(length) + 1));
    }

    /// Appends a tagged field. Tags must be appended in ascending order.
    pub(super) fn tagged_field(&mut self, tag: u32, write: impl FnOnce(&mut Writer<'_>)) {
        // Its size stands in front, so it is written aside; tagged fields are small and rare.
        let mut field = Vec::new();
        write(&mut Writer::new(&mut field));
        self.unsigned_varint(tag);
        self.unsigned_varint(count_u32(field.len()));
        self.bytes(&field);
    }
}

/// A count or size that is ours to write. The frame's own length field holds 31 bits.
pub(super) fn count_u32(count: usize) -> u32 {
    // 2^31 of anything would pass the frame limit by far; the peer then sees a broken frame, not a panic here.
    u32::try_from(count).unwrap_or(u32::MAX - 1).min(u32::MAX - 1)
}
