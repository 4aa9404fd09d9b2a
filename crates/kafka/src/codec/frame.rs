//! Frames: a length in front of every message.

use thiserror::Error;

/// Default for the largest request that is taken, as Kafka's `socket.request.max.bytes`.
pub const FRAME_BYTES_MAX: usize = 100 << 20;
/// Bytes of the length prefix, which it does not count.
pub const FRAME_PREFIX_BYTES: usize = 4;

/// What the front of a connection's input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split<'a> {
    /// A whole frame.
    Whole {
        /// The message: header and body, without the prefix.
        frame: &'a [u8],
        /// Bytes to take off the input, prefix included.
        consumed: usize,
    },
    /// More bytes are needed.
    Incomplete {
        /// Bytes of input, from its front, that make the frame whole; 4 while the length itself is missing.
        needed: usize,
    },
}

/// A length that no peer may send. The connection must be closed: the next frame cannot be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Below zero.
    #[error("frame length {0} is negative")]
    Negative(i32),
    /// Above the limit.
    #[error("frame of {bytes} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// Bytes that the peer announced.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// Splits one frame off the front of `input`. `limit` is the largest frame in bytes, see [`FRAME_BYTES_MAX`];
/// it is checked as soon as the length is there, before anything is buffered for it.
pub fn split(input: &[u8], limit: usize) -> Result<Split<'_>, FrameError> {
    let Some((prefix, rest)) = input.split_first_chunk::<FRAME_PREFIX_BYTES>() else {
        return Ok(Split::Incomplete { needed: FRAME_PREFIX_BYTES });
    };
    let length = i32::from_be_bytes(*prefix);
    let bytes = usize::try_from(length).map_err(|_| FrameError::Negative(length))?;
    if bytes > limit {
        return Err(FrameError::TooLarge { bytes, limit });
    }
    let total = FRAME_PREFIX_BYTES + bytes;
    Ok(match rest.get(..bytes) {
        Some(frame) => Split::Whole { frame, consumed: total },
        None => Split::Incomplete { needed: total },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits() {
        assert_eq!(split(&[], 10), Ok(Split::Incomplete { needed: 4 }));
        assert_eq!(split(&[0, 0, 0], 10), Ok(Split::Incomplete { needed: 4 }));
        assert_eq!(split(&[0, 0, 0, 2, 7], 10), Ok(Split::Incomplete { needed: 6 }));
        assert_eq!(split(&[0, 0, 0, 2, 7, 8, 9], 10), Ok(Split::Whole { frame: &[7, 8], consumed: 6 }));
        assert_eq!(split(&[0, 0, 0, 0], 10), Ok(Split::Whole { frame: &[], consumed: 4 }));
        assert_eq!(split(&[0, 0, 0, 11], 10), Err(FrameError::TooLarge { bytes: 11, limit: 10 }));
        assert_eq!(split(&[0xff; 4], 10), Err(FrameError::Negative(-1)));
    }
}
