//! UNSUBACK (§3.11), all versions.

use super::property::PropertyContext;
use super::read::{PacketId, Reader};
use super::write::{self, PacketTooLarge};
use super::{PacketType, Properties};
use crate::fault::Violation;
use crate::{ReasonCode, Version};

/// The answer to UNSUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsubAck<'a> {
    /// Of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// Empty below MQTT 5.
    pub properties: Properties<'a>,
    /// One code for each topic, in order; empty below MQTT 5.
    pub codes: &'a [u8],
}

impl<'a> UnsubAck<'a> {
    pub(super) fn decode(body: &'a [u8], version: Version) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        if !version.has_properties() {
            reader.finish()?;
            return Ok(Self { packet_id, properties: Properties::EMPTY, codes: &[] });
        }
        let properties = reader.properties(PropertyContext::Acknowledgement)?;
        let codes = reader.rest();
        if codes.is_empty() {
            return Err(Violation::protocol("UNSUBACK without a code (MQTT-3.11.3-1)"));
        }
        if !codes.iter().all(|code| matches!(code, 0x00 | 0x11 | 0x80 | 0x83 | 0x87 | 0x8f | 0x91)) {
            return Err(Violation::protocol("unknown UNSUBACK code (MQTT-3.11.3-2)"));
        }
        Ok(Self { packet_id, properties, codes })
    }

    /// The codes as reasons.
    pub fn reasons(&self) -> impl Iterator<Item = ReasonCode> + Clone + 'a {
        self.codes.iter().copied().map(ReasonCode)
    }

    pub(super) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        encode_unsuback(version, self.packet_id, self.properties, self.reasons(), out)
    }
}

/// Appends an UNSUBACK; below MQTT 5 the reasons are not said.
///
/// # Errors
/// [`PacketTooLarge`].
pub fn encode_unsuback(
    version: Version,
    packet_id: PacketId,
    properties: Properties<'_>,
    reasons: impl IntoIterator<Item = ReasonCode>,
    out: &mut Vec<u8>,
) -> Result<(), PacketTooLarge> {
    write::packet(out, PacketType::UnsubAck.first(), |out| {
        write::two_bytes(out, packet_id.get());
        write::properties(out, version, properties)?;
        if version.has_properties() {
            out.extend(reasons.into_iter().map(|reason| reason.0));
        }
        Ok(())
    })
}
