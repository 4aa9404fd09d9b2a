//! UNSUBSCRIBE (§3.10), all versions.

use super::connect::read_properties;
use super::property::PropertyContext;
use super::read::{PacketId, Reader};
use super::write::{self, PacketTooLarge};
use super::{PacketType, Properties};
use crate::Version;
use crate::fault::Violation;

/// The end of subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Comes back in UNSUBACK.
    pub packet_id: PacketId,
    /// User properties. Empty below MQTT 5.
    pub properties: Properties<'a>,
    /// At least one.
    pub topics: UnsubscribeTopics<'a>,
}

/// The topics of an UNSUBSCRIBE, validated as strings and still in the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsubscribeTopics<'a> {
    bytes: &'a [u8],
}

impl<'a> UnsubscribeTopics<'a> {
    /// The topics in order, as text: what was subscribed is removed by exact comparison (MQTT-3.10.4-1).
    pub fn iter(self) -> impl Iterator<Item = &'a str> + Clone {
        let mut topics = Reader::new(self.bytes);
        std::iter::from_fn(move || topics.string().ok())
    }
}

impl<'a> Unsubscribe<'a> {
    pub(super) fn decode(body: &'a [u8], version: Version) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let properties = read_properties(&mut reader, version, PropertyContext::Unsubscribe)?;
        let bytes = reader.rest();
        let mut topics = Reader::new(bytes);
        if topics.is_empty() {
            return Err(Violation::protocol("UNSUBSCRIBE without a filter (MQTT-3.10.3-2)"));
        }
        while !topics.is_empty() {
            if topics.string()?.is_empty() {
                return Err(Violation::malformed("empty topic filter (MQTT-4.7.3-1)"));
            }
        }
        Ok(Self { packet_id, properties, topics: UnsubscribeTopics { bytes } })
    }

    pub(super) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        encode_unsubscribe(version, self.packet_id, self.properties, self.topics.iter(), out)
    }
}

/// Appends an UNSUBSCRIBE. At least one topic is needed for a legal packet.
///
/// # Errors
/// [`PacketTooLarge`].
pub fn encode_unsubscribe<'a>(
    version: Version,
    packet_id: PacketId,
    properties: Properties<'_>,
    topics: impl IntoIterator<Item = &'a str>,
    out: &mut Vec<u8>,
) -> Result<(), PacketTooLarge> {
    write::packet(out, PacketType::Unsubscribe.first(), |out| {
        write::two_bytes(out, packet_id.get());
        write::properties(out, version, properties)?;
        topics.into_iter().try_for_each(|topic| write::binary(out, topic.as_bytes()))
    })
}
