//! Frames that are received (RFC 6455 §5).

use super::encode::{apply_mask, encode_close, encode_control};
use super::{CONTROL_BYTES_MAX, CloseCode, opcode};

/// Turns frames into the bytes inside them. It holds no payload: data passes through as it arrives, and a control
/// frame waits in the caller's input until it is whole (at most 131 bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameDecoder {
    text: TextFrames,
    /// A server takes only masked frames, a client only unmasked ones (§5.1).
    masked: bool,
    /// Payload bytes of the current data frame that have not arrived.
    remaining: u32,
    /// Where in the mask the next payload byte of the current frame stands.
    position: u8,
    mask: [u8; 4],
    /// The current message goes on after the current frame.
    fragmented: bool,
}

/// A frame that announces more is refused with 1009. Data passes through, so this bounds nothing but nonsense.
const FRAME_BYTES_MAX: u64 = 1 << 28;

/// Whether text frames carry data like binary ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextFrames {
    /// They end the connection with 1003: MQTT (MQTT-6.0.0-1).
    Refused,
    /// They are bytes like any other and not checked for UTF-8: NATS.
    Accepted,
}

/// What [`FrameDecoder::receive`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes to take off the front of the input.
    pub consumed: usize,
    /// The connection ends: send the replies, then close. Nothing is to be received any more.
    pub end: Option<End>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer closed with this code, [`CloseCode::ABSENT`] if it gave none. Its close frame is answered.
    Peer(CloseCode),
    /// The peer broke a rule; the close frame that says so is among the replies.
    Fault {
        /// The code in that frame.
        code: CloseCode,
        /// The rule.
        text: &'static str,
    },
}

struct Header {
    opcode: u8,
    final_frame: bool,
    length: u64,
    mask: [u8; 4],
    bytes: usize,
}

impl FrameDecoder {
    /// For frames from clients. A message may be of any length over its frames, as it is kept nowhere.
    pub fn for_server(text: TextFrames) -> Self {
        Self { text, masked: true, remaining: 0, position: 0, mask: [0; 4], fragmented: false }
    }

    /// For frames from a server.
    pub fn for_client(text: TextFrames) -> Self {
        Self { masked: false, ..Self::for_server(text) }
    }

    /// Takes frames from the front of `input`: payload bytes are appended to `data`, pongs and the close frame to
    /// `replies`. A client gives the `mask` for its replies. Both outputs together are at most as long as the input
    /// and six bytes for each reply.
    pub fn receive(
        &mut self,
        input: &[u8],
        mask: Option<[u8; 4]>,
        data: &mut Vec<u8>,
        replies: &mut Vec<u8>,
    ) -> Received {
        let mut consumed = 0;
        let end = loop {
            consumed += self.take_payload(&input[consumed..], data);
            if self.remaining > 0 {
                break None;
            }
            match self.take_frame(&input[consumed..], mask, replies) {
                Ok(Taken::Nothing) => break None,
                Ok(Taken::Bytes(bytes)) => consumed += bytes,
                Ok(Taken::Close(bytes, code)) => {
                    consumed += bytes;
                    break Some(End::Peer(code));
                }
                Err((code, text)) => {
                    encode_close(code, mask, replies);
                    break Some(End::Fault { code, text });
                }
            }
        };
        Received { consumed, end }
    }

    fn take_payload(&mut self, input: &[u8], data: &mut Vec<u8>) -> usize {
        let length = input.len().min(self.remaining as usize);
        let start = data.len();
        data.extend_from_slice(&input[..length]);
        if self.masked {
            apply_mask(&mut data[start..], self.mask, u64::from(self.position));
        }
        self.position = ((usize::from(self.position) + length) % self.mask.len()) as u8;
        self.remaining -= length as u32;
        length
    }

    /// A whole control frame, or the header of a data frame.
    fn take_frame(
        &mut self,
        input: &[u8],
        mask: Option<[u8; 4]>,
        replies: &mut Vec<u8>,
    ) -> Result<Taken, (CloseCode, &'static str)> {
        let Some(header) = self.read_header(input)? else { return Ok(Taken::Nothing) };
        if header.opcode < opcode::CLOSE {
            self.begin_data(&header)?;
            return Ok(Taken::Bytes(header.bytes));
        }
        let mut payload = [0; CONTROL_BYTES_MAX];
        let length = header.length as usize; // read_header allows 125 bytes
        let Some(bytes) = input.get(header.bytes..header.bytes + length) else { return Ok(Taken::Nothing) };
        let payload = &mut payload[..length];
        payload.copy_from_slice(bytes);
        if self.masked {
            apply_mask(payload, header.mask, 0);
        }
        let taken = header.bytes + length;
        match header.opcode {
            opcode::PING => encode_control(opcode::PONG, payload, mask, replies),
            opcode::CLOSE => {
                let code = close_code(payload)?;
                encode_close(code, mask, replies);
                return Ok(Taken::Close(taken, code));
            }
            _ => {}
        }
        Ok(Taken::Bytes(taken))
    }

    fn begin_data(&mut self, header: &Header) -> Result<(), (CloseCode, &'static str)> {
        let starts = header.opcode != opcode::CONTINUATION;
        if starts == self.fragmented {
            return Err((CloseCode::PROTOCOL_ERROR, "fragments out of order (RFC 6455 §5.4)"));
        }
        if header.opcode == opcode::TEXT && self.text == TextFrames::Refused {
            return Err((CloseCode::UNSUPPORTED_DATA, "text frame (MQTT-6.0.0-1)"));
        }
        if header.length > FRAME_BYTES_MAX {
            return Err((CloseCode::TOO_LARGE, "frame longer than the limit"));
        }
        self.fragmented = !header.final_frame;
        self.remaining = header.length as u32;
        self.position = 0;
        self.mask = header.mask;
        Ok(())
    }

    fn read_header(&self, input: &[u8]) -> Result<Option<Header>, (CloseCode, &'static str)> {
        let refuse = |text| Err((CloseCode::PROTOCOL_ERROR, text));
        let [first, second, rest @ ..] = input else { return Ok(None) };
        let (opcode, final_frame) = (first & 0x0f, first & 0x80 != 0);
        if first & 0x70 != 0 {
            return refuse("reserved bits without an extension (RFC 6455 §5.2)");
        }
        if !matches!(opcode, opcode::CONTINUATION..=opcode::BINARY | opcode::CLOSE..=opcode::PONG) {
            return refuse("reserved opcode (RFC 6455 §5.2)");
        }
        if (second & 0x80 != 0) != self.masked {
            return refuse("masked by the server or unmasked by the client (RFC 6455 §5.1)");
        }
        let (length, length_bytes) = match (second & 0x7f, rest) {
            (126, [a, b, ..]) => (u64::from(u16::from_be_bytes([*a, *b])), 2),
            (127, [a, b, c, d, e, f, g, h, ..]) => (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), 8),
            (126 | 127, _) => return Ok(None),
            (short, _) => (u64::from(short), 0),
        };
        if opcode >= opcode::CLOSE && (!final_frame || length_bytes > 0) {
            return refuse("control frame in fragments or over 125 bytes (RFC 6455 §5.5)");
        }
        let shortest = match length_bytes {
            2 => length > 125,
            8 => length > u64::from(u16::MAX) && length >> 63 == 0,
            _ => true,
        };
        if !shortest {
            return refuse("length not in its shortest form (RFC 6455 §5.2)");
        }
        let mask_at = 2 + length_bytes;
        let mask = match (self.masked, input.get(mask_at..mask_at + 4)) {
            (false, _) => {
                return Ok(Some(Header { opcode, final_frame, length, mask: [0; 4], bytes: mask_at }));
            }
            (true, Some(mask)) => [mask[0], mask[1], mask[2], mask[3]],
            (true, None) => return Ok(None),
        };
        Ok(Some(Header { opcode, final_frame, length, mask, bytes: mask_at + 4 }))
    }
}

enum Taken {
    Nothing,
    Bytes(usize),
    Close(usize, CloseCode),
}

/// The code of a close frame (§5.5.1).
fn close_code(payload: &[u8]) -> Result<CloseCode, (CloseCode, &'static str)> {
    let (code, reason) = match payload {
        [] => return Ok(CloseCode::ABSENT),
        [high, low, reason @ ..] => (CloseCode(u16::from_be_bytes([*high, *low])), reason),
        [_] => return Err((CloseCode::PROTOCOL_ERROR, "close frame of one byte (RFC 6455 §5.5.1)")),
    };
    if !code.is_sendable() {
        return Err((CloseCode::PROTOCOL_ERROR, "close code that must not be sent (RFC 6455 §7.4)"));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err((CloseCode::INVALID_DATA, "close reason is not UTF-8 (RFC 6455 §5.5.1)"));
    }
    Ok(code)
}
