//! The protocol versions, qualities of service and ends of a connection.

/// A protocol version. The order is the order of publication, so `version >= Version::V311` reads as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1: protocol name `MQIsdp`, level 3.
    V31,
    /// MQTT 3.1.1: protocol name `MQTT`, level 4.
    V311,
    /// MQTT 5.0: protocol name `MQTT`, level 5.
    V5,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 3] = [Self::V31, Self::V311, Self::V5];

    /// The protocol level byte of CONNECT (MQTT 5 §3.1.2.2).
    pub fn level(self) -> u8 {
        match self {
            Self::V31 => 3,
            Self::V311 => 4,
            Self::V5 => 5,
        }
    }

    /// The protocol name of CONNECT (MQTT 5 §3.1.2.1).
    pub fn protocol_name(self) -> &'static str {
        match self {
            Self::V31 => "MQIsdp",
            Self::V311 | Self::V5 => "MQTT",
        }
    }

    /// Whether packets of this version carry properties and reason codes.
    pub fn has_properties(self) -> bool {
        self == Self::V5
    }
}

/// A quality of service (MQTT 5 §4.3). The order is the order of strength: the effective quality of a delivery is
/// `published.min(granted)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qos {
    /// 0: sent once, never acknowledged.
    #[default]
    AtMostOnce,
    /// 1: repeated until PUBACK.
    AtLeastOnce,
    /// 2: the four-packet flow that delivers once.
    ExactlyOnce,
}

impl Qos {
    /// The quality with this number; 3 and above do not exist (MQTT-3.3.1-4).
    pub fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// The number on the wire, 0 to 2.
    pub fn bits(self) -> u8 {
        self as u8
    }
}

/// Who sent the packets that are decoded: some packets and properties are legal in one direction only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The peer is a client; we are the broker.
    Client,
    /// The peer is a broker; we are a client.
    Server,
}
