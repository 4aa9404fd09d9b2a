//! WebSocket in front of a session: the same drive, with frames around its bytes both ways.
//!
//! Bytes out are framed where they are sent, also by other connections: a frame is one write, so it is queued or
//! dropped as a whole. Bytes in pass through the decoder into the session; nothing is reassembled.

use crate::websocket::{self, Answer, CloseCode, FrameDecoder, Rules, TextFrames, encode_close};
use std::sync::Arc;

/// What a WebSocket listener accepts.
#[derive(Clone, Debug)]
pub struct WebSocketRules {
    /// The subprotocols that are spoken, as `mqtt`; a client must offer one of them.
    pub subprotocols: &'static [&'static str],
    /// Origins whose pages may connect beside those of this machine, as `https://example.org`; `*`: all.
    pub origins: Vec<String>,
    /// Names under which the listener may be called beside addresses and `localhost`; `*`: all.
    pub hosts: Vec<String>,
}

/// The frames of one connection.
pub(crate) struct Front {
    rules: Arc<WebSocketRules>,
    /// `None`: the handshake is not done.
    decoder: Option<FrameDecoder>,
    /// Bytes that are no whole request or frame header yet.
    raw: Box<[u8]>,
}

/// What came of bytes from the socket.
pub(crate) struct Decoded {
    /// To be sent as they are: the handshake's answer, pongs, a close frame.
    pub(crate) replies: Vec<u8>,
    /// The connection ends after this.
    pub(crate) ends: bool,
}

impl Front {
    pub(crate) fn new(rules: Arc<WebSocketRules>) -> Self {
        Self { rules, decoder: None, raw: Box::default() }
    }

    /// Appends the session's bytes to `data`.
    pub(crate) fn receive(&mut self, input: &[u8], data: &mut Vec<u8>) -> Decoded {
        let mut decoded = Decoded { replies: Vec::new(), ends: false };
        let mut raw = std::mem::take(&mut self.raw).into_vec();
        let input = if raw.is_empty() {
            input
        } else {
            raw.extend_from_slice(input);
            &raw
        };
        let mut start = 0;
        if self.decoder.is_none() {
            match self.shake_hands(input, &mut decoded.replies) {
                Some(0) => {}
                Some(consumed) => start = consumed,
                None => {
                    decoded.ends = true;
                    return decoded;
                }
            }
        }
        if let Some(decoder) = &mut self.decoder {
            let received = decoder.receive(&input[start..], None, data, &mut decoded.replies);
            start += received.consumed;
            decoded.ends = received.end.is_some();
        }
        if start < input.len() {
            self.raw = input[start..].into();
        }
        decoded
    }

    /// Bytes of the request; 0: it is not whole; `None`: refused.
    fn shake_hands(&mut self, input: &[u8], replies: &mut Vec<u8>) -> Option<usize> {
        let rules = Rules {
            subprotocols: self.rules.subprotocols,
            origin_allowed: &|origin| origin.is_none_or(|origin| self.rules.allows_origin(origin)),
            host_allowed: &|host| self.rules.allows_host(host),
        };
        match websocket::answer(input, &rules, replies) {
            Answer::Incomplete => Some(0),
            Answer::Accepted { consumed, .. } => {
                self.decoder = Some(FrameDecoder::for_server(TextFrames::Refused));
                Some(consumed)
            }
            Answer::Refused(refusal) => {
                tracing::debug!(?refusal, "a WebSocket request was refused");
                None
            }
        }
    }

    /// A last frame, where frames are spoken.
    pub(crate) fn close_frame(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        if self.decoder.is_some() {
            encode_close(CloseCode::NORMAL, None, &mut frame);
        }
        frame
    }
}

impl WebSocketRules {
    /// A browser names the page's origin; pages of this machine may connect, others must be listed.
    fn allows_origin(&self, origin: &str) -> bool {
        let listed =
            self.origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin));
        listed || origin.split_once("://").is_some_and(|(_, host)| is_local(host))
    }

    /// An address cannot be rebound to another machine; a name can.
    fn allows_host(&self, host: &str) -> bool {
        let name = without_port(host);
        let listed = self.hosts.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(name));
        listed || is_local(host) || name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
    }
}

fn is_local(host: &str) -> bool {
    let name = without_port(host).trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `[::1]:80` and `localhost:80` without the port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Arc<WebSocketRules> {
        let origins = vec!["https://good.example".into()];
        Arc::new(WebSocketRules { subprotocols: &["mqtt"], origins, hosts: vec![] })
    }

    #[test]
    fn origins_and_hosts() {
        for (origin, expected) in [
            ("http://localhost:3000", true),
            ("http://127.0.0.1", true),
            ("http://[::1]:80", true),
            ("https://good.example", true),
            ("https://evil.example", false),
            ("https://localhost.evil.example", false),
            ("null", false),
        ] {
            assert_eq!(rules().allows_origin(origin), expected, "{origin}");
        }
        for (host, expected) in [
            ("localhost:9001", true),
            ("10.1.2.3:1", true),
            ("[fe80::1]:1", true),
            ("rebound.example:1", false),
        ] {
            assert_eq!(rules().allows_host(host), expected, "{host}");
        }
    }

    #[test]
    fn a_request_and_a_frame_in_pieces() {
        let mut front = Front::new(rules());
        let mut bytes =
            b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Protocol: mqtt\r\n\r\n"
                .to_vec();
        crate::websocket::encode_data(b"hello", Some([1, 2, 3, 4]), &mut bytes);
        let (mut data, mut replies) = (Vec::new(), Vec::new());
        for byte in &bytes {
            let decoded = front.receive(std::slice::from_ref(byte), &mut data);
            assert!(!decoded.ends);
            replies.extend(decoded.replies);
        }
        assert_eq!(data, b"hello");
        assert!(replies.starts_with(b"HTTP/1.1 101 "));
    }
}
