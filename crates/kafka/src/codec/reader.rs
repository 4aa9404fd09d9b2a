//! A bounded reader over one frame.

use thiserror::Error;

use super::Uuid;

/// Memory that decoding one frame may take for its structures, however long the frame. Strings and byte fields are
/// borrowed and take none. It is granted before anything is known of the peer, and is enough for the 200,000 things that
/// a request may name; turn it up together with that number.
pub const DECODED_EXTRA_BYTES_MAX: usize = 16 << 20;

/// What is wrong with a peer's bytes. The connection cannot go on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    /// A field reaches beyond the end of the frame.
    #[error("message is cut short")]
    Truncated,
    /// A length is below what it may be: below -1, or null where null is not allowed.
    #[error("length is negative or null is not allowed here")]
    Length,
    /// An array claims more elements than the frame can hold, or than memory is granted for.
    #[error("array is too long")]
    Count,
    /// A varint of more than 32 bits.
    #[error("varint is too long")]
    Varint,
    /// A string that is not UTF-8.
    #[error("string is not UTF-8")]
    Utf8,
}

/// Takes fields from the front of a frame. All that it hands out is borrowed from the frame.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Bytes that arrays may still allocate.
    memory_left: usize,
}

impl<'a> Reader<'a> {
    /// Reads `frame` from its front.
    pub fn new(frame: &'a [u8]) -> Self {
        Self { rest: frame, memory_left: DECODED_EXTRA_BYTES_MAX }
    }

    /// Bytes not yet taken.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Takes `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Takes a fixed number of bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Takes an INT16.
    pub fn int16(&mut self) -> Result<i16, WireError> {
        self.array().map(i16::from_be_bytes)
    }

    /// Takes an INT32.
    pub fn int32(&mut self) -> Result<i32, WireError> {
        self.array().map(i32::from_be_bytes)
    }

    /// Takes an UNSIGNED_VARINT of at most 32 bits.
    pub fn unsigned_varint(&mut self) -> Result<u32, WireError> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            if shift == 28 && byte > 0x0f {
                return Err(WireError::Varint);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(WireError::Varint)
    }

    /// Takes a UUID.
    pub fn uuid(&mut self) -> Result<Uuid, WireError> {
        self.array().map(Uuid)
    }

    /// Takes a compact length (KIP-482): 0 is null, else one more than the length.
    pub fn compact_length(&mut self) -> Result<Option<usize>, WireError> {
        Ok(self.unsigned_varint()?.checked_sub(1).map(|length| length as usize))
    }

    /// Turns a classic signed length into one of ours: -1 is null.
    pub(super) fn signed_length(length: i32) -> Result<Option<usize>, WireError> {
        match length {
            -1 => Ok(None),
            length => usize::try_from(length).map(Some).map_err(|_| WireError::Length),
        }
    }

    /// Grants an array of `count` elements that take `wire_bytes_min` or more each in the frame and
    /// `memory_bytes` each in memory.
    pub(super) fn grant(
        &mut self,
        count: usize,
        wire_bytes_min: usize,
        memory_bytes: usize,
    ) -> Result<(), WireError> {
        if count > self.rest.len() / wire_bytes_min.max(1) {
            return Err(WireError::Count);
        }
        let memory = count.saturating_mul(memory_bytes);
        self.memory_left = self.memory_left.checked_sub(memory).ok_or(WireError::Count)?;
        Ok(())
    }

    /// Takes a tagged-field section (KIP-482). `known` reads a field and says so; the others are skipped, and
    /// bytes that a newer peer added to a known field, too.
    pub(super) fn tagged_fields(
        &mut self,
        mut known: impl FnMut(u32, &mut Self) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        // Each field takes two bytes or more, so a false count ends at the end of the frame.
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let size = self.unsigned_varint()? as usize;
            let field = self.bytes(size)?;
            let after = std::mem::replace(&mut self.rest, field);
            known(tag, self)?;
            self.rest = after;
        }
        Ok(())
    }
}
