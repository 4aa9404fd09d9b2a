//! The client's half of the protocol: what `stele pub`, `stele sub`, `stele bench` and tests say and hear.

use super::integer::{self, Digits};
use super::parse::{Fault, ParseLimits};

/// `CONNECT {json}`.
pub fn connect(json: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"CONNECT ");
    out.extend_from_slice(json);
    out.extend_from_slice(b"\r\n");
}

/// `PUB`, or `HPUB` when the header block is not empty.
pub fn publish(subject: &[u8], reply: &[u8], headers: &[u8], payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(subject.len() + reply.len() + headers.len() + payload.len() + 48);
    out.extend_from_slice(if headers.is_empty() { b"PUB " } else { b"HPUB " });
    out.extend_from_slice(subject);
    out.push(b' ');
    if !reply.is_empty() {
        out.extend_from_slice(reply);
        out.push(b' ');
    }
    if !headers.is_empty() {
        out.extend_from_slice(Digits::new(headers.len() as u64).as_bytes());
        out.push(b' ');
    }
    out.extend_from_slice(Digits::new((headers.len() + payload.len()) as u64).as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// `SUB filter [group] sid`.
pub fn subscribe(filter: &[u8], group: Option<&[u8]>, sid: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"SUB ");
    out.extend_from_slice(filter);
    out.push(b' ');
    if let Some(group) = group {
        out.extend_from_slice(group);
        out.push(b' ');
    }
    out.extend_from_slice(Digits::new(sid).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `UNSUB sid [max]`.
pub fn unsubscribe(sid: u64, deliveries_max: Option<u64>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"UNSUB ");
    out.extend_from_slice(Digits::new(sid).as_bytes());
    if let Some(max) = deliveries_max {
        out.push(b' ');
        out.extend_from_slice(Digits::new(max).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// What a server said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// `INFO`, its JSON.
    Info(&'a [u8]),
    /// `MSG` or `HMSG`.
    Message {
        /// Under which subject.
        subject: &'a [u8],
        /// For which subscription.
        sid: &'a [u8],
        /// Where an answer goes; empty: nowhere.
        reply: &'a [u8],
        /// The header block; empty: none.
        headers: &'a [u8],
        /// The payload.
        payload: &'a [u8],
    },
    /// `PING`: answer it.
    Ping,
    /// `PONG`.
    Pong,
    /// `+OK`.
    Ok,
    /// `-ERR`, its text without quotes.
    Error(&'a [u8]),
}

/// What stands at the front of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen<'a> {
    /// A whole verb, and how many bytes it took.
    Heard(Heard<'a>, usize),
    /// Not enough: at least this many bytes from the front are needed.
    More(usize),
}

/// Reads the front of what a server sent. The control line limit covers INFO, which is longer than a client's lines.
///
/// # Errors
/// The server broke the protocol or a limit.
pub fn listen<'a>(input: &'a [u8], limits: &ParseLimits) -> Result<Listen<'a>, Fault> {
    let window = limits.control_line_bytes_max;
    let Some(line_end) = memchr::memchr(b'\n', &input[..input.len().min(window)]) else {
        return if input.len() >= window {
            Err(Fault::ControlLine)
        } else {
            Ok(Listen::More(input.len() + 1))
        };
    };
    let line = input[..line_end].strip_suffix(b"\r").unwrap_or(&input[..line_end]);
    let used = line_end + 1;
    let (word, arguments) = line.split_at(memchr::memchr2(b' ', b'\t', line).unwrap_or(line.len()));
    let arguments = arguments.trim_ascii();
    let heard = match word {
        _ if word.eq_ignore_ascii_case(b"MSG") => return message(input, arguments, false, used, limits),
        _ if word.eq_ignore_ascii_case(b"HMSG") => return message(input, arguments, true, used, limits),
        _ if word.eq_ignore_ascii_case(b"INFO") => Heard::Info(arguments),
        _ if word.eq_ignore_ascii_case(b"PING") => Heard::Ping,
        _ if word.eq_ignore_ascii_case(b"PONG") => Heard::Pong,
        _ if word.eq_ignore_ascii_case(b"+OK") => Heard::Ok,
        _ if word.eq_ignore_ascii_case(b"-ERR") => {
            let text = arguments.strip_prefix(b"'").unwrap_or(arguments);
            Heard::Error(text.strip_suffix(b"'").unwrap_or(text))
        }
        _ => return Err(Fault::UnknownOperation),
    };
    Ok(Listen::Heard(heard, used))
}

fn message<'a>(
    input: &'a [u8],
    arguments: &'a [u8],
    with_headers: bool,
    line_bytes: usize,
    limits: &ParseLimits,
) -> Result<Listen<'a>, Fault> {
    let mut words: [&[u8]; 5] = [&[]; 5];
    let mut count = 0;
    for word in arguments.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()) {
        *words.get_mut(count).ok_or(Fault::Arguments)? = word;
        count += 1;
    }
    let (reply, headers, total) = match (with_headers, count) {
        (false, 3) => (&b""[..], &b"0"[..], words[2]),
        (false, 4) => (words[2], &b"0"[..], words[3]),
        (true, 4) => (&b""[..], words[2], words[3]),
        (true, 5) => (words[2], words[3], words[4]),
        _ => return Err(Fault::Arguments),
    };
    let headers = integer::size(headers).ok_or(Fault::Arguments)?;
    let total = integer::size(total).filter(|total| *total >= headers).ok_or(Fault::Arguments)?;
    if total > limits.payload_bytes_max {
        return Err(Fault::Payload);
    }
    let end = line_bytes + total;
    let Some(line_end) = input.get(end..end + 2) else { return Ok(Listen::More(end + 2)) };
    if line_end != b"\r\n" {
        return Err(Fault::UnknownOperation);
    }
    let (headers, payload) = input[line_bytes..end].split_at(headers);
    let heard = Heard::Message { subject: words[0], sid: words[1], reply, headers, payload };
    Ok(Listen::Heard(heard, end + 2))
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
