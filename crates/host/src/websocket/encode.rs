//! Frames that are sent. A server passes no mask, a client a fresh random one for each frame (RFC 6455 §5.3).

use super::{CONTROL_BYTES_MAX, CloseCode, opcode};

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// Appends a binary message of one frame.
pub fn encode_data(payload: &[u8], mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    encode_data_header(payload.len(), mask, out);
    put_payload(payload, mask, out);
}

/// Appends the header of a binary message whose `length` bytes of payload the caller writes after it, masked by the
/// caller if there is a mask: for payloads that go out by vectored writes.
pub fn encode_data_header(length: usize, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    put_header(opcode::BINARY, length, mask, out);
}

/// Appends a close frame. A code that must not be sent (§7.4.1) becomes an empty frame.
pub fn encode_close(code: CloseCode, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let bytes = code.0.to_be_bytes();
    encode_control(opcode::CLOSE, if code.is_sendable() { &bytes } else { &[] }, mask, out);
}

/// Appends a control frame; the payload is at most 125 bytes.
pub(super) fn encode_control(opcode: u8, payload: &[u8], mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    debug_assert!(payload.len() <= CONTROL_BYTES_MAX);
    put_header(opcode, payload.len(), mask, out);
    put_payload(payload, mask, out);
}

fn put_header(opcode: u8, length: usize, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let masked = if mask.is_some() { MASKED } else { 0 };
    out.push(FINAL | opcode);
    if let Ok(short @ 0..=125) = u8::try_from(length) {
        out.push(masked | short);
    } else if let Ok(medium) = u16::try_from(length) {
        out.push(masked | 126);
        out.extend_from_slice(&medium.to_be_bytes());
    } else {
        out.push(masked | 127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
    out.extend(mask.into_iter().flatten());
}

fn put_payload(payload: &[u8], mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(mask) = mask {
        apply_mask(&mut out[start..], mask, 0);
    }
}

/// Masks or unmasks `bytes`, the first of which is byte `position` of its frame (§5.3).
pub(super) fn apply_mask(bytes: &mut [u8], mut mask: [u8; 4], position: u64) {
    mask.rotate_left((position % 4) as usize);
    // Eight bytes at a time: the compiler makes vectors of it.
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}
