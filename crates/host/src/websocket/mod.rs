//! WebSocket (RFC 6455) without sockets: the server's handshake and the frames of both ends.
//!
//! The wires above see a stream of bytes: message borders mean nothing to MQTT (MQTT-6.0.0-2) and NATS. So nothing is
//! reassembled, and a connection holds a few bytes of state instead of buffers.
//!
//! ```text
//! bytes ─ handshake::answer ─→ 101 or 4xx ─ then ─ FrameDecoder::receive ─→ data, replies (pong, close)
//! data ─ encode_data ─→ bytes
//! ```
//!
//! permessage-deflate is not offered.

mod decode;
mod encode;
mod handshake;
#[cfg(test)]
mod tests;

pub use decode::{End, FrameDecoder, Received, TextFrames};
pub use encode::{encode_close, encode_data, encode_data_header};
pub use handshake::{Answer, REQUEST_BYTES_MAX, Refusal, Rules, answer};

/// Why a connection ends (RFC 6455 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The server goes down.
    pub const GOING_AWAY: Self = Self(1001);
    /// A frame breaks the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A kind of message that is not taken: text, where MQTT allows only binary (MQTT-6.0.0-1).
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// The close frame had no code; never sent.
    pub const ABSENT: Self = Self(1005);
    /// A close reason that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// A frame over the limit.
    pub const TOO_LARGE: Self = Self(1009);

    /// Whether the code may stand in a close frame (§7.4.1, §7.4.2).
    pub fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// Opcodes (§5.2).
mod opcode {
    pub(super) const CONTINUATION: u8 = 0x0;
    pub(super) const TEXT: u8 = 0x1;
    pub(super) const BINARY: u8 = 0x2;
    pub(super) const CLOSE: u8 = 0x8;
    pub(super) const PING: u8 = 0x9;
    pub(super) const PONG: u8 = 0xa;
}

/// Payload bytes of a control frame at most (§5.5).
const CONTROL_BYTES_MAX: usize = 125;
