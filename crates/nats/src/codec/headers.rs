//! Header blocks: `NATS/1.0[ status]`, then `name: value` lines, then an empty line (ADR-4).
//!
//! Order, duplicates and case are kept. A block goes to NATS receivers as it came; other wires see its pairs through
//! [`visit`]. A block that its pairs do not give back byte by byte (a status line, odd spacing) is not *canonical*:
//! it travels whole in front of its pairs, as the reserved header [`BLOCK`], and [`write`] takes it from there.
//!
//! A pair that a block cannot hold is written as `Stele-Raw: b64url(name).b64url(value)`, `!` for null. Such a pair is
//! shown as it stands; the wire that can hold it undoes the escape ([`unescape`]).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use stele_model::{Header, Headers, Wire};

/// The reserved header that carries a block which is not canonical.
pub const BLOCK: &[u8] = b"Stele-Nats-Block";

/// The reserved header of a pair that a block cannot hold verbatim.
pub const RAW: &[u8] = b"Stele-Raw";

/// The reserved header of a message whose payload is null and not only empty.
pub const NULL: &[u8] = b"Stele-Null";

/// The first line of every block, without status and line end.
pub const VERSION: &[u8] = b"NATS/1.0";

/// The headers of a message as they stand in a block; an empty block: none.
pub fn headers(block: &[u8]) -> Headers<'_> {
    Headers { wire: Wire::Nats, raw: block, visit }
}

/// Calls the visitor for each pair but [`NULL`]; for a block that is not canonical first for [`BLOCK`].
pub fn visit<'b>(block: &'b [u8], visitor: &mut dyn FnMut(Header<'b>)) {
    if block.is_empty() {
        return;
    }
    if !is_canonical(block) {
        visitor((BLOCK, Some(block)));
    }
    for (name, value) in lines(block) {
        if name != NULL {
            visitor((name, Some(value)));
        }
    }
}

/// The status of the first line: code and text as written (`503`, `No Responders`); `None`: no status.
pub fn status(block: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = split_line(block)?.0;
    let status = trim(line.strip_prefix(VERSION)?);
    let end = memchr::memchr(b' ', status).unwrap_or(status.len());
    (end == 3 && status[..3].iter().all(u8::is_ascii_digit)).then(|| (&status[..3], trim(&status[end..])))
}

/// The pairs of a block as they are written, spaces around values removed; lines without a colon are passed over.
pub fn lines(block: &[u8]) -> Lines<'_> {
    Lines { rest: split_line(block).map_or(&b""[..], |(_, rest)| rest) }
}

/// See [`lines`].
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (line, tail) = split_line(self.rest)?;
            self.rest = tail;
            if let Some(colon) = memchr::memchr(b':', line) {
                return Some((&line[..colon], trim(&line[colon + 1..])));
            }
        }
    }
}

/// The first value of the header with this name, compared exactly as nats-server compares.
pub fn get<'b>(block: &'b [u8], name: &[u8]) -> Option<&'b [u8]> {
    lines(block).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Would [`write`] make the same bytes from the block's pairs?
pub fn is_canonical(block: &[u8]) -> bool {
    let Some(mut rest) = block.strip_prefix(b"NATS/1.0\r\n") else { return false };
    loop {
        let Some((line, tail)) = split_line(rest) else { return false };
        // `split_line` forgives a missing CR.
        if rest.len() - tail.len() != line.len() + 2 {
            return false;
        }
        if line.is_empty() {
            return tail.is_empty() && block.len() > VERSION.len() + 4;
        }
        let Some(colon) = memchr::memchr(b':', line) else { return false };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let Some(value) = value.strip_prefix(b" ") else { return false };
        if name == NULL || name == BLOCK || !holds(name, Some(value)) {
            return false;
        }
        rest = tail;
    }
}

/// Can a block hold this pair verbatim, so that every client reads it back?
pub fn holds(name: &[u8], value: Option<&[u8]>) -> bool {
    let Some(value) = value else { return false };
    let name_fits = !name.is_empty() && name.iter().all(|byte| matches!(byte, b'!'..=b'~') && *byte != b':');
    name_fits
        && value.first() != Some(&b' ')
        && value.last() != Some(&b' ')
        && value.iter().all(|byte| !byte.is_ascii_control())
        && std::str::from_utf8(value).is_ok()
}

/// The bytes that [`write`] appends for these headers; 0 without any pair.
pub fn size(headers: &Headers<'_>, extra: &[Header<'_>]) -> usize {
    let extra: usize = extra.iter().map(|(name, value)| pair_size(name, *value)).sum();
    if let Some(block) = kept_block(headers) {
        return block.len() + extra + 2;
    }
    let mut pairs = 0;
    headers.each(&mut |(name, value)| pairs += if name == BLOCK { 0 } else { pair_size(name, value) });
    if pairs + extra == 0 { 0 } else { VERSION.len() + 2 + pairs + extra + 2 }
}

/// Appends a block with the headers of any wire, then `extra`. Writes nothing when there is no pair at all.
pub fn write(headers: &Headers<'_>, extra: &[Header<'_>], out: &mut Vec<u8>) {
    if size(headers, extra) == 0 {
        return;
    }
    if let Some(block) = kept_block(headers) {
        out.extend_from_slice(block);
    } else {
        out.extend_from_slice(b"NATS/1.0\r\n");
        headers.each(&mut |(name, value)| {
            if name != BLOCK {
                write_pair(name, value, out);
            }
        });
    }
    for (name, value) in extra {
        write_pair(name, *value, out);
    }
    out.extend_from_slice(b"\r\n");
}

/// The block that came along whole, without its final empty line; only while the pairs behind it are still its own,
/// so that what another wire changed is not lost.
fn kept_block<'a>(headers: &Headers<'a>) -> Option<&'a [u8]> {
    let mut block = None;
    let mut own: Option<Lines<'a>> = None;
    let mut same = true;
    headers.each(&mut |(name, value)| match &mut own {
        None if name == BLOCK => {
            block = value;
            own = Some(lines(value.unwrap_or_default()));
        }
        None => same = false,
        Some(lines) => same &= next_visible(lines) == value.map(|value| (name, value)),
    });
    same &= own.is_some_and(|mut lines| next_visible(&mut lines).is_none());
    block.filter(|_| same).and_then(without_end)
}

/// The next line that [`visit`] shows.
fn next_visible<'a>(lines: &mut Lines<'a>) -> Option<(&'a [u8], &'a [u8])> {
    lines.find(|(name, _)| *name != NULL)
}

/// A block without its final empty line, if it has one: only then can lines be added to it.
fn without_end(block: &[u8]) -> Option<&[u8]> {
    block.ends_with(b"\r\n\r\n").then(|| &block[..block.len() - 2])
}

/// Undoes `Stele-Raw`: name and value (`None`: null) of the value of such a header.
pub fn unescape(escaped: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let dot = memchr::memchr(b'.', escaped)?;
    let name = BASE64.decode(&escaped[..dot]).ok()?;
    match &escaped[dot + 1..] {
        b"!" => Some((name, None)),
        value => Some((name, Some(BASE64.decode(value).ok()?))),
    }
}

fn pair_size(name: &[u8], value: Option<&[u8]>) -> usize {
    if holds(name, value) {
        return name.len() + 2 + value.map_or(0, <[u8]>::len) + 2;
    }
    let value = value.map_or(1, |value| encoded_size(value.len()));
    RAW.len() + 2 + encoded_size(name.len()) + 1 + value + 2
}

/// Unpadded base64: four characters for three bytes, the rest rounded up.
fn encoded_size(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

fn write_pair(name: &[u8], value: Option<&[u8]>, out: &mut Vec<u8>) {
    if let Some(value) = value.filter(|value| holds(name, Some(value))) {
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
    } else {
        out.extend_from_slice(RAW);
        out.extend_from_slice(b": ");
        write_base64(name, out);
        out.push(b'.');
        match value {
            Some(value) => write_base64(value, out),
            None => out.push(b'!'),
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + encoded_size(bytes.len()), 0);
    BASE64.encode_slice(bytes, &mut out[start..]).expect("the room was measured for it");
}

/// The first line without its end, and what follows; `None`: no line end any more.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
