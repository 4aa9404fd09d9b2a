//! From a stream of bytes to packets, with the version as the only state.

use super::frame::{self, Split, check_first};
use super::{
    Ack, Auth, ConnAck, Connect, Disconnect, Frame, Packet, PacketType, Publish, SubAck, Subscribe, UnsubAck,
    Unsubscribe,
};
use crate::fault::{CloseWith, Fault, Violation};
use crate::{Sender, Version};

/// Takes packets from the front of the input. It holds no bytes: the caller keeps what was not consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoder {
    /// `None`: CONNECT must come first.
    version: Option<Version>,
    sender: Sender,
    packet_bytes_max: u32,
}

/// What was at the front of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a Step lives on the stack between decoding and use")]
pub enum Step<'a> {
    /// Not a whole packet. Call again when the input is at least `needed` bytes long, counted from the same start;
    /// at most the packet limit.
    Incomplete {
        /// Bytes, more than the input had.
        needed: usize,
    },
    /// A packet.
    Packet {
        /// Borrowed from the input.
        packet: Packet<'a>,
        /// Bytes to take off the front of the input.
        consumed: usize,
    },
}

impl Decoder {
    /// For a broker: the first packet must be CONNECT, which fixes the version (MQTT-3.1.0-1).
    pub fn for_server(packet_bytes_max: u32) -> Self {
        Self { version: None, sender: Sender::Client, packet_bytes_max }
    }

    /// For a client that has sent a CONNECT of this version.
    pub fn for_client(version: Version, packet_bytes_max: u32) -> Self {
        Self { version: Some(version), sender: Sender::Server, packet_bytes_max }
    }

    /// The version, once it is known.
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    /// Changes the limit of a whole packet, in bytes: for instance a small one before authentication.
    pub fn set_packet_bytes_max(&mut self, packet_bytes_max: u32) {
        self.packet_bytes_max = packet_bytes_max;
    }

    /// Decodes the packet at the front of `input`.
    ///
    /// # Errors
    /// A [`Fault`] as soon as the bytes so far show one: a wrong first byte or a length over the limit is reported
    /// before the body has arrived. The connection must be closed after it.
    pub fn next<'a>(&mut self, input: &'a [u8]) -> Result<Step<'a>, Fault> {
        let packet_type = match input.first() {
            Some(&first) => self.check_first(first)?,
            None => return Ok(Step::Incomplete { needed: 2 }),
        };
        match frame::split(input, self.packet_bytes_max) {
            Ok(Split::Incomplete { needed }) => Ok(Step::Incomplete { needed }),
            Ok(Split::Frame(frame)) => {
                let packet = self.decode(packet_type, frame)?;
                Ok(Step::Packet { packet, consumed: frame.length })
            }
            Err(violation) => Err(self.fault(violation)),
        }
    }

    fn check_first(&self, first: u8) -> Result<PacketType, Fault> {
        let Some(version) = self.version else {
            // MQTT 3.1 lets unused flags be anything, but nobody sends them: 0x10 tells MQTT from other protocols.
            return if first == PacketType::Connect.first() {
                Ok(PacketType::Connect)
            } else {
                Err(self.fault(Violation::protocol("the first packet is not CONNECT (MQTT-3.1.0-1)")))
            };
        };
        let packet_type =
            check_first(first, version, self.sender).map_err(|violation| violation.on(version))?;
        if packet_type == PacketType::Connect {
            return Err(self.fault(Violation::protocol("second CONNECT (MQTT-3.1.0-2)")));
        }
        Ok(packet_type)
    }

    fn decode<'a>(&mut self, packet_type: PacketType, frame: Frame<'a>) -> Result<Packet<'a>, Fault> {
        let Some(version) = self.version else {
            let connect = Connect::decode(frame.body)?;
            self.version = Some(connect.version);
            return Ok(Packet::Connect(connect));
        };
        decode_body(packet_type, frame, version, self.sender).map_err(|violation| violation.on(version))
    }

    fn fault(&self, violation: Violation) -> Fault {
        match self.version {
            Some(version) => violation.on(version),
            None => violation.with(CloseWith::Silence),
        }
    }
}

fn decode_body(
    packet_type: PacketType,
    frame: Frame<'_>,
    version: Version,
    sender: Sender,
) -> Result<Packet<'_>, Violation> {
    let body = frame.body;
    Ok(match packet_type {
        PacketType::Connect => return Err(Violation::protocol("second CONNECT (MQTT-3.1.0-2)")),
        PacketType::ConnAck => Packet::ConnAck(ConnAck::decode(body, version)?),
        PacketType::Publish => Packet::Publish(Publish::decode(frame.first, body, version, sender)?),
        PacketType::PubAck => Packet::PubAck(Ack::decode(packet_type, body, version)?),
        PacketType::PubRec => Packet::PubRec(Ack::decode(packet_type, body, version)?),
        PacketType::PubRel => Packet::PubRel(Ack::decode(packet_type, body, version)?),
        PacketType::PubComp => Packet::PubComp(Ack::decode(packet_type, body, version)?),
        PacketType::Subscribe => Packet::Subscribe(Subscribe::decode(body, version)?),
        PacketType::SubAck => Packet::SubAck(SubAck::decode(body, version)?),
        PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe::decode(body, version)?),
        PacketType::UnsubAck => Packet::UnsubAck(UnsubAck::decode(body, version)?),
        PacketType::PingReq | PacketType::PingResp if !body.is_empty() => {
            return Err(Violation::malformed("PINGREQ and PINGRESP have no body (MQTT 5 §3.12, §3.13)"));
        }
        PacketType::PingReq => Packet::PingReq,
        PacketType::PingResp => Packet::PingResp,
        PacketType::Disconnect => Packet::Disconnect(Disconnect::decode(body, version, sender)?),
        PacketType::Auth => Packet::Auth(Auth::decode(body, sender)?),
    })
}
