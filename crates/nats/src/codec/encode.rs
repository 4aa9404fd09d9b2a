//! What a server says.

use super::integer::Digits;

/// `PING`.
pub const PING: &[u8] = b"PING\r\n";
/// `PONG`.
pub const PONG: &[u8] = b"PONG\r\n";
/// `+OK`, after each verb of a verbose client.
pub const OK: &[u8] = b"+OK\r\n";

/// `-ERR 'text'`. The text must not hold a line end.
pub fn error(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"-ERR '");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"'\r\n");
}

/// `INFO {json} `; nats-server puts a space before the line end, so do we.
pub fn info(json: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"INFO ");
    out.extend_from_slice(json);
    out.extend_from_slice(b" \r\n");
}

/// `MSG subject sid [reply] size` and the payload.
#[inline]
pub fn message(subject: &[u8], sid: &[u8], reply: &[u8], payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(subject.len() + sid.len() + reply.len() + payload.len() + 32);
    out.extend_from_slice(b"MSG ");
    address(subject, sid, reply, out);
    out.extend_from_slice(Digits::new(payload.len() as u64).as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// `HMSG subject sid [reply] headers total`, the block and the payload.
#[inline]
pub fn message_with_headers(
    subject: &[u8],
    sid: &[u8],
    reply: &[u8],
    headers: &[u8],
    payload: &[u8],
    out: &mut Vec<u8>,
) {
    out.reserve(subject.len() + sid.len() + reply.len() + headers.len() + payload.len() + 48);
    header_line(subject, sid, reply, headers.len(), payload.len(), out);
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// The line of an `HMSG`; the caller writes as many bytes of headers and payload, then a line end.
pub fn header_line(
    subject: &[u8],
    sid: &[u8],
    reply: &[u8],
    headers_bytes: usize,
    payload_bytes: usize,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"HMSG ");
    address(subject, sid, reply, out);
    out.extend_from_slice(Digits::new(headers_bytes as u64).as_bytes());
    out.push(b' ');
    out.extend_from_slice(Digits::new((headers_bytes + payload_bytes) as u64).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The message that tells a requester that nobody listens on `subject`: status 503 on its reply subject.
pub fn no_responders(subject: &[u8], sid: &[u8], reply: &[u8], out: &mut Vec<u8>) {
    let headers_bytes = b"NATS/1.0 503\r\nNats-Subject: \r\n\r\n".len() + subject.len();
    header_line(reply, sid, &[], headers_bytes, 0, out);
    out.extend_from_slice(b"NATS/1.0 503\r\nNats-Subject: ");
    out.extend_from_slice(subject);
    out.extend_from_slice(b"\r\n\r\n\r\n");
}

#[inline]
fn address(subject: &[u8], sid: &[u8], reply: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(subject);
    out.push(b' ');
    out.extend_from_slice(sid);
    out.push(b' ');
    if !reply.is_empty() {
        out.extend_from_slice(reply);
        out.push(b' ');
    }
}
