//! Writing the data types of MQTT 5 §1.5, and the fixed header around a body.

use super::frame::{PacketType, REMAINING_LENGTH_MAX};
use super::properties::Properties;
use crate::Version;
use thiserror::Error;

/// A packet that its own format cannot hold: a remaining length above 268,435,455 bytes, or a string above 65,535.
/// Nothing has been appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the packet or one of its fields is longer than MQTT can say")]
pub struct PacketTooLarge;

/// Writes a packet whose body length is not known beforehand. On an error `out` is as it was.
pub(crate) fn packet(
    out: &mut Vec<u8>,
    first: u8,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), PacketTooLarge>,
) -> Result<(), PacketTooLarge> {
    let start = out.len();
    // One length byte is reserved, which is right for nearly every control packet.
    out.extend_from_slice(&[first, 0]);
    let written = body(out).and_then(|()| finish(out, start));
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn finish(out: &mut Vec<u8>, start: usize) -> Result<(), PacketTooLarge> {
    let remaining = u32::try_from(out.len() - start - 2).map_err(|_| PacketTooLarge)?;
    if remaining > REMAINING_LENGTH_MAX {
        return Err(PacketTooLarge);
    }
    let (bytes, length) = variable_bytes(remaining);
    out[start + 1] = bytes[0];
    if length > 1 {
        out.splice(start + 2..start + 2, bytes[1..length].iter().copied());
    }
    Ok(())
}

/// The bytes of a variable byte integer and how many of them count. `value` is at most 268,435,455.
pub(crate) fn variable_bytes(mut value: u32) -> ([u8; 4], usize) {
    debug_assert!(value <= REMAINING_LENGTH_MAX);
    let mut bytes = [0; 4];
    for (index, slot) in bytes.iter_mut().enumerate() {
        *slot = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return (bytes, index + 1);
        }
        *slot |= 0x80;
    }
    (bytes, 4)
}

pub(crate) fn variable(out: &mut Vec<u8>, value: u32) {
    let (bytes, length) = variable_bytes(value);
    out.extend_from_slice(&bytes[..length]);
}

pub(crate) fn two_bytes(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn four_bytes(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn binary(out: &mut Vec<u8>, value: &[u8]) -> Result<(), PacketTooLarge> {
    two_bytes(out, u16::try_from(value.len()).map_err(|_| PacketTooLarge)?);
    out.extend_from_slice(value);
    Ok(())
}

/// The properties with their length; nothing below MQTT 5.
pub(crate) fn properties(
    out: &mut Vec<u8>,
    version: Version,
    properties: Properties<'_>,
) -> Result<(), PacketTooLarge> {
    if !version.has_properties() {
        return Ok(());
    }
    let length = u32::try_from(properties.as_bytes().len()).map_err(|_| PacketTooLarge)?;
    if length > REMAINING_LENGTH_MAX {
        return Err(PacketTooLarge);
    }
    variable(out, length);
    out.extend_from_slice(properties.as_bytes());
    Ok(())
}

/// The tail of a packet that may end early in MQTT 5: reason and properties are left out when they say nothing
/// (§3.4.2.1 and its like). Below MQTT 5 there is no tail.
pub(crate) fn reason_tail(
    out: &mut Vec<u8>,
    version: Version,
    reason: crate::ReasonCode,
    list: Properties<'_>,
) -> Result<(), PacketTooLarge> {
    if !version.has_properties() || (reason.0 == 0 && list.is_empty()) {
        return Ok(());
    }
    out.push(reason.0);
    if list.is_empty() { Ok(()) } else { properties(out, version, list) }
}

/// A packet of two bytes.
pub(crate) fn empty_packet(out: &mut Vec<u8>, packet_type: PacketType) {
    out.extend_from_slice(&[packet_type.first(), 0]);
}
