//! Images of machines: what a snapshot stores of each, so that a start need not replay the whole log (semantics 6).
//!
//! An image is one byte for its version and then the machine's state as of one position in the log. It is a function of
//! the state that frames decide: two machines with equal states have equal images, whatever their history. The store of
//! snapshots guards the bytes with a checksum; reading trusts nothing all the same: every count is checked against the
//! bytes at hand, and an image that contradicts itself is [`Unreadable`].

mod shard;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version that is written, and the only one that is read.
const VERSION: u8 = 1;

/// The bytes are no image of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// Writes an image.
#[derive(Debug)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty image.
    pub(crate) fn new() -> Self {
        Self { bytes: vec![VERSION] }
    }

    /// A number, short where it is small.
    pub(crate) fn u64(&mut self, value: u64) {
        let mut rest = value;
        while rest >= 0x80 {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }

    /// A count, or an index.
    pub(crate) fn count(&mut self, value: usize) {
        self.u64(value as u64);
    }

    /// A number of either sign, short near zero.
    pub(crate) fn i64(&mut self, value: i64) {
        self.u64((value << 1 ^ value >> 63) as u64);
    }

    /// How far `value` is from `before`, in either direction.
    pub(crate) fn step(&mut self, before: u64, value: u64) {
        self.i64(value.wrapping_sub(before) as i64);
    }

    /// Yes or no.
    pub(crate) fn flag(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    /// Bytes behind their length.
    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.bytes.extend_from_slice(value);
    }

    /// Bytes whose length the reader knows.
    pub(crate) fn raw(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }

    /// A value in the encoding of deltas.
    pub(crate) fn value(&mut self, value: &impl Serialize) {
        let bytes = std::mem::take(&mut self.bytes);
        self.bytes = postcard::to_extend(value, bytes).expect("writing to memory does not fail");
    }

    /// The image.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads an image.
#[derive(Debug)]
pub(crate) struct Reader<'i> {
    rest: &'i [u8],
}

impl<'i> Reader<'i> {
    /// Reads what [`Writer`] wrote.
    ///
    /// # Errors
    /// Another version, or nothing at all.
    pub(crate) fn new(image: &'i [u8]) -> Result<Self, Unreadable> {
        match image.split_first() {
            Some((&VERSION, rest)) => Ok(Self { rest }),
            _ => Err(Unreadable),
        }
    }

    /// As [`Writer::u64`].
    pub(crate) fn u64(&mut self) -> Result<u64, Unreadable> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(Unreadable)?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Unreadable);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Unreadable)
    }

    /// As [`Writer::u64`], for what fits into 32 bits.
    pub(crate) fn u32(&mut self) -> Result<u32, Unreadable> {
        u32::try_from(self.u64()?).map_err(|_| Unreadable)
    }

    /// A count of things that take `bytes_min` bytes each, at least 1.
    pub(crate) fn count(&mut self, bytes_min: usize) -> Result<usize, Unreadable> {
        let count = usize::try_from(self.u64()?).map_err(|_| Unreadable)?;
        if count > self.rest.len() / bytes_min.max(1) { Err(Unreadable) } else { Ok(count) }
    }

    /// As [`Writer::i64`].
    pub(crate) fn i64(&mut self) -> Result<i64, Unreadable> {
        let value = self.u64()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// As [`Writer::step`].
    pub(crate) fn step(&mut self, before: u64) -> Result<u64, Unreadable> {
        Ok(before.wrapping_add(self.i64()? as u64))
    }

    /// A number that may not lie below `before`.
    pub(crate) fn rising(&mut self, before: u64) -> Result<u64, Unreadable> {
        before.checked_add(self.u64()?).ok_or(Unreadable)
    }

    /// As [`Writer::flag`].
    pub(crate) fn flag(&mut self) -> Result<bool, Unreadable> {
        match self.raw(1)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Unreadable),
        }
    }

    /// As [`Writer::bytes`].
    pub(crate) fn bytes(&mut self) -> Result<&'i [u8], Unreadable> {
        let length = self.count(1)?;
        self.raw(length)
    }

    /// As [`Writer::raw`].
    pub(crate) fn raw(&mut self, length: usize) -> Result<&'i [u8], Unreadable> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Unreadable)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// As [`Writer::value`].
    pub(crate) fn value<T: DeserializeOwned>(&mut self) -> Result<T, Unreadable> {
        let (value, rest) = postcard::take_from_bytes(self.rest).map_err(|_| Unreadable)?;
        self.rest = rest;
        Ok(value)
    }

    /// Is nothing left?
    pub(crate) fn is_finished(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// Something is.
    pub(crate) fn finish(self) -> Result<(), Unreadable> {
        if self.rest.is_empty() { Ok(()) } else { Err(Unreadable) }
    }
}
