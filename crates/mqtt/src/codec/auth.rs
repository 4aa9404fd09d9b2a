//! AUTH (§3.15), MQTT 5 only.

use super::ack::read_reason_tail;
use super::property::PropertyContext;
use super::read::Reader;
use super::write::{self, PacketTooLarge};
use super::{PacketType, Properties};
use crate::fault::Violation;
use crate::{ReasonCode, Sender, Version};

/// One step of enhanced authentication (§4.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Success, continue authentication or re-authenticate.
    pub reason: ReasonCode,
    /// The method and its data among them.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    pub(super) fn decode(body: &'a [u8], sender: Sender) -> Result<Self, Violation> {
        let (reason, properties) =
            read_reason_tail(&mut Reader::new(body), Version::V5, PropertyContext::Auth)?;
        let allowed = match reason {
            ReasonCode::SUCCESS => sender == Sender::Server,
            ReasonCode::RE_AUTHENTICATE => sender == Sender::Client,
            other => other == ReasonCode::CONTINUE_AUTHENTICATION,
        };
        if !allowed {
            return Err(Violation::protocol("reason code does not belong to AUTH (MQTT-3.15.2-1)"));
        }
        Ok(Self { reason, properties })
    }

    /// Appends the packet.
    ///
    /// # Errors
    /// [`PacketTooLarge`].
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        write::packet(out, PacketType::Auth.first(), |out| {
            write::reason_tail(out, Version::V5, self.reason, self.properties)
        })
    }
}
