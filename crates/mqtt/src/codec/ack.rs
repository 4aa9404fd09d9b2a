//! PUBACK, PUBREC, PUBREL and PUBCOMP (§3.4 to §3.7): four packets of one form, told apart by type and reasons.
//!
//! Below MQTT 5 they are a packet id and nothing else. In MQTT 5 the reason and the properties may be left out.

use super::property::PropertyContext;
use super::read::{PacketId, Reader};
use super::write::{self, PacketTooLarge};
use super::{PacketType, Properties};
use crate::fault::Violation;
use crate::{ReasonCode, Version};

/// One step of the QoS 1 or QoS 2 flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// The packet id of the PUBLISH.
    pub packet_id: PacketId,
    /// Success below MQTT 5.
    pub reason: ReasonCode,
    /// Empty below MQTT 5.
    pub properties: Properties<'a>,
}

impl<'a> Ack<'a> {
    /// The usual one: success and no properties.
    pub fn success(packet_id: PacketId) -> Self {
        Self::failure(packet_id, ReasonCode::SUCCESS)
    }

    /// One with a reason and no properties.
    pub fn failure(packet_id: PacketId, reason: ReasonCode) -> Self {
        Self { packet_id, reason, properties: Properties::EMPTY }
    }

    pub(super) fn decode(
        packet_type: PacketType,
        body: &'a [u8],
        version: Version,
    ) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let (reason, properties) = read_reason_tail(&mut reader, version, PropertyContext::Acknowledgement)?;
        if !is_allowed(packet_type, reason) {
            return Err(Violation::protocol("reason code does not belong to this packet (MQTT-3.4.2-1)"));
        }
        Ok(Self { packet_id, reason, properties })
    }

    pub(super) fn encode(
        &self,
        packet_type: PacketType,
        version: Version,
        out: &mut Vec<u8>,
    ) -> Result<(), PacketTooLarge> {
        write::packet(out, packet_type.first(), |out| {
            write::two_bytes(out, self.packet_id.get());
            write::reason_tail(out, version, self.reason, self.properties)
        })
    }

    /// Appends it as PUBACK.
    ///
    /// # Errors
    /// [`PacketTooLarge`]; never without properties. The same holds for the other three.
    pub fn encode_puback(&self, version: Version, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        self.encode(PacketType::PubAck, version, out)
    }

    /// Appends it as PUBREC.
    ///
    /// # Errors
    /// [`PacketTooLarge`].
    pub fn encode_pubrec(&self, version: Version, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        self.encode(PacketType::PubRec, version, out)
    }

    /// Appends it as PUBREL.
    ///
    /// # Errors
    /// [`PacketTooLarge`].
    pub fn encode_pubrel(&self, version: Version, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        self.encode(PacketType::PubRel, version, out)
    }

    /// Appends it as PUBCOMP.
    ///
    /// # Errors
    /// [`PacketTooLarge`].
    pub fn encode_pubcomp(&self, version: Version, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        self.encode(PacketType::PubComp, version, out)
    }
}

/// Reason and properties, both of which MQTT 5 may leave out, and which older versions do not have.
pub(super) fn read_reason_tail<'a>(
    reader: &mut Reader<'a>,
    version: Version,
    context: PropertyContext,
) -> Result<(ReasonCode, Properties<'a>), Violation> {
    let mut tail = (ReasonCode::SUCCESS, Properties::EMPTY);
    if version.has_properties() && !reader.is_empty() {
        tail.0 = ReasonCode(reader.byte()?);
        if !reader.is_empty() {
            tail.1 = reader.properties(context)?;
        }
    }
    reader.finish()?;
    Ok(tail)
}

fn is_allowed(packet_type: PacketType, reason: ReasonCode) -> bool {
    match packet_type {
        PacketType::PubAck | PacketType::PubRec => {
            matches!(reason.0, 0x00 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99)
        }
        _ => matches!(reason.0, 0x00 | 0x92),
    }
}
