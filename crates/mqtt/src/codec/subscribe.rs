//! SUBSCRIBE (§3.8), all versions.
//!
//! A filter that breaks a rule does not break the packet: its neighbours are served and it gets its code in SUBACK
//! (§3.9.3). So filters stay text here and [`SubscriptionTopic::parse`](crate::topic::SubscriptionTopic::parse)
//! judges each.

use super::connect::read_properties;
use super::property::PropertyContext;
use super::read::{PacketId, Reader};
use super::write::{self, PacketTooLarge};
use super::{PacketType, Properties};
use crate::fault::Violation;
use crate::{Qos, Version};

/// A request for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Comes back in SUBACK.
    pub packet_id: PacketId,
    /// A subscription identifier and user properties. Empty below MQTT 5.
    pub properties: Properties<'a>,
    /// At least one.
    pub subscriptions: Subscriptions<'a>,
}

/// One line of SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription<'a> {
    /// UTF-8 without U+0000 and not empty; otherwise unchecked.
    pub topic: &'a str,
    /// How messages are wanted.
    pub options: SubscriptionOptions,
}

/// The options byte (§3.8.3.1). Below MQTT 5 there is only the quality.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SubscriptionOptions {
    /// The highest quality wanted.
    pub qos: Qos,
    /// Leave out what this client itself publishes.
    pub no_local: bool,
    /// Keep the retain flag of the publisher.
    pub retain_as_published: bool,
    /// Which retained messages are wanted at once.
    pub retain_handling: RetainHandling,
}

/// Which retained messages a subscription asks for (§3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RetainHandling {
    /// 0: those that match, at each SUBSCRIBE.
    #[default]
    Send,
    /// 1: those that match, if the subscription is new.
    SendIfNew,
    /// 2: none.
    Ignore,
}

impl<'a> Subscribe<'a> {
    pub(super) fn decode(body: &'a [u8], version: Version) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let properties = read_properties(&mut reader, version, PropertyContext::Subscribe)?;
        let bytes = reader.rest();
        let mut lines = Reader::new(bytes);
        if lines.is_empty() {
            return Err(Violation::protocol("SUBSCRIBE without a filter (MQTT-3.8.3-2)"));
        }
        while !lines.is_empty() {
            Subscription::read(&mut lines, version)?;
        }
        Ok(Self { packet_id, properties, subscriptions: Subscriptions { bytes, version } })
    }

    pub(super) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        encode_subscribe(version, self.packet_id, self.properties, self.subscriptions.iter(), out)
    }
}

/// Appends a SUBSCRIBE. At least one subscription is needed for a legal packet.
///
/// # Errors
/// [`PacketTooLarge`].
pub fn encode_subscribe<'a>(
    version: Version,
    packet_id: PacketId,
    properties: Properties<'_>,
    subscriptions: impl IntoIterator<Item = Subscription<'a>>,
    out: &mut Vec<u8>,
) -> Result<(), PacketTooLarge> {
    write::packet(out, PacketType::Subscribe.first(), |out| {
        write::two_bytes(out, packet_id.get());
        write::properties(out, version, properties)?;
        for subscription in subscriptions {
            write::binary(out, subscription.topic.as_bytes())?;
            out.push(subscription.options.bits(version));
        }
        Ok(())
    })
}

/// The lines of a SUBSCRIBE, validated and still in the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriptions<'a> {
    bytes: &'a [u8],
    version: Version,
}

impl<'a> Subscriptions<'a> {
    /// The lines in order; SUBACK answers each (MQTT-3.9.3-1).
    pub fn iter(self) -> impl Iterator<Item = Subscription<'a>> + Clone {
        let mut lines = Reader::new(self.bytes);
        std::iter::from_fn(move || Subscription::read(&mut lines, self.version).ok())
    }
}

impl<'a> Subscription<'a> {
    fn read(lines: &mut Reader<'a>, version: Version) -> Result<Self, Violation> {
        let topic = lines.string()?;
        if topic.is_empty() {
            return Err(Violation::malformed("empty topic filter (MQTT-4.7.3-1)"));
        }
        let options = SubscriptionOptions::from_bits(lines.byte()?, version)?;
        if options.no_local && topic.starts_with("$share/") {
            return Err(Violation::protocol("No Local on a shared subscription (MQTT-3.8.3-4)"));
        }
        Ok(Self { topic, options })
    }
}

impl SubscriptionOptions {
    /// The byte of MQTT 5, to be kept with a stored subscription.
    pub fn to_byte(self) -> u8 {
        self.bits(Version::V5)
    }

    /// What [`to_byte`](Self::to_byte) gave; the default for any other byte.
    pub fn from_byte(byte: u8) -> Self {
        Self::from_bits(byte, Version::V5).unwrap_or_default()
    }

    fn from_bits(bits: u8, version: Version) -> Result<Self, Violation> {
        let reserved = if version == Version::V5 { 0xc0 } else { 0xfc };
        if bits & reserved != 0 {
            return Err(Violation::malformed("reserved subscription options (MQTT-3.8.3-5)"));
        }
        let qos = Qos::from_bits(bits & 0b11).ok_or(Violation::malformed("QoS 3 (MQTT-3.8.3-4 of 3.1.1)"))?;
        let retain_handling = match bits >> 4 & 0b11 {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::Ignore,
            _ => return Err(Violation::protocol("retain handling 3 (MQTT 5 §3.8.3.1)")),
        };
        Ok(Self { qos, no_local: bits & 0x04 != 0, retain_as_published: bits & 0x08 != 0, retain_handling })
    }

    fn bits(self, version: Version) -> u8 {
        if version != Version::V5 {
            return self.qos.bits();
        }
        self.qos.bits()
            | u8::from(self.no_local) << 2
            | u8::from(self.retain_as_published) << 3
            | (self.retain_handling as u8) << 4
    }
}
