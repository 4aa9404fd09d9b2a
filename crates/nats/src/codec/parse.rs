//! What a client says: one verb at a time, borrowed from the input.
//!
//! Lengths and limits are judged from the control line alone, before a payload is waited for. Every answer is the
//! same wherever the input was cut: a prefix is either [`Step::More`] or already the fault that the whole would be.

use super::integer;

/// What may be said, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct ParseLimits {
    /// The arguments of one control line, without verb and line end.
    pub control_line_bytes_max: usize,
    /// Headers and payload of one message together.
    pub payload_bytes_max: usize,
}

/// One verb with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb<'a> {
    /// `CONNECT {json}`.
    Connect(&'a [u8]),
    /// `PUB` and `HPUB`.
    Publish(PublishLine<'a>),
    /// `SUB subject [group] sid`.
    Subscribe {
        /// The filter, not yet checked.
        filter: &'a [u8],
        /// The queue group; absent: none.
        group: Option<&'a [u8]>,
        /// The client's name for the subscription.
        sid: &'a [u8],
    },
    /// `UNSUB sid [max]`.
    Unsubscribe {
        /// The client's name for the subscription.
        sid: &'a [u8],
        /// End after this many deliveries since the subscription was made; `None`: now.
        deliveries_max: Option<u64>,
    },
    /// `PING`.
    Ping,
    /// `PONG`.
    Pong,
    /// `+OK` or `INFO`, which a server reads over.
    Nothing,
}

/// A message as it stands in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishLine<'a> {
    /// The subject, not yet checked.
    pub subject: &'a [u8],
    /// The reply subject; empty: none.
    pub reply: &'a [u8],
    /// The header block; empty: none.
    pub headers: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
    /// Said with `HPUB`.
    pub with_headers: bool,
}

/// What the front of the input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A whole verb, and how many bytes it took.
    Verb(Verb<'a>, usize),
    /// Not enough: at least this many bytes from the front are needed.
    More(usize),
}

/// Why the input cannot be read on; the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No verb of the protocol, or a payload without its line end.
    #[error("Unknown Protocol Operation")]
    UnknownOperation,
    /// The arguments are longer than a control line may be.
    #[error("maximum control line exceeded")]
    ControlLine,
    /// The message is larger than announced in INFO.
    #[error("Maximum Payload Violation")]
    Payload,
    /// Arguments of a known verb that make no sense; nats-server closes without a word.
    #[error("malformed arguments")]
    Arguments,
    /// The client's own `-ERR`; nats-server closes without a word.
    #[error("the client reported an error")]
    ClientError,
}

/// Reads the front of `input`.
///
/// # Errors
/// The input breaks the protocol at its front.
pub fn parse<'a>(input: &'a [u8], limits: &ParseLimits) -> Result<Step<'a>, Fault> {
    let window = limits.control_line_bytes_max + VERB_BYTES_MAX;
    let Some(line_end) = memchr::memchr(b'\n', &input[..input.len().min(window)]) else {
        return incomplete(input, window);
    };
    let line = &input[..line_end];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let used = line_end + 1;
    if let [p, u, b, space, arguments @ ..] = line
        && [p | 0x20, u | 0x20, b | 0x20] == *b"pub"
        && is_space(*space)
    {
        return publish(input, arguments, false, used, limits);
    }
    let (word, arguments) = split_verb(line).ok_or(Fault::UnknownOperation)?;
    if trim(arguments).len() > limits.control_line_bytes_max {
        return Err(Fault::ControlLine);
    }
    let verb = match word {
        Word::Publish => return publish(input, arguments, false, used, limits),
        Word::HeaderPublish => return publish(input, arguments, true, used, limits),
        Word::Subscribe => subscribe(arguments)?,
        Word::Unsubscribe => unsubscribe(arguments)?,
        Word::Connect => Verb::Connect(trim(arguments)),
        Word::Ping => Verb::Ping,
        Word::Pong => Verb::Pong,
        Word::Nothing => Verb::Nothing,
        Word::Error => return Err(Fault::ClientError),
    };
    Ok(Step::Verb(verb, used))
}

/// Can a message be published under these bytes? As [`stele_model::is_literal_subject`], in one pass.
pub fn is_publishable(subject: &[u8]) -> bool {
    if subject.is_empty() || subject.len() > stele_model::SUBJECT_BYTES_MAX {
        return false;
    }
    // A token is bad when it is empty or is one wildcard byte: remember how it began and how long it is.
    let (mut length, mut wildcard) = (0_usize, false);
    for byte in subject {
        match byte {
            b'.' => {
                if length == 0 || (length == 1 && wildcard) {
                    return false;
                }
                (length, wildcard) = (0, false);
            }
            b' ' | b'\t' | b'\r' | b'\n' | 0 => return false,
            b'*' | b'>' => {
                wildcard |= length == 0;
                length += 1;
            }
            _ => length += 1,
        }
    }
    length > 1 || (length == 1 && !wildcard)
}

fn publish<'a>(
    input: &'a [u8],
    arguments: &'a [u8],
    with_headers: bool,
    line_bytes: usize,
    limits: &ParseLimits,
) -> Result<Step<'a>, Fault> {
    if arguments.len() > limits.control_line_bytes_max
        && trim(arguments).len() > limits.control_line_bytes_max
    {
        return Err(Fault::ControlLine);
    }
    let mut words: [&[u8]; 4] = [&[]; 4];
    let count = split_words(arguments, &mut words, is_space).ok_or(Fault::Arguments)?;
    let (subject, reply, headers, total) = match (with_headers, count) {
        (false, 2) => (words[0], &b""[..], &b"0"[..], words[1]),
        (false, 3) => (words[0], words[1], &b"0"[..], words[2]),
        (true, 3) => (words[0], &b""[..], words[1], words[2]),
        (true, 4) => (words[0], words[1], words[2], words[3]),
        _ => return Err(Fault::Arguments),
    };
    let total = integer::size(total).ok_or(Fault::Arguments)?;
    let headers = integer::size(headers).ok_or(Fault::Arguments)?;
    if headers > total {
        return Err(Fault::Arguments);
    }
    if total > limits.payload_bytes_max {
        return Err(Fault::Payload);
    }
    let end = line_bytes + total;
    let Some(line_end) = input.get(end..end + 2) else {
        // One byte too many where the line end must begin is wrong already.
        return match input.get(end) {
            Some(byte) if *byte != b'\r' => Err(Fault::UnknownOperation),
            _ => Ok(Step::More(end + 2)),
        };
    };
    if line_end != b"\r\n" {
        return Err(Fault::UnknownOperation);
    }
    let (headers, payload) = input[line_bytes..end].split_at(headers);
    let line = PublishLine { subject, reply, headers, payload, with_headers };
    Ok(Step::Verb(Verb::Publish(line), end + 2))
}

fn subscribe(arguments: &[u8]) -> Result<Verb<'_>, Fault> {
    let mut words: [&[u8]; 3] = [&[]; 3];
    match split_words(arguments, &mut words, is_space_or_return) {
        Some(2) => Ok(Verb::Subscribe { filter: words[0], group: None, sid: words[1] }),
        Some(3) => Ok(Verb::Subscribe { filter: words[0], group: Some(words[1]), sid: words[2] }),
        _ => Err(Fault::Arguments),
    }
}

fn unsubscribe(arguments: &[u8]) -> Result<Verb<'_>, Fault> {
    let mut words: [&[u8]; 2] = [&[]; 2];
    match split_words(arguments, &mut words, is_space_or_return) {
        Some(1) => Ok(Verb::Unsubscribe { sid: words[0], deliveries_max: None }),
        // A maximum that is no number, or 0, means now: nats-server does so.
        Some(2) => {
            let deliveries_max = integer::size(words[1]).filter(|max| *max > 0).map(|max| max as u64);
            Ok(Verb::Unsubscribe { sid: words[0], deliveries_max })
        }
        _ => Err(Fault::Arguments),
    }
}

/// No line end in sight: wait, unless the beginning is already wrong.
fn incomplete(input: &[u8], window: usize) -> Result<Step<'static>, Fault> {
    if !may_become_verb(input) {
        return Err(Fault::UnknownOperation);
    }
    if input.len() >= window {
        return Err(Fault::ControlLine);
    }
    Ok(Step::More(input.len() + 1))
}

#[derive(Clone, Copy)]
enum Word {
    Publish,
    HeaderPublish,
    Subscribe,
    Unsubscribe,
    Connect,
    Ping,
    Pong,
    Nothing,
    Error,
}

/// Verbs, and whether a separator must follow. nats-server reads over whatever stands behind the others.
const WORDS: [(&[u8], Word, bool); 10] = [
    (b"PUB", Word::Publish, true),
    (b"HPUB", Word::HeaderPublish, true),
    (b"SUB", Word::Subscribe, true),
    (b"UNSUB", Word::Unsubscribe, true),
    (b"CONNECT", Word::Connect, false),
    (b"PING", Word::Ping, false),
    (b"PONG", Word::Pong, false),
    (b"+OK", Word::Nothing, false),
    (b"INFO", Word::Nothing, true),
    (b"-ERR", Word::Error, true),
];

fn split_verb(line: &[u8]) -> Option<(Word, &[u8])> {
    for (name, word, separated) in WORDS {
        if let Some((head, rest)) = line.split_at_checked(name.len())
            && head.eq_ignore_ascii_case(name)
            && (!separated || rest.first().is_some_and(|byte| is_space(*byte)))
        {
            return Some((word, rest));
        }
    }
    None
}

fn may_become_verb(input: &[u8]) -> bool {
    WORDS.iter().any(|(name, _, separated)| {
        let length = name.len().min(input.len());
        input[..length].eq_ignore_ascii_case(&name[..length])
            && (!separated
                || match input.get(name.len()) {
                    None => true,
                    Some(byte) => is_space(*byte),
                })
    })
}

/// Splits between words; `None`: more words than `words` holds.
#[inline]
fn split_words<'a>(
    arguments: &'a [u8],
    words: &mut [&'a [u8]],
    is_between: impl Fn(u8) -> bool,
) -> Option<usize> {
    let mut count = 0;
    let mut start = None;
    for (at, byte) in arguments.iter().enumerate() {
        if is_between(*byte) {
            if let Some(from) = start.take() {
                *words.get_mut(count)? = &arguments[from..at];
                count += 1;
            }
        } else if start.is_none() {
            start = Some(at);
        }
    }
    if let Some(from) = start {
        *words.get_mut(count)? = &arguments[from..];
        count += 1;
    }
    Some(count)
}

fn trim(mut arguments: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = arguments
        && is_space(*first)
    {
        arguments = rest;
    }
    arguments
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// nats-server reads over stray CRs in SUB and UNSUB, but not in PUB.
fn is_space_or_return(byte: u8) -> bool {
    is_space(byte) || byte == b'\r'
}

/// The longest verb with room for separators and the line end.
const VERB_BYTES_MAX: usize = 16;

#[cfg(test)]
mod tests;
