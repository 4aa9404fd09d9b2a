//! One property: its identifier, type, values and the packets that may carry it (MQTT 5 §2.2.2.2, table 2-4).

use super::read::Reader;
use super::write::{self, PacketTooLarge};
use crate::fault::Violation;
use crate::topic::TopicName;
use crate::{Qos, ReasonCode};

/// A property with its value. Strings are UTF-8 without U+0000 and at most 65,535 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property<'a> {
    /// 0x01: whether the payload is UTF-8 text.
    PayloadFormatIndicator(bool),
    /// 0x02: seconds.
    MessageExpiryInterval(u32),
    /// 0x03.
    ContentType(&'a str),
    /// 0x08: a topic name.
    ResponseTopic(&'a str),
    /// 0x09.
    CorrelationData(&'a [u8]),
    /// 0x0B: 1 to 268,435,455.
    SubscriptionIdentifier(u32),
    /// 0x11: seconds.
    SessionExpiryInterval(u32),
    /// 0x12.
    AssignedClientIdentifier(&'a str),
    /// 0x13: seconds.
    ServerKeepAlive(u16),
    /// 0x15.
    AuthenticationMethod(&'a str),
    /// 0x16.
    AuthenticationData(&'a [u8]),
    /// 0x17.
    RequestProblemInformation(bool),
    /// 0x18: seconds.
    WillDelayInterval(u32),
    /// 0x19.
    RequestResponseInformation(bool),
    /// 0x1A.
    ResponseInformation(&'a str),
    /// 0x1C.
    ServerReference(&'a str),
    /// 0x1F.
    ReasonString(&'a str),
    /// 0x21: not 0.
    ReceiveMaximum(u16),
    /// 0x22.
    TopicAliasMaximum(u16),
    /// 0x23: not 0.
    TopicAlias(u16),
    /// 0x24: 0 or 1.
    MaximumQos(Qos),
    /// 0x25.
    RetainAvailable(bool),
    /// 0x26: name and value; may repeat, and its order counts.
    UserProperty(&'a str, &'a str),
    /// 0x27: bytes, not 0.
    MaximumPacketSize(u32),
    /// 0x28.
    WildcardSubscriptionAvailable(bool),
    /// 0x29.
    SubscriptionIdentifiersAvailable(bool),
    /// 0x2A.
    SharedSubscriptionAvailable(bool),
}

/// The packet, and for some the direction, whose rules a list of properties follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum PropertyContext {
    /// CONNECT.
    Connect = 1,
    /// The will inside CONNECT.
    Will = 1 << 1,
    /// CONNACK.
    ConnAck = 1 << 2,
    /// PUBLISH from a client, which must not carry subscription identifiers (MQTT-3.3.4-6).
    PublishFromClient = 1 << 3,
    /// PUBLISH from a server.
    PublishFromServer = 1 << 4,
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK: a reason string and user properties.
    Acknowledgement = 1 << 5,
    /// SUBSCRIBE.
    Subscribe = 1 << 6,
    /// UNSUBSCRIBE.
    Unsubscribe = 1 << 7,
    /// DISCONNECT from a client.
    DisconnectFromClient = 1 << 8,
    /// DISCONNECT from a server, which must not set the session expiry (MQTT-3.14.2-2).
    DisconnectFromServer = 1 << 9,
    /// AUTH.
    Auth = 1 << 10,
}

/// How often a property may stand in one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    Once,
    Often,
}

impl<'a> Property<'a> {
    /// The identifier on the wire.
    pub fn identifier(&self) -> u8 {
        match self {
            Self::PayloadFormatIndicator(_) => 0x01,
            Self::MessageExpiryInterval(_) => 0x02,
            Self::ContentType(_) => 0x03,
            Self::ResponseTopic(_) => 0x08,
            Self::CorrelationData(_) => 0x09,
            Self::SubscriptionIdentifier(_) => 0x0b,
            Self::SessionExpiryInterval(_) => 0x11,
            Self::AssignedClientIdentifier(_) => 0x12,
            Self::ServerKeepAlive(_) => 0x13,
            Self::AuthenticationMethod(_) => 0x15,
            Self::AuthenticationData(_) => 0x16,
            Self::RequestProblemInformation(_) => 0x17,
            Self::WillDelayInterval(_) => 0x18,
            Self::RequestResponseInformation(_) => 0x19,
            Self::ResponseInformation(_) => 0x1a,
            Self::ServerReference(_) => 0x1c,
            Self::ReasonString(_) => 0x1f,
            Self::ReceiveMaximum(_) => 0x21,
            Self::TopicAliasMaximum(_) => 0x22,
            Self::TopicAlias(_) => 0x23,
            Self::MaximumQos(_) => 0x24,
            Self::RetainAvailable(_) => 0x25,
            Self::UserProperty(..) => 0x26,
            Self::MaximumPacketSize(_) => 0x27,
            Self::WildcardSubscriptionAvailable(_) => 0x28,
            Self::SubscriptionIdentifiersAvailable(_) => 0x29,
            Self::SharedSubscriptionAvailable(_) => 0x2a,
        }
    }

    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Violation> {
        // The identifier is a variable byte integer, and all that exist take one byte.
        let property = match reader.variable()? {
            0x01 => Self::PayloadFormatIndicator(flag(reader)?),
            0x02 => Self::MessageExpiryInterval(reader.four_bytes()?),
            0x03 => Self::ContentType(reader.string()?),
            0x08 => Self::ResponseTopic(reader.string()?),
            0x09 => Self::CorrelationData(reader.binary()?),
            0x0b => Self::SubscriptionIdentifier(reader.variable()?),
            0x11 => Self::SessionExpiryInterval(reader.four_bytes()?),
            0x12 => Self::AssignedClientIdentifier(reader.string()?),
            0x13 => Self::ServerKeepAlive(reader.two_bytes()?),
            0x15 => Self::AuthenticationMethod(reader.string()?),
            0x16 => Self::AuthenticationData(reader.binary()?),
            0x17 => Self::RequestProblemInformation(flag(reader)?),
            0x18 => Self::WillDelayInterval(reader.four_bytes()?),
            0x19 => Self::RequestResponseInformation(flag(reader)?),
            0x1a => Self::ResponseInformation(reader.string()?),
            0x1c => Self::ServerReference(reader.string()?),
            0x1f => Self::ReasonString(reader.string()?),
            0x21 => Self::ReceiveMaximum(reader.two_bytes()?),
            0x22 => Self::TopicAliasMaximum(reader.two_bytes()?),
            0x23 => Self::TopicAlias(reader.two_bytes()?),
            0x24 => Self::MaximumQos(if flag(reader)? { Qos::AtLeastOnce } else { Qos::AtMostOnce }),
            0x25 => Self::RetainAvailable(flag(reader)?),
            0x26 => Self::UserProperty(reader.string()?, reader.string()?),
            0x27 => Self::MaximumPacketSize(reader.four_bytes()?),
            0x28 => Self::WildcardSubscriptionAvailable(flag(reader)?),
            0x29 => Self::SubscriptionIdentifiersAvailable(flag(reader)?),
            0x2a => Self::SharedSubscriptionAvailable(flag(reader)?),
            _ => return Err(Violation::malformed("unknown property (MQTT 5 §2.2.2.2)")),
        };
        property.check_value()?;
        Ok(property)
    }

    /// Rules on values that the data type does not express.
    pub(crate) fn check_value(&self) -> Result<(), Violation> {
        let broken = match *self {
            Self::SubscriptionIdentifier(0) => "subscription identifier 0 (MQTT 5 §3.8.2.1.2)",
            Self::SubscriptionIdentifier(268_435_456..) => {
                "subscription identifier too large (MQTT 5 §3.8.2.1.2)"
            }
            Self::ReceiveMaximum(0) => "receive maximum 0 (MQTT 5 §3.1.2.11.3)",
            Self::MaximumPacketSize(0) => "maximum packet size 0 (MQTT 5 §3.1.2.11.4)",
            Self::MaximumQos(Qos::ExactlyOnce) => {
                "maximum QoS 2 is said by leaving it out (MQTT 5 §3.2.2.3.4)"
            }
            Self::ResponseTopic(topic) if TopicName::parse(topic).is_err() => {
                "response topic is no topic name (MQTT-3.3.2-14)"
            }
            Self::TopicAlias(0) => {
                return Err(Violation {
                    reason: ReasonCode::TOPIC_ALIAS_INVALID,
                    text: "topic alias 0 (MQTT-3.3.2-8)",
                });
            }
            _ => return Ok(()),
        };
        Err(Violation::protocol(broken))
    }

    pub(crate) fn allowed_in(&self, context: PropertyContext) -> Result<Repeat, Violation> {
        use PropertyContext as In;
        const CONNECT: u16 = In::Connect as u16;
        const CONNACK: u16 = In::ConnAck as u16;
        const MESSAGE: u16 = In::PublishFromClient as u16 | In::PublishFromServer as u16 | In::Will as u16;
        let contexts = match self {
            Self::UserProperty(..) => return Ok(Repeat::Often),
            Self::SubscriptionIdentifier(_) => match context {
                In::PublishFromServer => return Ok(Repeat::Often),
                In::PublishFromClient => {
                    return Err(Violation::protocol("subscription identifier from a client (MQTT-3.3.4-6)"));
                }
                _ => In::Subscribe as u16,
            },
            Self::SessionExpiryInterval(_) if context == In::DisconnectFromServer => {
                return Err(Violation::protocol("session expiry from a server's DISCONNECT (MQTT-3.14.2-2)"));
            }
            Self::PayloadFormatIndicator(_)
            | Self::MessageExpiryInterval(_)
            | Self::ContentType(_)
            | Self::ResponseTopic(_)
            | Self::CorrelationData(_) => MESSAGE,
            Self::TopicAlias(_) => MESSAGE & !(In::Will as u16),
            Self::SessionExpiryInterval(_) => CONNECT | CONNACK | In::DisconnectFromClient as u16,
            Self::AuthenticationMethod(_) | Self::AuthenticationData(_) => {
                CONNECT | CONNACK | In::Auth as u16
            }
            Self::RequestProblemInformation(_) | Self::RequestResponseInformation(_) => CONNECT,
            Self::WillDelayInterval(_) => In::Will as u16,
            Self::ServerReference(_) => CONNACK | DISCONNECT,
            Self::ReasonString(_) => CONNACK | DISCONNECT | In::Acknowledgement as u16 | In::Auth as u16,
            Self::ReceiveMaximum(_) | Self::TopicAliasMaximum(_) | Self::MaximumPacketSize(_) => {
                CONNECT | CONNACK
            }
            Self::AssignedClientIdentifier(_)
            | Self::ServerKeepAlive(_)
            | Self::ResponseInformation(_)
            | Self::MaximumQos(_)
            | Self::RetainAvailable(_)
            | Self::WildcardSubscriptionAvailable(_)
            | Self::SubscriptionIdentifiersAvailable(_)
            | Self::SharedSubscriptionAvailable(_) => CONNACK,
        };
        if contexts & context as u16 != 0 {
            Ok(Repeat::Once)
        } else {
            Err(Violation::malformed("property does not belong to this packet (MQTT 5 §2.2.2.2)"))
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        out.push(self.identifier());
        match *self {
            Self::PayloadFormatIndicator(value)
            | Self::RequestProblemInformation(value)
            | Self::RequestResponseInformation(value)
            | Self::RetainAvailable(value)
            | Self::WildcardSubscriptionAvailable(value)
            | Self::SubscriptionIdentifiersAvailable(value)
            | Self::SharedSubscriptionAvailable(value) => out.push(u8::from(value)),
            Self::MaximumQos(qos) => out.push(qos.bits()),
            Self::ServerKeepAlive(value)
            | Self::ReceiveMaximum(value)
            | Self::TopicAliasMaximum(value)
            | Self::TopicAlias(value) => write::two_bytes(out, value),
            Self::MessageExpiryInterval(value)
            | Self::SessionExpiryInterval(value)
            | Self::WillDelayInterval(value)
            | Self::MaximumPacketSize(value) => write::four_bytes(out, value),
            Self::SubscriptionIdentifier(value) => write::variable(out, value),
            Self::ContentType(text)
            | Self::ResponseTopic(text)
            | Self::AssignedClientIdentifier(text)
            | Self::AuthenticationMethod(text)
            | Self::ResponseInformation(text)
            | Self::ServerReference(text)
            | Self::ReasonString(text) => write::binary(out, text.as_bytes())?,
            Self::CorrelationData(data) | Self::AuthenticationData(data) => write::binary(out, data)?,
            Self::UserProperty(name, value) => {
                write::binary(out, name.as_bytes())?;
                write::binary(out, value.as_bytes())?;
            }
        }
        Ok(())
    }

    pub(crate) fn texts(&self) -> [&'a str; 2] {
        match *self {
            Self::ContentType(text)
            | Self::ResponseTopic(text)
            | Self::AssignedClientIdentifier(text)
            | Self::AuthenticationMethod(text)
            | Self::ResponseInformation(text)
            | Self::ServerReference(text)
            | Self::ReasonString(text) => [text, ""],
            Self::UserProperty(name, value) => [name, value],
            _ => ["", ""],
        }
    }
}

const DISCONNECT: u16 =
    PropertyContext::DisconnectFromClient as u16 | PropertyContext::DisconnectFromServer as u16;

fn flag(reader: &mut Reader<'_>) -> Result<bool, Violation> {
    match reader.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Violation::protocol("property is neither 0 nor 1 (MQTT 5 §3.1.2.11, §3.2.2.3)")),
    }
}
