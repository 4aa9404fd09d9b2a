//! DISCONNECT (§3.14). Below MQTT 5 it has no body and only the client sends it.

use super::ack::read_reason_tail;
use super::property::PropertyContext;
use super::read::Reader;
use super::write::{self, PacketTooLarge};
use super::{PacketType, Properties};
use crate::fault::Violation;
use crate::{ReasonCode, Sender, Version};

/// The last packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Normal disconnection (0x00) below MQTT 5.
    pub reason: ReasonCode,
    /// Empty below MQTT 5.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    pub(super) fn decode(body: &'a [u8], version: Version, sender: Sender) -> Result<Self, Violation> {
        let context = match sender {
            Sender::Client => PropertyContext::DisconnectFromClient,
            Sender::Server => PropertyContext::DisconnectFromServer,
        };
        let (reason, properties) = read_reason_tail(&mut Reader::new(body), version, context)?;
        if !is_allowed(reason, sender) {
            return Err(Violation::protocol("reason code does not belong to DISCONNECT (MQTT-3.14.2-1)"));
        }
        Ok(Self { reason, properties })
    }

    /// Appends the packet.
    ///
    /// # Errors
    /// [`PacketTooLarge`].
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        write::packet(out, PacketType::Disconnect.first(), |out| {
            write::reason_tail(out, version, self.reason, self.properties)
        })
    }
}

fn is_allowed(reason: ReasonCode, sender: Sender) -> bool {
    match reason.0 {
        0x00 | 0x80..=0x83 | 0x90 | 0x93..=0x99 => true,
        0x04 => sender == Sender::Client,
        0x87 | 0x89 | 0x8b | 0x8d | 0x8e | 0x8f | 0x9a..=0xa2 => sender == Sender::Server,
        _ => false,
    }
}
