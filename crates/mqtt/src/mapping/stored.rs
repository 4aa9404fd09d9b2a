//! The header bytes of an MQTT publish on its way through the broker.
//!
//! They are the properties of the packet as they are, borrowed, whenever every header can be lent from them. Else
//! (an expiry that becomes a point in time, a user property with a reserved name) they are a list in the arena:
//!
//! ```text
//! 0x00, which is no property; when it came, u64 ms since 1970; response topic length, response topic (empty: none);
//! then for each header:
//!     name length, name, value length + 1 (0: null), value          lengths are u32, little endian
//! ```

use super::headers::{
    CONTENT_TYPE, CORRELATION, EgressError, Origin, PAYLOAD_FORMAT, QOS, is_reserved, read_properties,
    write_properties,
};
use crate::Qos;
use crate::codec::{Properties, Property, PropertyBuffer, PropertyContext};
use crate::outgoing::REPLY;
use bumpalo::Bump;
use bumpalo::collections::Vec;
use stele_model::{Header, Wire};

const LIST: u8 = 0;

/// The header bytes of a received PUBLISH or of a will, for [`visit_headers`] and [`forward_headers`]; empty without properties.
/// `received_ms` is now, in milliseconds since 1970. QoS and RETAIN are not among them: they travel beside.
pub fn store_headers<'a>(properties: Properties<'a>, received_ms: u64, arena: &'a Bump) -> &'a [u8] {
    if can_be_lent(properties) {
        return properties.as_bytes();
    }
    let mut list = Vec::new_in(arena);
    list.push(LIST);
    list.extend_from_slice_copy(&received_ms.to_le_bytes());
    let response_topic = properties.response_topic().unwrap_or_default();
    put(&mut list, response_topic.len(), response_topic.as_bytes());
    for (name, value) in read_properties(properties, Qos::AtMostOnce, false, received_ms, arena) {
        put(&mut list, name.len(), name);
        put(&mut list, value.map_or(0, |value| value.len() + 1), value.unwrap_or_default());
    }
    list.into_bump_slice()
}

/// The header bytes of a retained message, which lose nothing when they are stored: quality and reply subject are
/// among them.
pub fn store_retained<'a>(
    properties: Properties<'a>,
    qos: Qos,
    reply: &[u8],
    received_ms: u64,
    arena: &'a Bump,
) -> &'a [u8] {
    let mut list = Vec::new_in(arena);
    list.push(LIST);
    list.extend_from_slice_copy(&received_ms.to_le_bytes());
    put(&mut list, 0, &[]);
    let mut header = |name: &[u8], value: Option<&[u8]>| {
        put(&mut list, name.len(), name);
        put(&mut list, value.map_or(0, |value| value.len() + 1), value.unwrap_or_default());
    };
    if qos == Qos::AtMostOnce {
        header(QOS, Some(b"0"));
    }
    if !reply.is_empty() {
        header(REPLY, Some(reply));
    }
    for (name, value) in read_properties(properties, qos, false, received_ms, arena) {
        header(name, value);
    }
    list.into_bump_slice()
}

/// The header bytes as every wire reads them.
pub fn as_headers(raw: &[u8]) -> stele_model::Headers<'_> {
    stele_model::Headers { wire: Wire::Mqtt, raw, visit: visit_headers }
}

/// Calls the visitor once for each header in the order of [`read_properties`], with `None` for a null value. Bytes
/// that are no header bytes end the list early.
pub fn visit_headers<'b>(raw: &'b [u8], visitor: &mut dyn FnMut(Header<'b>)) {
    let Some((&LIST, _)) = raw.split_first() else {
        return visit_properties(raw, visitor);
    };
    let Some((_response_topic, mut list)) = after_time(raw).and_then(|list| take(list, 0)) else { return };
    while let Some((name, rest)) = take(list, 0) {
        let Some((length, _)) = list_length(rest) else { return };
        let Some((value, rest)) = take(rest, 1) else { return };
        visitor((name, (length > 0).then_some(value)));
        list = rest;
    }
}

/// Appends the properties for a delivery to an MQTT receiver of what an MQTT publisher sent: in the publisher's
/// order, without its topic alias, with the expiry that remains. `response_topic` stands in place of the publisher's.
///
/// # Errors
/// [`EgressError`]; the buffer then holds a part of the list.
pub fn forward_headers(
    raw: &[u8],
    response_topic: Option<&str>,
    now_ms: u64,
    arena: &Bump,
    out: &mut PropertyBuffer,
) -> Result<(), EgressError> {
    if let Some((&LIST, _)) = raw.split_first() {
        let own = after_time(raw)
            .and_then(|list| take(list, 0))
            .and_then(|(topic, _)| std::str::from_utf8(topic).ok());
        let response_topic = response_topic.or(own).filter(|topic| !topic.is_empty());
        let mut headers = Vec::new_in(arena);
        visit_headers(raw, &mut |header| headers.push(header));
        write_properties(headers, response_topic, Origin::Mqtt, now_ms, arena, out)?;
        return Ok(());
    }
    let Some(properties) = Properties::from_bytes(raw, PropertyContext::PublishFromClient) else {
        return Ok(());
    };
    if let Some(topic) = response_topic {
        out.push(Property::ResponseTopic(topic))?;
    }
    for property in properties {
        match property {
            Property::TopicAlias(_) => {}
            Property::ResponseTopic(_) if response_topic.is_some() => {}
            other => out.push(other)?,
        }
    }
    Ok(())
}

/// When a message with these header bytes came (ms since 1970), where they say it: those with an expiry do. Whoever
/// delivers it at once need not ask a clock.
pub fn received_ms(raw: &[u8]) -> Option<u64> {
    let time = raw.strip_prefix(&[LIST])?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*time))
}

/// The list behind its tag and time.
fn after_time(raw: &[u8]) -> Option<&[u8]> {
    raw.get(9..)
}

/// Whether each header's name and value stand in the properties themselves.
fn can_be_lent(properties: Properties<'_>) -> bool {
    let mut content_type = false;
    let mut content_type_is_user = false;
    for property in properties {
        match property {
            Property::MessageExpiryInterval(_) | Property::WillDelayInterval(_) => return false,
            Property::ContentType(_) => content_type = true,
            Property::UserProperty(name, _) if is_reserved(name.as_bytes()) => return false,
            Property::UserProperty(name, _) => content_type_is_user |= name.as_bytes() == CONTENT_TYPE,
            _ => {}
        }
    }
    content_type || !content_type_is_user
}

fn visit_properties<'b>(raw: &'b [u8], visitor: &mut dyn FnMut(Header<'b>)) {
    let Some(properties) = Properties::from_bytes(raw, PropertyContext::PublishFromClient) else { return };
    if let Some(text) = properties.content_type() {
        visitor((CONTENT_TYPE, Some(text.as_bytes())));
    }
    if let Some(data) = properties.correlation_data() {
        visitor((CORRELATION, Some(data)));
    }
    if let Some(text) = properties.payload_format() {
        visitor((PAYLOAD_FORMAT, Some(if text { b"1" } else { b"0" })));
    }
    for (name, value) in properties.user_properties() {
        visitor((name.as_bytes(), Some(value.as_bytes())));
    }
}

fn put(list: &mut Vec<'_, u8>, length: usize, bytes: &[u8]) {
    let length = u32::try_from(length).expect("a packet is shorter than 256 MiB");
    list.extend_from_slice_copy(&length.to_le_bytes());
    list.extend_from_slice_copy(bytes);
}

fn list_length(list: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = list.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*length) as usize, rest))
}

/// The next field; its stored length is `more` than its bytes, or 0.
fn take(list: &[u8], more: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = list_length(list)?;
    rest.split_at_checked(length.saturating_sub(more))
}
