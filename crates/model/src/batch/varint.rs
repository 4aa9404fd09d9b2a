//! Zigzag varints of records (protocol buffers' `sint32` and `sint64`).

use super::BatchError;

/// Longest encoding of a 64-bit varint.
const VARLONG_BYTES_MAX: usize = 10;

/// Appends `value` in zigzag form, 1 to 10 bytes. 32-bit fields use it, too: the encoding is the same.
pub(crate) fn put(out: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    if rest < 0x80 {
        // Most lengths and deltas are small.
        out.push(rest as u8);
        return;
    }
    let mut buffer = [0; VARLONG_BYTES_MAX];
    let mut length = 0;
    while rest >= 0x80 {
        buffer[length] = rest as u8 | 0x80;
        rest >>= 7;
        length += 1;
    }
    buffer[length] = rest as u8;
    out.extend_from_slice(&buffer[..=length]);
}

/// Bytes that [`put`] appends for `value`.
pub(crate) fn size(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Takes a 64-bit varint from the front of `input`.
pub(crate) fn take(input: &mut &[u8]) -> Result<i64, BatchError> {
    let mut value = 0u64;
    for index in 0..VARLONG_BYTES_MAX {
        let byte = *input.get(index).ok_or(BatchError::Record("varint is cut short"))?;
        if index == VARLONG_BYTES_MAX - 1 && byte > 1 {
            return Err(BatchError::Record("varint is too long"));
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *input = &input[index + 1..];
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(BatchError::Record("varint is too long"))
}

/// Takes a varint that must fit 32 bits.
pub(crate) fn take_i32(input: &mut &[u8]) -> Result<i32, BatchError> {
    i32::try_from(take(input)?).map_err(|_| BatchError::Record("varint is out of range"))
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}
