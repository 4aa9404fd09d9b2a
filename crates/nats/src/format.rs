//! How a NATS subscription is written: `MSG` or `HMSG`, straight into the receiver's bytes.

use crate::codec::{encode, headers};
use stele_model::{Format, Header, Message, Wire};

/// The form of one subscription: its sid, and whether its client reads headers.
///
/// Two subscriptions with the same sid and the same answer share one encoding; clients count their sids from 1, so a
/// fan-out of one subject is mostly one encoding.
#[derive(Debug)]
pub struct NatsFormat {
    /// One byte for the headers, then the sid.
    class: Box<[u8]>,
}

impl NatsFormat {
    /// A form for the client's sid; without `headers` blocks are left out.
    pub fn new(sid: &[u8], headers: bool) -> Self {
        let mut class = Vec::with_capacity(sid.len() + 1);
        class.push(if headers { HEADERS } else { PLAIN });
        class.extend_from_slice(sid);
        Self { class: class.into() }
    }

    /// The client's name for the subscription.
    pub fn sid(&self) -> &[u8] {
        &self.class[1..]
    }
}

impl Format for NatsFormat {
    fn encode(&self, run: &[Message<'_>], out: &mut Vec<u8>) {
        let sid = self.sid();
        let with_headers = self.class[0] == HEADERS;
        for message in run {
            match message.payload {
                Some(payload) if message.headers.is_empty() || !with_headers => {
                    encode::message(message.subject, sid, message.reply, payload, out);
                }
                Some(payload) if message.headers.wire == Wire::Nats => {
                    let block = message.headers.raw;
                    encode::message_with_headers(message.subject, sid, message.reply, block, payload, out);
                }
                Some(payload) => convert(message, sid, payload, &[], out),
                None if with_headers => null(message, sid, out),
                None => encode::message(message.subject, sid, message.reply, &[], out),
            }
        }
    }

    fn class(&self) -> &[u8] {
        &self.class
    }

    /// A subject that does not fit into a control line came from another wire.
    fn accepts(&self, message: &Message<'_>) -> bool {
        message.subject.len() <= SUBJECT_BYTES_MAX
    }
}

/// A message with a null payload: a deletion in a bucket, else empty with a mark (semantics 34).
fn null(message: &Message<'_>, sid: &[u8], out: &mut Vec<u8>) {
    let deletion: Header<'_> = (b"KV-Operation", Some(b"DEL"));
    let mark: Header<'_> = (headers::NULL, Some(b"1"));
    let wanted = if message.subject.starts_with(b"$KV.") { deletion } else { mark };
    // The visitor hides the mark, so a block that came from here is asked itself.
    let marked = match message.headers.wire {
        Wire::Nats => headers::get(message.headers.raw, wanted.0).is_some(),
        _ => message.headers.get(wanted.0).is_some(),
    };
    if marked && message.headers.wire == Wire::Nats {
        encode::message_with_headers(message.subject, sid, message.reply, message.headers.raw, &[], out);
    } else {
        convert(message, sid, &[], if marked { &[] } else { std::slice::from_ref(&wanted) }, out);
    }
}

/// Headers of another wire become a block.
fn convert(message: &Message<'_>, sid: &[u8], payload: &[u8], extra: &[Header<'_>], out: &mut Vec<u8>) {
    let headers_bytes = headers::size(&message.headers, extra);
    if headers_bytes == 0 {
        encode::message(message.subject, sid, message.reply, payload, out);
        return;
    }
    encode::header_line(message.subject, sid, message.reply, headers_bytes, payload.len(), out);
    headers::write(&message.headers, extra, out);
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

const HEADERS: u8 = b'H';
const PLAIN: u8 = b'N';

/// Longer subjects do not go to NATS (semantics 35): a client's control line would overflow.
const SUBJECT_BYTES_MAX: usize = 4000;

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
