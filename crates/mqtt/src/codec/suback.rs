//! SUBACK (§3.9), all versions.

use super::connect::read_properties;
use super::property::PropertyContext;
use super::read::{PacketId, Reader};
use super::write::{self, PacketTooLarge};
use super::{PacketType, Properties};
use crate::fault::Violation;
use crate::{ReasonCode, Version};

/// The answer to SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// Of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// Empty below MQTT 5.
    pub properties: Properties<'a>,
    /// One code for each filter, in order: granted QoS 0 to 2 or a failure.
    pub codes: &'a [u8],
}

impl<'a> SubAck<'a> {
    pub(super) fn decode(body: &'a [u8], version: Version) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let properties = read_properties(&mut reader, version, PropertyContext::Acknowledgement)?;
        let codes = reader.rest();
        if codes.is_empty() {
            return Err(Violation::protocol("SUBACK without a code (MQTT-3.9.3-1)"));
        }
        if !codes.iter().all(|code| is_allowed(*code, version)) {
            return Err(Violation::protocol("unknown SUBACK code (MQTT-3.9.3-2)"));
        }
        Ok(Self { packet_id, properties, codes })
    }

    /// The codes as reasons.
    pub fn reasons(&self) -> impl Iterator<Item = ReasonCode> + Clone + 'a {
        self.codes.iter().copied().map(ReasonCode)
    }

    pub(super) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        encode_suback(version, self.packet_id, self.properties, self.reasons(), out)
    }
}

/// Appends a SUBACK. Below MQTT 5 every failure becomes 0x80, also in 3.1, which has no word for it: silence about
/// a refused filter would be worse, and its clients take any number.
///
/// # Errors
/// [`PacketTooLarge`].
pub fn encode_suback(
    version: Version,
    packet_id: PacketId,
    properties: Properties<'_>,
    reasons: impl IntoIterator<Item = ReasonCode>,
    out: &mut Vec<u8>,
) -> Result<(), PacketTooLarge> {
    write::packet(out, PacketType::SubAck.first(), |out| {
        write::two_bytes(out, packet_id.get());
        write::properties(out, version, properties)?;
        out.extend(reasons.into_iter().map(|reason| {
            if version == Version::V5 || !reason.is_error() {
                reason.0
            } else {
                ReasonCode::UNSPECIFIED_ERROR.0
            }
        }));
        Ok(())
    })
}

fn is_allowed(code: u8, version: Version) -> bool {
    match version {
        Version::V31 | Version::V311 => matches!(code, 0..=2 | 0x80),
        Version::V5 => {
            matches!(code, 0..=2 | 0x80 | 0x83 | 0x87 | 0x8f | 0x91 | 0x97 | 0x9e | 0xa1 | 0xa2)
        }
    }
}
