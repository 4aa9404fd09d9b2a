//! The opening handshake of a server (RFC 6455 §4.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// Bytes of a request with its headers at most.
pub const REQUEST_BYTES_MAX: usize = 8 * 1024;
/// Header lines of a request at most.
const HEADERS_MAX: usize = 64;
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a listener accepts.
pub struct Rules<'a> {
    /// The subprotocols that are spoken; the client's first choice among them wins, in the spelling of this list. A
    /// client that offers none of them is refused (MQTT-6.0.0-3). Empty: none is needed and none is answered.
    pub subprotocols: &'a [&'a str],
    /// Whether a page of this origin may connect; `None` when the client is no browser. Browsers send it always, and
    /// only this keeps any web page from reaching a local broker.
    pub origin_allowed: &'a dyn Fn(Option<&str>) -> bool,
    /// Whether the client called this listener by a name that is its own: the other half of that protection, against
    /// names that are rebound to a local address.
    pub host_allowed: &'a dyn Fn(&str) -> bool,
}

/// What to do with a connection whose first bytes these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The request is not whole; there is nothing to send.
    Incomplete,
    /// A WebSocket connection from the byte after `consumed`. The answer is in the output.
    Accepted {
        /// Bytes of the request.
        consumed: usize,
        /// The target of the request, for instance `/mqtt`.
        target: &'a str,
        /// The subprotocol, one of the rules'.
        subprotocol: Option<&'a str>,
    },
    /// Send the output, then close.
    Refused(Refusal),
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// 400: no HTTP/1.1 GET, too long, or a header of the handshake missing or wrong.
    BadRequest(&'static str),
    /// 403: the origin or the host is not allowed.
    Forbidden(&'static str),
    /// 426: not a WebSocket request, or another version than 13.
    UpgradeRequired,
}

/// Answers the request at the front of `input`: appends the response to `out`, unless more bytes are needed.
pub fn answer<'a>(input: &'a [u8], rules: &Rules<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let head = &input[..input.len().min(REQUEST_BYTES_MAX)];
    let Some(end) = memchr::memmem::find(head, b"\r\n\r\n") else {
        if input.len() < REQUEST_BYTES_MAX && looks_like_get(input) {
            return Answer::Incomplete;
        }
        return refuse(Refusal::BadRequest("not a request of at most 8 KiB"), out);
    };
    match accept(&input[..end], rules, out) {
        Ok((target, subprotocol)) => Answer::Accepted { consumed: end + 4, target, subprotocol },
        Err(refusal) => refuse(refusal, out),
    }
}

/// Another protocol on this port is told at its first bytes.
fn looks_like_get(input: &[u8]) -> bool {
    let length = input.len().min(4);
    input[..length] == b"GET "[..length]
}

fn accept<'a>(
    head: &'a [u8],
    rules: &Rules<'a>,
    out: &mut Vec<u8>,
) -> Result<(&'a str, Option<&'a str>), Refusal> {
    let head = std::str::from_utf8(head).map_err(|_| Refusal::BadRequest("not UTF-8"))?;
    let (request, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let target = request
        .strip_prefix("GET ")
        .and_then(|rest| rest.strip_suffix(" HTTP/1.1"))
        .filter(|target| target.starts_with('/') && !target.contains(|c: char| c == ' ' || c.is_control()))
        .ok_or(Refusal::BadRequest("not GET / HTTP/1.1"))?;
    let headers = Headers::parse(headers)?;
    if !headers.has_token("upgrade", "websocket") {
        return Err(Refusal::UpgradeRequired);
    }
    if !headers.has_token("connection", "upgrade") {
        return Err(Refusal::BadRequest("Connection without Upgrade"));
    }
    if headers.one("sec-websocket-version")? != Some("13") {
        return Err(Refusal::UpgradeRequired);
    }
    let host = headers.one("host")?.ok_or(Refusal::BadRequest("no Host"))?;
    if !(rules.host_allowed)(host) {
        return Err(Refusal::Forbidden("host"));
    }
    if !(rules.origin_allowed)(headers.one("origin")?) {
        return Err(Refusal::Forbidden("origin"));
    }
    let key = headers.one("sec-websocket-key")?.ok_or(Refusal::BadRequest("no Sec-WebSocket-Key"))?;
    if STANDARD.decode(key).map(|key| key.len()) != Ok(16) {
        return Err(Refusal::BadRequest("Sec-WebSocket-Key is not 16 bytes in base64"));
    }
    let subprotocol = headers.list("sec-websocket-protocol").find_map(|wanted| {
        rules.subprotocols.iter().copied().find(|known| known.eq_ignore_ascii_case(wanted))
    });
    if subprotocol.is_none() && !rules.subprotocols.is_empty() {
        return Err(Refusal::BadRequest("no known subprotocol (MQTT-6.0.0-3)"));
    }
    write_accepted(key, subprotocol, out);
    Ok((target, subprotocol))
}

fn write_accepted(key: &str, subprotocol: Option<&str>, out: &mut Vec<u8>) {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    );
    out.extend_from_slice(b"Sec-WebSocket-Accept: ");
    out.extend_from_slice(STANDARD.encode(digest).as_bytes());
    if let Some(subprotocol) = subprotocol {
        out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        out.extend_from_slice(subprotocol.as_bytes());
    }
    out.extend_from_slice(b"\r\n\r\n");
}

fn refuse<'a>(refusal: Refusal, out: &mut Vec<u8>) -> Answer<'a> {
    let (status, more) = match refusal {
        Refusal::BadRequest(_) => ("400 Bad Request", ""),
        Refusal::Forbidden(_) => ("403 Forbidden", ""),
        Refusal::UpgradeRequired => {
            ("426 Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
        }
    };
    let connection = if more.is_empty() { "close" } else { "Upgrade, close" };
    let text = format!("HTTP/1.1 {status}\r\n{more}Connection: {connection}\r\nContent-Length: 0\r\n\r\n");
    out.extend_from_slice(text.as_bytes());
    Answer::Refused(refusal)
}

/// The header lines, searched by name. Folded lines and names with spaces are refused (RFC 9112 §5).
struct Headers<'a> {
    lines: &'a str,
}

impl<'a> Headers<'a> {
    fn parse(lines: &'a str) -> Result<Self, Refusal> {
        let headers = Self { lines };
        let mut count = 0;
        for line in headers.raw() {
            let name = line.split_once(':').map_or("", |(name, _)| name);
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            let is_clean = !line.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t');
            count += 1;
            if !is_name || !is_clean || count > HEADERS_MAX {
                return Err(Refusal::BadRequest("header line"));
            }
        }
        Ok(headers)
    }

    fn raw(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.lines.split("\r\n").filter(|line| !line.is_empty())
    }

    fn values(&self, name: &'static str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.raw()
            .filter_map(|line| line.split_once(':'))
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_matches([' ', '\t']))
    }

    /// The value of a header that may stand once.
    fn one(&self, name: &'static str) -> Result<Option<&'a str>, Refusal> {
        let mut values = self.values(name);
        let first = values.next();
        if values.next().is_some() { Err(Refusal::BadRequest("header more than once")) } else { Ok(first) }
    }

    fn list(&self, name: &'static str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.values(name).flat_map(|value| value.split(',')).map(|item| item.trim_matches([' ', '\t']))
    }

    fn has_token(&self, name: &'static str, token: &str) -> bool {
        self.list(name).any(|item| item.eq_ignore_ascii_case(token))
    }
}
