//! A message of any wire as a PUBLISH for one receiver.

use crate::codec::{
    PacketId, Properties, Property, PropertyBuffer, Publish, REMAINING_LENGTH_MAX, variable_bytes,
};
use crate::mapping::{self, CORRELATION, Origin};
use crate::topic::{LEVELS_MAX, TopicName};
use crate::{Qos, Version};
use bumpalo::Bump;
use stele_model::{Headers, Wire};

/// The message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'m> {
    pub subject: &'m [u8],
    pub reply: &'m [u8],
    pub headers: Headers<'m>,
    /// Which wire published it: decides about reserved headers that MQTT has no property for.
    pub origin: Origin,
    pub payload: Option<&'m [u8]>,
}

/// How one receiver gets it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape<'s> {
    pub version: Version,
    pub qos: Qos,
    /// `None` at QoS 0.
    pub packet_id: Option<PacketId>,
    pub duplicate: bool,
    pub retain: bool,
    /// Subscription identifiers; not said below MQTT 5.
    pub identifiers: &'s [u32],
    /// Maximum Packet Size of the receiver.
    pub packet_bytes_max: u32,
    /// A topic alias, and whether the receiver knows it already.
    pub alias: Option<(u16, bool)>,
    /// Milliseconds since 1970; `None`: the message came just now.
    pub now_ms: Option<u64>,
}

/// Why a message is not sent: it counts as delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsendable {
    /// Its subject is no topic, or a header fits into no property.
    NoMqttForm,
    /// It is longer than the receiver takes (MQTT-3.1.2-25).
    TooLarge,
    /// It expired while it waited (MQTT-3.3.2-5).
    Expired,
}

impl Outgoing<'_> {
    /// Appends the packet. On an error `out` is as it was.
    pub(crate) fn encode(&self, shape: &Shape<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let start = out.len();
        let encoded =
            self.encode_plain(shape, out).unwrap_or_else(|| self.encode_with_properties(shape, out));
        let fits = encoded.and_then(|()| {
            let length = out.len() - start;
            if length <= shape.packet_bytes_max as usize { Ok(()) } else { Err(Unsendable::TooLarge) }
        });
        if fits.is_err() {
            out.truncate(start);
        }
        fits
    }

    /// Nearly all messages: a plain subject, and no properties to write. `None`: the other way.
    fn encode_plain(&self, shape: &Shape<'_>, out: &mut Vec<u8>) -> Option<Result<(), Unsendable>> {
        let bare = self.headers.is_empty() && self.reply.is_empty() && self.payload.is_some();
        let bare = bare && shape.identifiers.is_empty() && shape.alias.is_none();
        if shape.version == Version::V5 && !bare || self.has_expiry() || !is_plain(self.subject) {
            return None;
        }
        let payload = self.payload.unwrap_or_default();
        let packet_id = if shape.qos == Qos::AtMostOnce { 0 } else { 2 };
        let properties = usize::from(shape.version == Version::V5);
        let remaining = 2 + self.subject.len() + packet_id + properties + payload.len();
        let Some(remaining) =
            u32::try_from(remaining).ok().filter(|remaining| *remaining <= REMAINING_LENGTH_MAX)
        else {
            return Some(Err(Unsendable::TooLarge));
        };
        let (length, length_bytes) = variable_bytes(remaining);
        out.reserve(1 + length_bytes + remaining as usize);
        out.push(0x30 | u8::from(shape.duplicate) << 3 | shape.qos.bits() << 1 | u8::from(shape.retain));
        out.extend_from_slice(&length[..length_bytes]);
        out.extend_from_slice(&(self.subject.len() as u16).to_be_bytes());
        let topic = out.len();
        out.extend_from_slice(self.subject);
        out[topic..].iter_mut().filter(|byte| **byte == b'.').for_each(|byte| *byte = b'/');
        if packet_id > 0 {
            out.extend_from_slice(&shape.packet_id.map_or(0, PacketId::get).to_be_bytes());
        }
        if properties > 0 {
            out.push(0);
        }
        out.extend_from_slice(payload);
        Some(Ok(()))
    }

    fn encode_with_properties(&self, shape: &Shape<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let mut topic = Vec::new();
        let known = shape.alias.is_some_and(|(_, known)| known);
        if !known {
            mapping::write_topic(self.subject, &mut topic).map_err(|_| Unsendable::NoMqttForm)?;
        }
        let topic = std::str::from_utf8(&topic).map_err(|_| Unsendable::NoMqttForm)?;
        let mut properties = PropertyBuffer::new();
        self.write_properties(shape, &mut properties)?;
        let properties =
            if shape.version == Version::V5 { properties.as_properties() } else { Properties::EMPTY };
        let publish = Publish {
            duplicate: shape.duplicate,
            qos: shape.qos,
            retain: shape.retain,
            topic: (!known).then(|| TopicName::trusted(topic)),
            packet_id: shape.packet_id,
            properties,
            payload: self.payload.unwrap_or_default(),
        };
        publish.encode(shape.version, out).map_err(|_| Unsendable::TooLarge)?;
        Ok(())
    }

    /// Also below MQTT 5, to learn whether it has expired.
    fn write_properties(&self, shape: &Shape<'_>, out: &mut PropertyBuffer) -> Result<(), Unsendable> {
        let refused = |_| Unsendable::NoMqttForm;
        if let Some((alias, _)) = shape.alias {
            out.push(Property::TopicAlias(alias)).map_err(refused)?;
        }
        for identifier in shape.identifiers {
            out.push(Property::SubscriptionIdentifier(*identifier)).map_err(refused)?;
        }
        let arena = Bump::new();
        let now_ms = shape.now_ms.or_else(|| self.received_ms()).unwrap_or(0);
        let written = if self.headers.wire == Wire::Mqtt {
            mapping::forward_headers(self.headers.raw, None, now_ms, &arena, out)
        } else {
            self.write_foreign(now_ms, &arena, out)
        };
        written.map_err(|error| match error {
            mapping::EgressError::Expired => Unsendable::Expired,
            mapping::EgressError::Refused(_) => Unsendable::NoMqttForm,
        })
    }

    /// Headers of another wire; the correlation data of a request defaults to its reply subject (semantics: a
    /// responder that knows only topics can answer, and one that copies the correlation data is recognised).
    fn write_foreign(
        &self,
        now_ms: u64,
        arena: &Bump,
        out: &mut PropertyBuffer,
    ) -> Result<(), mapping::EgressError> {
        let mut topic = Vec::new();
        let has_topic = !self.reply.is_empty() && mapping::write_topic(self.reply, &mut topic).is_ok();
        let response_topic = std::str::from_utf8(&topic).ok().filter(|_| has_topic);
        let mut headers = bumpalo::collections::Vec::new_in(arena);
        self.headers.each(&mut |header| {
            if header.0 != REPLY {
                headers.push(header);
            }
        });
        let foreign = self.origin == Origin::Foreign;
        if foreign && response_topic.is_some() && !headers.iter().any(|(name, _)| *name == CORRELATION) {
            headers.push((CORRELATION, Some(self.reply)));
        }
        mapping::write_properties(headers, response_topic, self.origin, now_ms, arena, out)?;
        if self.payload.is_none() {
            out.push(Property::UserProperty(NULL, "1"))?;
        }
        Ok(())
    }

    fn has_expiry(&self) -> bool {
        match self.headers.wire {
            Wire::Mqtt => self.received_ms().is_some(),
            _ => !self.headers.is_empty() && self.headers.get(mapping::EXPIRY).is_some(),
        }
    }

    fn received_ms(&self) -> Option<u64> {
        if self.headers.wire == Wire::Mqtt { mapping::received_ms(self.headers.raw) } else { None }
    }
}

/// The subject is its topic but for dots, which become slashes.
fn is_plain(subject: &[u8]) -> bool {
    let mut levels = 1;
    for byte in subject {
        match PLAIN[usize::from(*byte)] {
            Class::Plain => {}
            Class::Dot => levels += 1,
            Class::Other => return false,
        }
    }
    levels <= LEVELS_MAX && subject.len() <= usize::from(u16::MAX)
}

#[derive(Clone, Copy)]
enum Class {
    Plain,
    Dot,
    Other,
}

const PLAIN: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        classes[byte] = match byte as u8 {
            b'.' => Class::Dot,
            b'*' | b'>' | b'=' | b'/' | b'+' | b'#' => Class::Other,
            _ => Class::Plain,
        };
        byte += 1;
    }
    classes
};

/// The header of a stored record that holds the reply subject of its message.
pub(crate) const REPLY: &[u8] = b"Stele-Reply";

/// The user property that tells a null payload from an empty one.
const NULL: &str = "Stele-Null";
