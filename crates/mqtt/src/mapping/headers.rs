//! MQTT 5 properties and neutral headers.
//!
//! User properties are headers, one to one and in order. The other properties of a message are reserved headers that
//! stand before them. A user property that would be taken for one of those travels as `Stele-Raw` in its place; the
//! response topic is the message's reply and no header. `docs/mapping.md` holds the table.

use super::raw;
use crate::Qos;
use crate::codec::{Properties, Property, PropertyBuffer, PropertyIter, PropertyRefused};
use bumpalo::Bump;
use thiserror::Error;

/// The content type, under the name that HTTP, NATS and Kafka clients use.
pub const CONTENT_TYPE: &[u8] = b"Content-Type";
/// The correlation data, as bytes.
pub const CORRELATION: &[u8] = b"Stele-Correlation";
/// When the message expires: milliseconds since 1970 as decimal text.
pub const EXPIRY: &[u8] = b"Stele-Expiry";
/// The payload format indicator: `0` or `1`; absent when the publisher did not say.
pub const PAYLOAD_FORMAT: &[u8] = b"Stele-Payload-Format";
/// The publisher's QoS: `1` or `2`; absent for 0.
pub const QOS: &[u8] = b"Stele-QoS";
/// `1` when the publisher set RETAIN; absent otherwise.
pub const RETAIN: &[u8] = b"Stele-Retain";
/// A pair that a wire cannot hold: `b64url(name).b64url(value)`, the value `!` for null.
pub const RAW: &[u8] = b"Stele-Raw";

/// Says that a header named `Content-Type` is a user property, because the message has no content type.
const CONTENT_TYPE_IS_USER: &[u8] = b"Stele-Content-Type";
const RESERVED: &[u8] = b"Stele-";

/// The headers of a received PUBLISH: reserved ones first, then the user properties in order. What is not in the
/// packet itself lies in the arena.
///
/// `qos` and `retain` are those of the packet. `received_ms` is now, in milliseconds since 1970: expiry is stored as a
/// point in time. Topic alias, response topic and subscription identifiers are not headers.
pub fn read_properties<'a>(
    properties: Properties<'a>,
    qos: Qos,
    retain: bool,
    received_ms: u64,
    arena: &'a Bump,
) -> Headers<'a> {
    let mut headers = Headers { reserved: [None; 6], next: 0, users: properties.iter(), arena };
    headers.collect_reserved(properties, qos, retain, received_ms);
    headers
}

/// Iterates over name and value; a value is `None` for null, which only a decoded `Stele-Raw` can be.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    reserved: [Option<(&'static [u8], &'a [u8])>; 6],
    next: usize,
    users: PropertyIter<'a>,
    arena: &'a Bump,
}

impl<'a> Headers<'a> {
    fn collect_reserved(&mut self, properties: Properties<'a>, qos: Qos, retain: bool, received_ms: u64) {
        let [content_type, correlation, expiry, format, qos_slot, retain_slot] = &mut self.reserved;
        let mut content_type_is_user = false;
        for property in properties {
            match property {
                Property::ContentType(text) => *content_type = Some((CONTENT_TYPE, text.as_bytes())),
                Property::CorrelationData(data) => *correlation = Some((CORRELATION, data)),
                Property::MessageExpiryInterval(seconds) => {
                    let at_ms = received_ms.saturating_add(u64::from(seconds) * 1000);
                    *expiry = Some((EXPIRY, decimal(at_ms, self.arena)));
                }
                Property::PayloadFormatIndicator(text) => {
                    *format = Some((PAYLOAD_FORMAT, if text { b"1" } else { b"0" }));
                }
                Property::UserProperty(name, _) if name.as_bytes() == CONTENT_TYPE => {
                    content_type_is_user = true
                }
                _ => {}
            }
        }
        if content_type.is_none() && content_type_is_user {
            *content_type = Some((CONTENT_TYPE_IS_USER, b"none"));
        }
        match qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => *qos_slot = Some((QOS, b"1")),
            Qos::ExactlyOnce => *qos_slot = Some((QOS, b"2")),
        }
        if retain {
            *retain_slot = Some((RETAIN, b"1"));
        }
    }

    fn user(&self, name: &'a str, value: &'a str) -> (&'a [u8], Option<&'a [u8]>) {
        let (name, value) = (name.as_bytes(), value.as_bytes());
        if !is_reserved(name) {
            return (name, Some(value));
        }
        if name == RAW
            && let Some((inner, inner_value)) = raw::decode(value, self.arena)
            && !is_reserved(inner)
            && as_user_property(inner, inner_value).is_none()
        {
            // Another wire's pair, which MQTT can only hold like this, comes back. A reserved name does not: a client
            // must not write what only the broker writes.
            return (inner, inner_value);
        }
        (RAW, Some(raw::encode(name, Some(value), self.arena)))
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(slot) = self.reserved.get(self.next) {
            self.next += 1;
            if let Some((name, value)) = *slot {
                return Some((name, Some(value)));
            }
        }
        loop {
            if let Property::UserProperty(name, value) = self.users.next()? {
                return Some(self.user(name, value));
            }
        }
    }
}

/// Where a message came from, which decides about reserved headers that MQTT has no property for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// MQTT: they are left out, so that the properties are the publisher's.
    Mqtt,
    /// Another wire: they become user properties, so that nothing is lost.
    Foreign,
}

/// What [`write_properties`] found beside the properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// The publisher's quality, if it was an MQTT publisher that said 1 or 2.
    pub qos: Qos,
    /// The publisher's RETAIN, for Retain As Published.
    pub retain: bool,
}

/// Why a message gets no properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EgressError {
    /// It expired while it waited and is not delivered (MQTT-3.3.2-5).
    #[error("the message has expired (MQTT-3.3.2-5)")]
    Expired,
    /// A header is longer than a property can be, even as `Stele-Raw`.
    #[error(transparent)]
    Refused(#[from] PropertyRefused),
}

/// Appends the properties for a delivery: the response topic that the caller made of the reply, then what the headers
/// say. `now_ms` is milliseconds since 1970; the expiry interval becomes the seconds that remain, rounded up
/// (MQTT-3.3.2-6). A reserved header whose value its property cannot hold travels on as `Stele-Raw`.
///
/// # Errors
/// [`EgressError`]; the buffer then holds a part of the list.
pub fn write_properties<'h>(
    headers: impl IntoIterator<Item = (&'h [u8], Option<&'h [u8]>)>,
    response_topic: Option<&str>,
    origin: Origin,
    now_ms: u64,
    arena: &Bump,
    out: &mut PropertyBuffer,
) -> Result<Egress, EgressError> {
    if let Some(topic) = response_topic {
        out.push(Property::ResponseTopic(topic))?;
    }
    let mut writer = Writer { out, origin, now_ms, arena, written: 0, egress: Egress::default() };
    for (name, value) in headers {
        writer.header(name, value)?;
    }
    Ok(writer.egress)
}

struct Writer<'b> {
    out: &'b mut PropertyBuffer,
    origin: Origin,
    now_ms: u64,
    arena: &'b Bump,
    /// One bit for each property that may stand once.
    written: u64,
    egress: Egress,
}

impl Writer<'_> {
    fn header(&mut self, name: &[u8], value: Option<&[u8]>) -> Result<(), EgressError> {
        if name == CONTENT_TYPE_IS_USER && value == Some(b"none") {
            // From here on Content-Type counts as written.
            self.written |= 1 << Property::ContentType("").identifier();
            return Ok(());
        }
        if let Some(property) = self.property(name, value)? {
            let bit = 1 << property.identifier();
            if self.written & bit == 0 && self.out.push(property).is_ok() {
                self.written |= bit;
                return Ok(());
            }
        } else if self.flag(name, value) {
            return Ok(());
        }
        self.user(name, value)
    }

    /// The property that a reserved header stands for.
    fn property<'v>(
        &self,
        name: &[u8],
        value: Option<&'v [u8]>,
    ) -> Result<Option<Property<'v>>, EgressError> {
        let Some(value) = value else { return Ok(None) };
        Ok(match name {
            CONTENT_TYPE => std::str::from_utf8(value).ok().map(Property::ContentType),
            CORRELATION => Some(Property::CorrelationData(value)),
            PAYLOAD_FORMAT => match value {
                b"0" => Some(Property::PayloadFormatIndicator(false)),
                b"1" => Some(Property::PayloadFormatIndicator(true)),
                _ => None,
            },
            EXPIRY => match std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok()) {
                Some(at_ms) if self.is_over(at_ms) => return Err(EgressError::Expired),
                Some(at_ms) => {
                    let seconds = at_ms.saturating_sub(self.now_ms).div_ceil(1000);
                    Some(Property::MessageExpiryInterval(u32::try_from(seconds).unwrap_or(u32::MAX)))
                }
                None => None,
            },
            _ => None,
        })
    }

    /// An interval of 0 is legal and means "now or never": the millisecond of arrival still counts.
    fn is_over(&self, at_ms: u64) -> bool {
        at_ms < self.now_ms
    }

    fn flag(&mut self, name: &[u8], value: Option<&[u8]>) -> bool {
        match (name, value) {
            (QOS, Some(b"1")) => self.egress.qos = Qos::AtLeastOnce,
            (QOS, Some(b"2")) => self.egress.qos = Qos::ExactlyOnce,
            (RETAIN, Some(b"1")) => self.egress.retain = true,
            _ => return false,
        }
        true
    }

    fn user(&mut self, name: &[u8], value: Option<&[u8]>) -> Result<(), EgressError> {
        if name == RAW
            && let Some((inner, inner_value)) = value.and_then(|value| raw::decode(value, self.arena))
            && is_reserved(inner)
            && let Some(property) = as_user_property(inner, inner_value)
        {
            self.out.push(property)?;
            return Ok(());
        }
        if is_reserved(name) && name != RAW && self.origin == Origin::Mqtt {
            return Ok(());
        }
        if let Some(property) = as_user_property(name, value) {
            self.out.push(property)?;
            return Ok(());
        }
        let value = raw::encode(name, value, self.arena);
        let text = std::str::from_utf8(value).expect("base64, a dot and an exclamation mark are ASCII");
        self.out.push(Property::UserProperty("Stele-Raw", text))?;
        Ok(())
    }
}

/// The pair as a user property, if MQTT can hold it.
fn as_user_property<'v>(name: &'v [u8], value: Option<&'v [u8]>) -> Option<Property<'v>> {
    let text = |bytes: &'v [u8]| {
        let fits = bytes.len() <= usize::from(u16::MAX) && memchr::memchr(0, bytes).is_none();
        std::str::from_utf8(bytes).ok().filter(|_| fits)
    };
    Some(Property::UserProperty(text(name)?, text(value?)?))
}

pub(super) fn is_reserved(name: &[u8]) -> bool {
    name.get(..RESERVED.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED))
}

fn decimal(mut value: u64, arena: &Bump) -> &[u8] {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return arena.alloc_slice_copy(&digits[start..]);
        }
    }
}
