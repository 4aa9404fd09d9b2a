//! CONNACK (§3.2), all versions.

use super::connect::read_properties;
use super::property::PropertyContext;
use super::read::Reader;
use super::write::{self, PacketTooLarge};
use super::{PacketType, Properties};
use crate::fault::Violation;
use crate::{ReasonCode, Version};

/// The server's answer to CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// Whether an earlier session goes on. Written as 0 in 3.1, which does not know it, and with every failure.
    pub session_present: bool,
    /// Success or why not. Below MQTT 5 it is written as the nearest return code.
    pub reason: ReasonCode,
    /// What differs from the defaults. Empty below MQTT 5.
    pub properties: Properties<'a>,
}

impl<'a> ConnAck<'a> {
    pub(super) fn decode(body: &'a [u8], version: Version) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let flags = reader.byte()?;
        if flags > 1 && version != Version::V31 {
            return Err(Violation::malformed("reserved CONNACK flags (MQTT-3.2.2-1)"));
        }
        let code = reader.byte()?;
        let reason = if version == Version::V5 {
            Some(ReasonCode(code)).filter(|reason| is_allowed(*reason))
        } else {
            ReasonCode::from_connect_return_code(code)
        };
        let reason = reason.ok_or(Violation::protocol("unknown CONNACK code (MQTT-3.2.2-8)"))?;
        let session_present = flags == 1 && version != Version::V31;
        if session_present && reason.is_error() {
            return Err(Violation::protocol("session present with a failure (MQTT-3.2.2-6)"));
        }
        let properties = read_properties(&mut reader, version, PropertyContext::ConnAck)?;
        reader.finish()?;
        Ok(Self { session_present, reason, properties })
    }

    /// Appends the packet.
    ///
    /// # Errors
    /// [`PacketTooLarge`].
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        write::packet(out, PacketType::ConnAck.first(), |out| {
            let present = self.session_present && !self.reason.is_error() && version != Version::V31;
            out.push(u8::from(present));
            out.push(if version == Version::V5 { self.reason.0 } else { self.reason.connect_return_code() });
            write::properties(out, version, self.properties)
        })
    }
}

fn is_allowed(reason: ReasonCode) -> bool {
    matches!(
        reason.0,
        0x00 | 0x80..=0x8a | 0x8c | 0x90 | 0x95 | 0x97 | 0x99 | 0x9a | 0x9b | 0x9c | 0x9d | 0x9f
    )
}
