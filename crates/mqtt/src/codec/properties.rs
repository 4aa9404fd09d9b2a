//! Properties of MQTT 5 (§2.2.2) as one validated slice of the packet, scanned on demand.
//!
//! Invariant: the bytes in a [`Properties`] have passed [`validate`] or were written by a
//! [`PropertyBuffer`](super::PropertyBuffer), so that a scan cannot fail.

use super::property::{Property, PropertyContext, Repeat};
use super::read::Reader;
use crate::fault::Violation;

/// The properties of one packet, without their length. Empty below MQTT 5. Copying it copies a pointer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties<'a> {
    bytes: &'a [u8],
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const EMPTY: Properties<'static> = Properties { bytes: &[] };

    /// Takes bytes that were [`as_bytes`](Self::as_bytes) of another list, for instance from a stored message;
    /// `None` when they break a rule of `context`.
    pub fn from_bytes(bytes: &'a [u8], context: PropertyContext) -> Option<Self> {
        validate(bytes, context).ok()?;
        Some(Self { bytes })
    }

    pub(super) fn trusted(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The properties as they stand on the wire, without the length before them.
    pub fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// Every property in the order of the packet.
    pub fn iter(self) -> PropertyIter<'a> {
        PropertyIter { reader: Reader::new(self.bytes) }
    }

    /// The user properties in order, duplicates included.
    pub fn user_properties(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.iter().filter_map(|property| match property {
            Property::UserProperty(name, value) => Some((name, value)),
            _ => None,
        })
    }

    /// The subscription identifiers in order: several in a PUBLISH to a client, at most one in SUBSCRIBE.
    pub fn subscription_identifiers(self) -> impl Iterator<Item = u32> {
        self.iter().filter_map(|property| match property {
            Property::SubscriptionIdentifier(identifier) => Some(identifier),
            _ => None,
        })
    }
}

macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident: $variant:ident => $value:ty;)*) => {
        impl<'a> Properties<'a> {
            $(
                $(#[$doc])*
                pub fn $name(self) -> Option<$value> {
                    self.iter().find_map(|property| match property {
                        Property::$variant(value) => Some(value),
                        _ => None,
                    })
                }
            )*
        }
    };
}

getters! {
    /// Whether the payload is declared to be UTF-8 text (§3.3.2.3.2); absent differs from `false` on the wire only.
    payload_format: PayloadFormatIndicator => bool;
    /// Seconds until the message expires; 0 is legal (§3.3.2.3.3).
    message_expiry_seconds: MessageExpiryInterval => u32;
    /// The content type (§3.3.2.3.9).
    content_type: ContentType => &'a str;
    /// The response topic, without wildcards (§3.3.2.3.5).
    response_topic: ResponseTopic => &'a str;
    /// The correlation data (§3.3.2.3.6).
    correlation_data: CorrelationData => &'a [u8];
    /// The topic alias, 1 and up (§3.3.2.3.4).
    topic_alias: TopicAlias => u16;
    /// Seconds that the session outlives the connection; `u32::MAX` means for ever (§3.1.2.11.2).
    session_expiry_seconds: SessionExpiryInterval => u32;
    /// The client identifier that the server chose (§3.2.2.3.7).
    assigned_client_identifier: AssignedClientIdentifier => &'a str;
    /// Seconds of keep alive that the server imposes (§3.2.2.3.14).
    server_keep_alive_seconds: ServerKeepAlive => u16;
    /// The method of enhanced authentication (§3.1.2.11.9).
    authentication_method: AuthenticationMethod => &'a str;
    /// The data of enhanced authentication (§3.1.2.11.10).
    authentication_data: AuthenticationData => &'a [u8];
    /// Whether reason strings and user properties may be sent on failures; absent means yes (§3.1.2.11.7).
    request_problem_information: RequestProblemInformation => bool;
    /// Whether CONNACK should carry response information; absent means no (§3.1.2.11.6).
    request_response_information: RequestResponseInformation => bool;
    /// Seconds between the end of the connection and the will (§3.1.3.2.2).
    will_delay_seconds: WillDelayInterval => u32;
    /// The basis for response topics (§3.2.2.3.15).
    response_information: ResponseInformation => &'a str;
    /// Another server to use (§3.2.2.3.16).
    server_reference: ServerReference => &'a str;
    /// A sentence for people (§3.2.2.3.9).
    reason_string: ReasonString => &'a str;
    /// QoS 1 and 2 messages that the sender takes at once, 1 and up; absent means 65,535 (§3.1.2.11.3).
    receive_maximum: ReceiveMaximum => u16;
    /// The highest topic alias that the sender takes; absent means 0 (§3.1.2.11.5).
    topic_alias_maximum: TopicAliasMaximum => u16;
    /// The highest QoS that the server takes, 0 or 1; absent means 2 (§3.2.2.3.4).
    maximum_qos: MaximumQos => crate::Qos;
    /// Whether the server keeps retained messages; absent means yes (§3.2.2.3.5).
    retain_available: RetainAvailable => bool;
    /// Bytes of the largest packet that the sender takes, 1 and up; absent means no limit (§3.1.2.11.4).
    maximum_packet_bytes: MaximumPacketSize => u32;
    /// Whether wildcards may be used; absent means yes (§3.2.2.3.11).
    wildcard_subscription_available: WildcardSubscriptionAvailable => bool;
    /// Whether subscription identifiers may be used; absent means yes (§3.2.2.3.12).
    subscription_identifiers_available: SubscriptionIdentifiersAvailable => bool;
    /// Whether `$share` may be used; absent means yes (§3.2.2.3.13).
    shared_subscription_available: SharedSubscriptionAvailable => bool;
}

impl<'a> IntoIterator for Properties<'a> {
    type Item = Property<'a>;
    type IntoIter = PropertyIter<'a>;

    fn into_iter(self) -> PropertyIter<'a> {
        self.iter()
    }
}

/// Iterates over a packet's properties.
#[derive(Clone, Debug)]
pub struct PropertyIter<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        if self.reader.is_empty() {
            return None;
        }
        let property = Property::read(&mut self.reader);
        debug_assert!(property.is_ok(), "properties are validated before they are scanned");
        property.ok()
    }
}

impl<'a> Reader<'a> {
    /// The length and the properties after it, validated for `context`.
    pub(crate) fn properties(&mut self, context: PropertyContext) -> Result<Properties<'a>, Violation> {
        let length = self.variable()?;
        let bytes = self.take(length as usize)?;
        if !bytes.is_empty() {
            validate(bytes, context)?;
        }
        Ok(Properties { bytes })
    }
}

fn validate(bytes: &[u8], context: PropertyContext) -> Result<(), Violation> {
    let mut reader = Reader::new(bytes);
    // Identifiers reach 0x2a: one bit each.
    let mut seen = 0_u64;
    while !reader.is_empty() {
        let property = Property::read(&mut reader)?;
        let bit = 1 << property.identifier();
        match property.allowed_in(context)? {
            Repeat::Once if seen & bit != 0 => {
                return Err(Violation::protocol("property more than once (MQTT 5 §2.2.2.2)"));
            }
            Repeat::Once | Repeat::Often => seen |= bit,
        }
    }
    let method_and_data = seen >> 0x15 & 0b11;
    if method_and_data == 0b10 {
        return Err(Violation::protocol("authentication data without a method (MQTT 5 §3.1.2.11.10)"));
    }
    Ok(())
}
