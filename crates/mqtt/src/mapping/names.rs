//! Topics and subjects.
//!
//! A level is a token. As in nats-server an empty level is the token `/`, and a `.` inside a level is `//`. What
//! nats-server refuses or would corrupt is written as `/=HH`, one for each byte: Unicode white space, control
//! characters, and a level that is just `*` or `>`. After a `/` inside a token comes `/` or `=`, a `/` alone is a whole
//! token: so every subject that this writes can be read in one way only.

use crate::topic::{TopicFilter, TopicName};
use thiserror::Error;

/// Where mapped bytes go: a `Vec<u8>`, or one in the turn's arena.
pub trait Bytes {
    /// Appends.
    fn put(&mut self, bytes: &[u8]);
}

impl Bytes for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Bytes for bumpalo::collections::Vec<'_, u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice_copy(bytes);
    }
}

/// A subject that no MQTT topic maps to: it is not delivered to MQTT, and counted (a lone `/`, `+`, `#`, empty
/// tokens, bytes that are not UTF-8, characters that a topic may not hold, or an escape that is not needed).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("the subject is no MQTT topic")]
pub struct NoMqttName;

/// How [`write_filters`] filled the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SubjectFilters {
    /// Bytes appended: the subject filter.
    pub length: usize,
    /// For `a/#`: the first bytes of it that make the second filter, `a`, because `#` includes the level above.
    pub parent_length: Option<usize>,
    /// The first level is a wildcard: subjects that start with `$` or `_INBOX.` do not match (MQTT-4.7.2-1).
    pub hides_reserved: bool,
}

/// Appends the subject of a topic.
pub fn write_subject(topic: TopicName<'_>, out: &mut impl Bytes) {
    write_levels(topic.as_str(), out);
}

/// Appends the subject filter of a topic filter, and says which prefix of it is a second one.
pub fn write_filters(filter: TopicFilter<'_>, out: &mut impl Bytes) -> SubjectFilters {
    write_filters_as(filter, out, |level, out| write_levels(level, out))
}

fn write_filters_as<B: Bytes>(
    filter: TopicFilter<'_>,
    out: &mut B,
    write_level: impl Fn(&str, &mut Counted<'_, B>),
) -> SubjectFilters {
    let mut counted = Counted { out, length: 0 };
    let mut parent_length = None;
    for (index, level) in filter.levels().enumerate() {
        if level == "#" && index > 0 {
            parent_length = Some(counted.length);
        }
        if index > 0 {
            counted.put(b".");
        }
        match level {
            "+" => counted.put(b"*"),
            "#" => counted.put(b">"),
            level => write_level(level, &mut counted),
        }
    }
    SubjectFilters { length: counted.length, parent_length, hides_reserved: filter.has_leading_wildcard() }
}

/// Appends the key of a topic in a key-value bucket, where retained messages live: its subject with every byte
/// escaped that such a key may not hold (all but letters, digits and `-`, `_`, `=`, `.`, `/`).
pub fn write_key(topic: TopicName<'_>, out: &mut impl Bytes) {
    write_levels(topic.as_str(), &mut KeyEscape(out));
}

/// Appends the filter of the keys whose topics a filter matches, as [`write_filters`] does for subjects. Keys of topics
/// that start with `$` match a leading wildcard, too; the caller leaves them out.
pub fn write_key_filters(filter: TopicFilter<'_>, out: &mut impl Bytes) -> SubjectFilters {
    write_filters_as(filter, out, |level, out| write_levels(level, &mut KeyEscape(out)))
}

/// Appends the topic of a key.
///
/// # Errors
/// As [`write_topic`].
pub fn write_topic_of_key(key: &[u8], out: &mut Vec<u8>) -> Result<(), NoMqttName> {
    let topic = write_name(key, out)?;
    let mut compare = Compare::with(key);
    write_key(topic, &mut compare);
    compare.finish()
}

/// Appends the topic of a subject.
///
/// # Errors
/// [`NoMqttName`]; what was appended before the error is then to be discarded.
pub fn write_topic(subject: &[u8], out: &mut Vec<u8>) -> Result<(), NoMqttName> {
    let topic = write_name(subject, out)?;
    // Without an escape, `*`, `>` or a byte that may belong to white space the way back is plain, and proven by the
    // test.
    if subject.iter().all(|byte| PLAIN[usize::from(*byte)]) {
        return Ok(());
    }
    // Two subjects must never become one topic.
    let mut compare = Compare::with(subject);
    write_subject(topic, &mut compare);
    compare.finish()
}

/// Tokens into levels, which make a topic or not.
fn write_name<'a>(subject: &[u8], out: &'a mut Vec<u8>) -> Result<TopicName<'a>, NoMqttName> {
    let start = out.len();
    for (index, token) in subject.split(|byte| *byte == b'.').enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        write_level(token, out)?;
    }
    let text = std::str::from_utf8(&out[start..]).map_err(|_| NoMqttName)?;
    TopicName::parse(text).map_err(|_| NoMqttName)
}

/// A token into a level.
fn write_level(token: &[u8], out: &mut Vec<u8>) -> Result<(), NoMqttName> {
    if token.is_empty() {
        return Err(NoMqttName);
    }
    if token == b"/" {
        return Ok(());
    }
    let mut rest = token;
    while let Some(at) = memchr::memchr(b'/', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = match &rest[at + 1..] {
            [b'/', after @ ..] => {
                out.push(b'.');
                after
            }
            [b'=', high, low, after @ ..] => {
                out.push(hex(*high)? << 4 | hex(*low)?);
                after
            }
            _ => return Err(NoMqttName),
        };
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Compares what is written with what is expected.
struct Compare<'a> {
    rest: &'a [u8],
    equal: bool,
}

impl<'a> Compare<'a> {
    fn with(expected: &'a [u8]) -> Self {
        Self { rest: expected, equal: true }
    }

    fn finish(self) -> Result<(), NoMqttName> {
        if self.equal && self.rest.is_empty() { Ok(()) } else { Err(NoMqttName) }
    }
}

impl Bytes for Compare<'_> {
    fn put(&mut self, bytes: &[u8]) {
        match self.rest.strip_prefix(bytes) {
            Some(rest) => self.rest = rest,
            None => self.equal = false,
        }
    }
}

/// Escapes on the way through what a key may not hold.
struct KeyEscape<'a, B>(&'a mut B);

impl<B: Bytes> Bytes for KeyEscape<'_, B> {
    fn put(&mut self, bytes: &[u8]) {
        let is_key =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'.' | b'/');
        for run in bytes.chunk_by(|a, b| is_key(a) == is_key(b)) {
            if is_key(&run[0]) {
                self.0.put(run);
            } else {
                run.iter().for_each(|byte| put_escape(*byte, self.0));
            }
        }
    }
}

fn hex(digit: u8) -> Result<u8, NoMqttName> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(NoMqttName),
    }
}

/// Levels into tokens, in runs: a byte that stays is never handled alone.
fn write_levels(text: &str, out: &mut impl Bytes) {
    let bytes = text.as_bytes();
    let mut level_start = true;
    let mut run = 0;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if PLAIN[usize::from(byte)] && byte != b'.' && byte != b'/' {
            level_start = false;
            at += 1;
            continue;
        }
        let level_ends = |after: usize| bytes.get(after).is_none_or(|byte| *byte == b'/');
        let (length, escaped) = match byte {
            b'/' => (1, false),
            b'.' => (1, true),
            b'*' | b'>' => (1, level_start && level_ends(at + 1)),
            _ => {
                let character = text[at..].chars().next().unwrap_or('\0');
                (character.len_utf8(), character.is_whitespace() || character.is_control())
            }
        };
        if byte == b'/' || escaped {
            out.put(&bytes[run..at]);
            run = at + length;
            match byte {
                b'/' => out.put(if level_start { b"/." } else { b"." }),
                b'.' => out.put(b"//"),
                _ => bytes[at..run].iter().for_each(|byte| put_escape(*byte, out)),
            }
        }
        level_start = byte == b'/';
        at += length;
    }
    out.put(&bytes[run..]);
    if level_start {
        out.put(b"/");
    }
}

fn put_escape(byte: u8, out: &mut impl Bytes) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.put(&[b'/', b'=', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]);
}

/// Bytes that stand for themselves wherever they are, with the `.` and `/` of the mapping that both sides handle.
/// `=` is not among them, because it may belong to an escape.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        plain[byte] = !matches!(byte as u8, b'*' | b'>' | b'=');
        byte += 1;
    }
    plain
};

struct Counted<'a, B> {
    out: &'a mut B,
    length: usize,
}

impl<B: Bytes> Bytes for Counted<'_, B> {
    fn put(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        self.out.put(bytes);
    }
}
