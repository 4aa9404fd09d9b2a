//! `Stele-Raw: b64url(name).b64url(value)`: a header pair that a wire cannot hold, in a form that every wire can. The
//! value of a null is `!`. Base64 is the URL alphabet without padding.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bumpalo::Bump;
use bumpalo::collections::Vec;

/// Writes the value of a `Stele-Raw` header into the arena.
pub(super) fn encode<'a>(name: &[u8], value: Option<&[u8]>, arena: &'a Bump) -> &'a [u8] {
    let value_length = value.map_or(1, |value| encoded_length(value.len()));
    let name_length = encoded_length(name.len());
    let mut out = Vec::new_in(arena);
    out.resize(name_length + 1 + value_length, b'!');
    let (name_out, value_out) = out.split_at_mut(name_length);
    write(name, name_out);
    value_out[0] = b'.';
    if let Some(value) = value {
        write(value, &mut value_out[1..]);
    }
    out.into_bump_slice()
}

/// A pair in the arena.
pub(super) type Pair<'a> = (&'a [u8], Option<&'a [u8]>);

/// Reads it back; `None` unless `text` is exactly what [`encode`] writes.
pub(super) fn decode<'a>(text: &[u8], arena: &'a Bump) -> Option<Pair<'a>> {
    let at = memchr::memchr(b'.', text)?;
    let name = read(&text[..at], arena)?;
    match &text[at + 1..] {
        b"!" => Some((name, None)),
        value => Some((name, Some(read(value, arena)?))),
    }
}

fn encoded_length(length: usize) -> usize {
    length / 3 * 4 + [0, 2, 3][length % 3]
}

fn write(bytes: &[u8], out: &mut [u8]) {
    URL_SAFE_NO_PAD.encode_slice(bytes, out).expect("the slice has the encoded length");
}

fn read<'a>(text: &[u8], arena: &'a Bump) -> Option<&'a [u8]> {
    let mut out = Vec::new_in(arena);
    out.resize(text.len() / 4 * 3 + 3, 0);
    // The engine refuses padding and trailing bits that are not zero, so the form is unique.
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut out).ok()?;
    out.truncate(length);
    Some(out.into_bump_slice())
}
