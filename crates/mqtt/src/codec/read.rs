//! Reading the data types of MQTT 5 §1.5 from a borrowed slice.

use super::frame::read_variable;
use crate::fault::Violation;
use std::num::NonZeroU16;

/// A packet identifier: never 0 (MQTT-2.2.1-3). Each direction has a space of its own.
pub type PacketId = NonZeroU16;

/// The bytes of a body that have not been read yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Violation> {
        let (taken, rest) =
            self.bytes.split_at_checked(count).ok_or(Violation::malformed("packet ends inside a field"))?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Violation> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn two_bytes(&mut self) -> Result<u16, Violation> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(crate) fn four_bytes(&mut self) -> Result<u32, Violation> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub(crate) fn variable(&mut self) -> Result<u32, Violation> {
        let (value, length) =
            read_variable(self.bytes)?.ok_or(Violation::malformed("packet ends inside a field"))?;
        self.take(length)?;
        Ok(value)
    }

    pub(crate) fn binary(&mut self) -> Result<&'a [u8], Violation> {
        let length = self.two_bytes()?;
        self.take(usize::from(length))
    }

    /// A UTF-8 string (MQTT 5 §1.5.4). A byte order mark stays where it is (MQTT-1.5.4-3).
    pub(crate) fn string(&mut self) -> Result<&'a str, Violation> {
        let bytes = self.binary()?;
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Violation::malformed("ill-formed UTF-8 (MQTT-1.5.4-1)"))?;
        if memchr::memchr(0, bytes).is_some() {
            return Err(Violation::malformed("U+0000 in a string (MQTT-1.5.4-2)"));
        }
        Ok(text)
    }

    pub(crate) fn packet_id(&mut self) -> Result<PacketId, Violation> {
        PacketId::new(self.two_bytes()?).ok_or(Violation::protocol("packet identifier 0 (MQTT-2.2.1-3)"))
    }

    /// The end of the packet must be here.
    pub(crate) fn finish(&self) -> Result<(), Violation> {
        if self.is_empty() { Ok(()) } else { Err(Violation::malformed("bytes after the end of the packet")) }
    }
}
