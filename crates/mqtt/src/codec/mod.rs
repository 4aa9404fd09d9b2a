//! The packets of MQTT 3.1, 3.1.1 and 5, both ways. No input or output happens here.
//!
//! ```text
//!             ┌─ first byte: type, direction, flags ─ length: form, limit ─ body ─→ Packet
//! Decoder::next                                                  └─ not all here ─→ Incomplete
//!             └─ any rule broken ─→ Fault: close silently, CONNACK or DISCONNECT
//! ```
//!
//! What a codec can know by itself is checked here. What depends on a session is not: topic aliases, receive
//! maximum, packet ids in use, the authentication method, rights.

mod ack;
mod auth;
mod connack;
mod connect;
mod decoder;
mod disconnect;
mod frame;
mod properties;
mod property;
mod property_buffer;
mod publish;
mod read;
mod suback;
mod subscribe;
mod unsuback;
mod unsubscribe;
mod write;

pub use ack::Ack;
pub use auth::Auth;
pub use connack::ConnAck;
pub use connect::{Connect, Will};
pub use decoder::{Decoder, Step};
pub use disconnect::Disconnect;
pub use frame::{Frame, PacketType, REMAINING_LENGTH_MAX};
pub use properties::{Properties, PropertyIter};
pub use property::{Property, PropertyContext};
pub use property_buffer::{PropertyBuffer, PropertyRefused};
pub use publish::{Publish, PublishLayout};
pub use read::PacketId;
pub use suback::{SubAck, encode_suback};
pub use subscribe::{
    RetainHandling, Subscribe, Subscription, SubscriptionOptions, Subscriptions, encode_subscribe,
};
pub use unsuback::{UnsubAck, encode_unsuback};
pub use unsubscribe::{Unsubscribe, UnsubscribeTopics, encode_unsubscribe};
pub use write::PacketTooLarge;
pub(crate) use write::variable_bytes;

use crate::Version;

/// A packet that borrows from the bytes it was decoded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the packet of its name")]
pub enum Packet<'a> {
    Connect(Connect<'a>),
    ConnAck(ConnAck<'a>),
    Publish(Publish<'a>),
    PubAck(Ack<'a>),
    PubRec(Ack<'a>),
    PubRel(Ack<'a>),
    PubComp(Ack<'a>),
    Subscribe(Subscribe<'a>),
    SubAck(SubAck<'a>),
    Unsubscribe(Unsubscribe<'a>),
    UnsubAck(UnsubAck<'a>),
    PingReq,
    PingResp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

impl Packet<'_> {
    /// The packet's type.
    pub fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }

    /// Appends the packet in the form of `version`, which leaves out what that version has no place for. CONNECT
    /// follows its own version.
    ///
    /// # Errors
    /// [`PacketTooLarge`]; nothing has been appended then.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        match self {
            Self::Connect(packet) => packet.encode(out),
            Self::ConnAck(packet) => packet.encode(version, out),
            Self::Publish(packet) => packet.encode(version, out).map(|_| ()),
            Self::PubAck(packet) => packet.encode(PacketType::PubAck, version, out),
            Self::PubRec(packet) => packet.encode(PacketType::PubRec, version, out),
            Self::PubRel(packet) => packet.encode(PacketType::PubRel, version, out),
            Self::PubComp(packet) => packet.encode(PacketType::PubComp, version, out),
            Self::Subscribe(packet) => packet.encode(version, out),
            Self::SubAck(packet) => packet.encode(version, out),
            Self::Unsubscribe(packet) => packet.encode(version, out),
            Self::UnsubAck(packet) => packet.encode(version, out),
            Self::PingReq | Self::PingResp => {
                write::empty_packet(out, self.packet_type());
                Ok(())
            }
            Self::Disconnect(packet) => packet.encode(version, out),
            Self::Auth(packet) => packet.encode(out),
        }
    }

    /// Appends the packet if it is at most `packet_bytes_max` long (the receiver's Maximum Packet Size), else the
    /// same packet without its reason string and user properties, which is how MQTT-3.2.2-19, -20 and their like
    /// want it. For the answers of a server; a PUBLISH is dropped instead, see [`Publish::encoded_length`].
    ///
    /// # Errors
    /// [`PacketTooLarge`] when it is too long without them, too; nothing has been appended then.
    pub fn encode_within(
        &self,
        packet_bytes_max: u32,
        version: Version,
        out: &mut Vec<u8>,
    ) -> Result<(), PacketTooLarge> {
        let start = out.len();
        self.encode(version, out)?;
        if out.len() - start <= packet_bytes_max as usize {
            return Ok(());
        }
        out.truncate(start);
        let mut kept = PropertyBuffer::new();
        let mut shorter = *self;
        let Some(properties) = shorter.properties_mut() else {
            return Err(PacketTooLarge);
        };
        for property in *properties {
            if !matches!(property, Property::ReasonString(_) | Property::UserProperty(..)) {
                kept.push(property).map_err(|_| PacketTooLarge)?;
            }
        }
        shorter.encode_with_properties(kept.as_properties(), version, out)?;
        if out.len() - start <= packet_bytes_max as usize {
            return Ok(());
        }
        out.truncate(start);
        Err(PacketTooLarge)
    }
}

impl<'a> Packet<'a> {
    fn properties_mut(&mut self) -> Option<&mut Properties<'a>> {
        match self {
            Self::ConnAck(packet) => Some(&mut packet.properties),
            Self::PubAck(packet) | Self::PubRec(packet) | Self::PubRel(packet) | Self::PubComp(packet) => {
                Some(&mut packet.properties)
            }
            Self::SubAck(packet) => Some(&mut packet.properties),
            Self::UnsubAck(packet) => Some(&mut packet.properties),
            Self::Disconnect(packet) => Some(&mut packet.properties),
            Self::Auth(packet) => Some(&mut packet.properties),
            _ => None,
        }
    }

    fn encode_with_properties<'b>(
        self,
        properties: Properties<'b>,
        version: Version,
        out: &mut Vec<u8>,
    ) -> Result<(), PacketTooLarge>
    where
        'a: 'b,
    {
        let mut packet: Packet<'b> = self;
        if let Some(slot) = packet.properties_mut() {
            *slot = properties;
        }
        packet.encode(version, out)
    }
}
