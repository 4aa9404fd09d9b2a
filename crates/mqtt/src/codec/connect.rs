//! CONNECT (§3.1), all versions.
//!
//! 3.1 keeps some looseness that its clients rely on: the reserved flag and the will bits without a will are not
//! looked at, and a packet may end before the user name or the password that its flags announce (§3.1 of 3.1: the
//! remaining length takes precedence). Client ids over 23 bytes are accepted everywhere, as by every broker.

use super::property::PropertyContext;
use super::read::Reader;
use super::write::{self, PacketTooLarge};
use super::{PacketType, Properties};
use crate::fault::{CloseWith, Fault, Violation};
use crate::topic::TopicName;
use crate::{Qos, ReasonCode, Version};

/// The first packet of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The version that this connection speaks from now on.
    pub version: Version,
    /// Clean Start, called Clean Session below MQTT 5: forget an earlier session.
    pub clean_start: bool,
    /// Seconds; 0 turns keep alive off.
    pub keep_alive_seconds: u16,
    /// Empty: the server chooses one (with `clean_start` only, below MQTT 5; never in 3.1).
    pub client_id: &'a str,
    /// The message that is published when the connection is lost.
    pub will: Option<Will<'a>>,
    /// The user name.
    pub user_name: Option<&'a str>,
    /// The password, or any other credential. Below MQTT 5 never without a user name (MQTT-3.1.2-22 of 3.1.1).
    pub password: Option<&'a [u8]>,
    /// Empty below MQTT 5.
    pub properties: Properties<'a>,
}

/// The will inside CONNECT (§3.1.2.5, §3.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// Its topic.
    pub topic: TopicName<'a>,
    /// Its payload.
    pub payload: &'a [u8],
    /// Its quality.
    pub qos: Qos,
    /// Whether it is retained.
    pub retain: bool,
    /// Will delay, message expiry and the properties of the message. Empty below MQTT 5.
    pub properties: Properties<'a>,
}

impl<'a> Connect<'a> {
    /// Decodes the body. The version comes out of the packet, so the faults are complete here.
    pub(super) fn decode(body: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(body);
        let version = read_version(&mut reader)?;
        Self::decode_rest(&mut reader, version).map_err(|violation| {
            let told = version == Version::V5 || violation.reason == ReasonCode::CLIENT_IDENTIFIER_NOT_VALID;
            violation.with(if told { CloseWith::ConnAck(version) } else { CloseWith::Silence })
        })
    }

    fn decode_rest(reader: &mut Reader<'a>, version: Version) -> Result<Self, Violation> {
        let flags = Flags::check(reader.byte()?, version)?;
        let keep_alive_seconds = reader.two_bytes()?;
        let properties = read_properties(reader, version, PropertyContext::Connect)?;
        let client_id = reader.string()?;
        let clean_start = flags.has(Flags::CLEAN_START);
        let chosen_by_server = version == Version::V5 || version == Version::V311 && clean_start;
        if client_id.is_empty() && !chosen_by_server {
            return Err(Violation {
                reason: ReasonCode::CLIENT_IDENTIFIER_NOT_VALID,
                text: "empty client identifier without clean session (MQTT-3.1.3-8 of 3.1.1)",
            });
        }
        let will = if flags.has(Flags::WILL) { Some(Will::decode(reader, version, flags)?) } else { None };
        let ends_early = |reader: &Reader<'_>| version == Version::V31 && reader.is_empty();
        let user_name =
            if flags.has(Flags::USER_NAME) && !ends_early(reader) { Some(reader.string()?) } else { None };
        let password =
            if flags.has(Flags::PASSWORD) && !ends_early(reader) { Some(reader.binary()?) } else { None };
        reader.finish()?;
        Ok(Self {
            version,
            clean_start,
            keep_alive_seconds,
            client_id,
            will,
            user_name,
            password,
            properties,
        })
    }

    /// Appends the packet.
    ///
    /// # Errors
    /// [`PacketTooLarge`], for instance for a client id over 65,535 bytes.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        write::packet(out, PacketType::Connect.first(), |out| {
            write::binary(out, self.version.protocol_name().as_bytes())?;
            out.push(self.version.level());
            out.push(self.flags());
            write::two_bytes(out, self.keep_alive_seconds);
            write::properties(out, self.version, self.properties)?;
            write::binary(out, self.client_id.as_bytes())?;
            if let Some(will) = &self.will {
                write::properties(out, self.version, will.properties)?;
                write::binary(out, will.topic.as_str().as_bytes())?;
                write::binary(out, will.payload)?;
            }
            if let Some(user_name) = self.user_name {
                write::binary(out, user_name.as_bytes())?;
            }
            self.password.map_or(Ok(()), |password| write::binary(out, password))
        })
    }

    fn flags(&self) -> u8 {
        let mut flags = 0;
        if self.clean_start {
            flags |= Flags::CLEAN_START;
        }
        if let Some(will) = &self.will {
            flags |= Flags::WILL | will.qos.bits() << 3;
            if will.retain {
                flags |= Flags::WILL_RETAIN;
            }
        }
        if self.user_name.is_some() {
            flags |= Flags::USER_NAME;
        }
        if self.password.is_some() {
            flags |= Flags::PASSWORD;
        }
        flags
    }
}

impl<'a> Will<'a> {
    fn decode(reader: &mut Reader<'a>, version: Version, flags: Flags) -> Result<Self, Violation> {
        let properties = read_properties(reader, version, PropertyContext::Will)?;
        let topic = TopicName::parse(reader.string()?).map_err(|_| Violation {
            reason: ReasonCode::TOPIC_NAME_INVALID,
            text: "will topic is no topic name (MQTT-3.1.3-11)",
        })?;
        let payload = reader.binary()?;
        let qos = flags.will_qos().ok_or(Violation::malformed("will QoS 3 (MQTT-3.1.2-12)"))?;
        Ok(Self { topic, payload, qos, retain: flags.has(Flags::WILL_RETAIN), properties })
    }
}

/// The connect flags (§3.1.2.3).
#[derive(Clone, Copy)]
struct Flags(u8);

impl Flags {
    const RESERVED: u8 = 0x01;
    const CLEAN_START: u8 = 0x02;
    const WILL: u8 = 0x04;
    const WILL_QOS: u8 = 0x18;
    const WILL_RETAIN: u8 = 0x20;
    const PASSWORD: u8 = 0x40;
    const USER_NAME: u8 = 0x80;

    fn check(bits: u8, version: Version) -> Result<Self, Violation> {
        let flags = Self(bits);
        let strict = version >= Version::V311;
        if strict && flags.has(Self::RESERVED) {
            return Err(Violation::malformed("reserved connect flag (MQTT-3.1.2-3)"));
        }
        if strict && !flags.has(Self::WILL) && bits & (Self::WILL_QOS | Self::WILL_RETAIN) != 0 {
            return Err(Violation::malformed("will QoS or retain without a will (MQTT-3.1.2-11, -13)"));
        }
        if flags.has(Self::WILL) && flags.will_qos().is_none() {
            return Err(Violation::malformed("will QoS 3 (MQTT-3.1.2-12)"));
        }
        if version < Version::V5 && flags.has(Self::PASSWORD) && !flags.has(Self::USER_NAME) {
            return Err(Violation::malformed("password without a user name (MQTT-3.1.2-22 of 3.1.1)"));
        }
        Ok(flags)
    }

    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    fn will_qos(self) -> Option<Qos> {
        Qos::from_bits((self.0 & Self::WILL_QOS) >> 3)
    }
}

/// Name and level. An unknown name is no MQTT and gets no answer; an unknown level is told in the form that its
/// sender can read: levels above 5 in MQTT 5's, all others (also 0x83 and 0x84, by which bridges ask for private
/// extensions and then try again without) in the old one.
fn read_version(reader: &mut Reader<'_>) -> Result<Version, Fault> {
    let unreadable = |violation: Violation| violation.with(CloseWith::Silence);
    let name = reader.binary().map_err(unreadable)?;
    if !matches!(name, b"MQTT" | b"MQIsdp") {
        return Err(unreadable(Violation {
            reason: ReasonCode::UNSUPPORTED_PROTOCOL_VERSION,
            text: "unknown protocol name (MQTT-3.1.2-1)",
        }));
    }
    let level = reader.byte().map_err(unreadable)?;
    let known = Version::ALL
        .into_iter()
        .find(|version| version.level() == level && version.protocol_name().as_bytes() == name);
    known.ok_or_else(|| {
        let form = if name == b"MQTT" && (6..0x80).contains(&level) { Version::V5 } else { Version::V311 };
        Fault {
            close: CloseWith::ConnAck(form),
            reason: ReasonCode::UNSUPPORTED_PROTOCOL_VERSION,
            text: "unknown protocol level (MQTT-3.1.2-2)",
        }
    })
}

pub(super) fn read_properties<'a>(
    reader: &mut Reader<'a>,
    version: Version,
    context: PropertyContext,
) -> Result<Properties<'a>, Violation> {
    if version.has_properties() { reader.properties(context) } else { Ok(Properties::EMPTY) }
}
