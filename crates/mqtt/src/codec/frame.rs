//! The fixed header (MQTT 5 §2.1): packet type, flags and remaining length.

use crate::fault::Violation;
use crate::{ReasonCode, Sender, Version};

/// The largest remaining length: four bytes of seven bits (MQTT 5 §1.5.5).
pub const REMAINING_LENGTH_MAX: u32 = 268_435_455;

/// One packet's bytes with the header taken off, not looked into yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Packet type in the upper four bits, flags in the lower.
    pub first: u8,
    /// Variable header and payload.
    pub body: &'a [u8],
    /// Bytes of the whole packet with its fixed header.
    pub length: usize,
}

/// What [`split`] found at the start of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split<'a> {
    /// Nothing can be said before the input is `needed` bytes long, counted from the packet's first byte.
    Incomplete {
        needed: usize,
    },
    Frame(Frame<'a>),
}

/// Splits the first packet off. `packet_bytes_max` bounds the whole packet and is checked as soon as its length is
/// known, so that nobody buffers what will be refused.
pub(crate) fn split(input: &[u8], packet_bytes_max: u32) -> Result<Split<'_>, Violation> {
    let Some((&first, rest)) = input.split_first() else {
        return Ok(Split::Incomplete { needed: 2 });
    };
    let Some((remaining, length_bytes)) = read_variable(rest)? else {
        return Ok(Split::Incomplete { needed: input.len() + 1 });
    };
    // At most 1 + 4 + 268,435,455: fits everywhere.
    let length = 1 + length_bytes + remaining as usize;
    if length > packet_bytes_max as usize {
        return Err(Violation {
            reason: ReasonCode::PACKET_TOO_LARGE,
            text: "packet longer than the limit (MQTT-3.1.2-24)",
        });
    }
    match input.get(1 + length_bytes..length) {
        Some(body) => Ok(Split::Frame(Frame { first, body, length })),
        None => Ok(Split::Incomplete { needed: length }),
    }
}

/// Reads a variable byte integer: its value and its length in bytes; `None` when the input ends inside it.
pub(crate) fn read_variable(input: &[u8]) -> Result<Option<(u32, usize)>, Violation> {
    let mut value = 0;
    for (index, &byte) in input.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            if byte == 0 && index > 0 {
                return Err(Violation::malformed(
                    "variable byte integer not in its shortest form (MQTT-1.5.5-1)",
                ));
            }
            return Ok(Some((value, index + 1)));
        }
    }
    if input.len() >= 4 {
        return Err(Violation::malformed("variable byte integer longer than four bytes (MQTT 5 §1.5.5)"));
    }
    Ok(None)
}

/// The packet types (MQTT 5 §2.1.2). The number is the upper half of the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// Client to server: opens the session.
    Connect = 1,
    /// Server to client: answers CONNECT.
    ConnAck = 2,
    /// Both ways: a message.
    Publish = 3,
    /// Both ways: a QoS 1 message has arrived.
    PubAck = 4,
    /// Both ways: a QoS 2 message has arrived.
    PubRec = 5,
    /// Both ways: the sender has forgotten a QoS 2 message.
    PubRel = 6,
    /// Both ways: the receiver has forgotten its packet id.
    PubComp = 7,
    /// Client to server.
    Subscribe = 8,
    /// Server to client.
    SubAck = 9,
    /// Client to server.
    Unsubscribe = 10,
    /// Server to client.
    UnsubAck = 11,
    /// Client to server: I am alive.
    PingReq = 12,
    /// Server to client: so am I.
    PingResp = 13,
    /// The last packet. Below MQTT 5 only the client sends it.
    Disconnect = 14,
    /// Both ways, MQTT 5 only: a step of enhanced authentication.
    Auth = 15,
}

impl PacketType {
    /// The type in a first byte; `None` for 0, which is reserved.
    pub fn from_first(first: u8) -> Option<Self> {
        use PacketType::{
            Auth, ConnAck, Connect, Disconnect, PingReq, PingResp, PubAck, PubComp, PubRec, PubRel, Publish,
            SubAck, Subscribe, UnsubAck, Unsubscribe,
        };
        const TYPES: [PacketType; 15] = [
            Connect,
            ConnAck,
            Publish,
            PubAck,
            PubRec,
            PubRel,
            PubComp,
            Subscribe,
            SubAck,
            Unsubscribe,
            UnsubAck,
            PingReq,
            PingResp,
            Disconnect,
            Auth,
        ];
        usize::from(first >> 4).checked_sub(1).map(|index| TYPES[index])
    }

    /// The first byte of a packet whose flags are fixed, which is every one but PUBLISH (MQTT 5 §2.1.3).
    pub(crate) fn first(self) -> u8 {
        let flags = match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            _ => 0,
        };
        (self as u8) << 4 | flags
    }

    fn may_come_from(self, sender: Sender, version: Version) -> bool {
        match self {
            Self::Connect | Self::Subscribe | Self::Unsubscribe | Self::PingReq => sender == Sender::Client,
            Self::ConnAck | Self::SubAck | Self::UnsubAck | Self::PingResp => sender == Sender::Server,
            Self::Disconnect => sender == Sender::Client || version == Version::V5,
            Self::Auth => version == Version::V5,
            Self::Publish | Self::PubAck | Self::PubRec | Self::PubRel | Self::PubComp => true,
        }
    }
}

/// Checks what the first byte alone decides: type, direction, flags. Called before the body has arrived.
pub(crate) fn check_first(first: u8, version: Version, sender: Sender) -> Result<PacketType, Violation> {
    let Some(packet_type) = PacketType::from_first(first) else {
        return Err(Violation::malformed("packet type 0 is reserved (MQTT 5 §2.1.2)"));
    };
    if !packet_type.may_come_from(sender, version) {
        return Err(Violation::protocol(
            "this packet is not sent in this direction or version (MQTT 5 §2.1.2)",
        ));
    }
    if packet_type == PacketType::Publish {
        return Ok(packet_type);
    }
    // MQTT 3.1 §2.1 sets DUP when it repeats PUBREL, SUBSCRIBE or UNSUBSCRIBE.
    let repeated = version == Version::V31 && first == packet_type.first() | 0x08 && first & 0x02 != 0;
    if first == packet_type.first() || repeated {
        Ok(packet_type)
    } else {
        Err(Violation::malformed("reserved flags of the fixed header (MQTT-2.1.3-1)"))
    }
}
