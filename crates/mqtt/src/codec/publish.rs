//! PUBLISH (§3.3), all versions, and its encoding for many receivers.

use super::connect::read_properties;
use super::frame::REMAINING_LENGTH_MAX;
use super::property::PropertyContext;
use super::read::{PacketId, Reader};
use super::write::{self, PacketTooLarge};
use super::{PacketType, Properties};
use crate::fault::Violation;
use crate::topic::TopicName;
use crate::{Qos, Sender, Version};

/// A message. Everything borrows from the read buffer; decoding allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The sender has sent it before.
    pub duplicate: bool,
    /// Its quality.
    pub qos: Qos,
    /// Whether it is retained.
    pub retain: bool,
    /// `None`: the topic is the one behind the topic alias, which is among the properties then.
    pub topic: Option<TopicName<'a>>,
    /// Present above QoS 0 when decoded. When encoded above QoS 0, `None` leaves a hole to be filled by
    /// [`PublishLayout::set_packet_id`].
    pub packet_id: Option<PacketId>,
    /// Empty below MQTT 5.
    pub properties: Properties<'a>,
    /// The message's bytes.
    pub payload: &'a [u8],
}

/// Where the parts of an encoded PUBLISH lie that differ between receivers. One encoding per (version, topic, QoS,
/// retain, properties) serves them all: each gets its packet id patched in before the bytes go to its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishLayout {
    start: usize,
    packet_id_at: Option<usize>,
    payload_at: usize,
}

impl<'a> Publish<'a> {
    pub(super) fn decode(
        first: u8,
        body: &'a [u8],
        version: Version,
        sender: Sender,
    ) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let duplicate = first & 0x08 != 0;
        let retain = first & 0x01 != 0;
        let qos = Qos::from_bits(first >> 1 & 0b11).ok_or(Violation::malformed("QoS 3 (MQTT-3.3.1-4)"))?;
        if duplicate && qos == Qos::AtMostOnce && version != Version::V31 {
            return Err(Violation::malformed("DUP with QoS 0 (MQTT-3.3.1-2)"));
        }
        let topic = reader.string()?;
        let packet_id = if qos == Qos::AtMostOnce { None } else { Some(reader.packet_id()?) };
        let context = match sender {
            Sender::Client => PropertyContext::PublishFromClient,
            Sender::Server => PropertyContext::PublishFromServer,
        };
        let properties = read_properties(&mut reader, version, context)?;
        let topic = if topic.is_empty() && version == Version::V5 {
            if properties.topic_alias().is_none() {
                return Err(Violation::protocol("neither topic name nor topic alias (MQTT 5 §3.3.2.1)"));
            }
            None
        } else {
            Some(TopicName::parse(topic).map_err(|error| Violation {
                reason: error.publish_reason(),
                text: "topic name not allowed (MQTT-3.3.2-2, MQTT-4.7.3)",
            })?)
        };
        Ok(Self { duplicate, qos, retain, topic, packet_id, properties, payload: reader.rest() })
    }

    /// Appends the whole packet.
    ///
    /// # Errors
    /// [`PacketTooLarge`].
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<PublishLayout, PacketTooLarge> {
        let layout = self.encode_head(version, out)?;
        out.extend_from_slice(self.payload);
        Ok(layout)
    }

    /// Appends the packet without its payload, which the caller writes after it: for payloads that are worth a
    /// vectored write.
    ///
    /// # Errors
    /// [`PacketTooLarge`].
    pub fn encode_head(&self, version: Version, out: &mut Vec<u8>) -> Result<PublishLayout, PacketTooLarge> {
        let remaining = self.remaining_length(version).ok_or(PacketTooLarge)?;
        let topic = self.topic.map_or("", TopicName::as_str);
        let start = out.len();
        out.push(self.first());
        write::variable(out, remaining);
        write::binary(out, topic.as_bytes())?;
        let mut packet_id_at = None;
        if self.qos > Qos::AtMostOnce {
            packet_id_at = Some(out.len());
            write::two_bytes(out, self.packet_id.map_or(0, PacketId::get));
        }
        write::properties(out, version, self.properties)?;
        Ok(PublishLayout { start, packet_id_at, payload_at: out.len() })
    }

    /// Bytes of the whole packet, to compare with the receiver's Maximum Packet Size; `None` when it cannot be sent.
    pub fn encoded_length(&self, version: Version) -> Option<usize> {
        let remaining = self.remaining_length(version)?;
        Some(1 + write::variable_bytes(remaining).1 + remaining as usize)
    }

    fn first(&self) -> u8 {
        (PacketType::Publish as u8) << 4
            | u8::from(self.duplicate) << 3
            | self.qos.bits() << 1
            | u8::from(self.retain)
    }

    fn remaining_length(&self, version: Version) -> Option<u32> {
        let mut length = 2 + self.topic.map_or(0, |topic| topic.as_str().len()) + self.payload.len();
        if self.qos > Qos::AtMostOnce {
            length += 2;
        }
        if version.has_properties() {
            let properties = u32::try_from(self.properties.as_bytes().len()).ok()?;
            if properties > REMAINING_LENGTH_MAX {
                return None;
            }
            length += write::variable_bytes(properties).1 + properties as usize;
        }
        u32::try_from(length).ok().filter(|length| *length <= REMAINING_LENGTH_MAX)
    }
}

impl PublishLayout {
    /// Writes the packet id of one receiver. `out` is the buffer that was encoded into. Does nothing at QoS 0.
    pub fn set_packet_id(&self, out: &mut [u8], packet_id: PacketId) {
        if let Some(at) = self.packet_id_at {
            out[at..at + 2].copy_from_slice(&packet_id.get().to_be_bytes());
        }
    }

    /// Sets or clears DUP, for a message that is sent again when a session is resumed (MQTT-4.4.0-1).
    pub fn set_duplicate(&self, out: &mut [u8], duplicate: bool) {
        let first = &mut out[self.start];
        *first = *first & !0x08 | u8::from(duplicate) << 3;
    }

    /// Where in the buffer the packet starts.
    pub fn start(&self) -> usize {
        self.start
    }

    /// Where in the buffer the payload starts, or where the head ends.
    pub fn payload_at(&self) -> usize {
        self.payload_at
    }
}
