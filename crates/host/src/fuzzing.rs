//! Fuzz targets as plain functions: the fuzzer and the ordinary tests call the same ones.

use crate::websocket::{Answer, FrameDecoder, Rules, TextFrames, answer};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All targets with their names.
pub const TARGETS: &[(&str, Target)] =
    &[("websocket_frames", fuzz_websocket_frames), ("websocket_handshake", fuzz_websocket_handshake)];

/// Frames, as one whole and cut into pieces: both give the same. The first byte chooses the end and the cut.
pub fn fuzz_websocket_frames(data: &[u8]) {
    let Some((choice, input)) = data.split_first() else { return };
    let text = if choice & 1 == 0 { TextFrames::Refused } else { TextFrames::Accepted };
    let decoder = match choice & 2 {
        0 => FrameDecoder::for_server(text),
        _ => FrameDecoder::for_client(text),
    };
    let whole = read(decoder, input, input.len().max(1));
    assert!(whole.0.len() <= input.len(), "data is no longer than its frames");
    let pieces = read(decoder, input, usize::from(choice >> 2) + 1);
    assert_eq!(whole, pieces);
}

/// Data and replies, and whether it ended.
fn read(mut decoder: FrameDecoder, input: &[u8], step: usize) -> (Vec<u8>, Vec<u8>, bool) {
    let (mut data, mut replies) = (Vec::new(), Vec::new());
    let (mut from, mut to) = (0, 0);
    while to < input.len() {
        to = (to + step).min(input.len());
        let received = decoder.receive(&input[from..to], Some([1, 2, 3, 4]), &mut data, &mut replies);
        from += received.consumed;
        assert!(from <= to, "more was taken than there was");
        if received.end.is_some() {
            return (data, replies, true);
        }
    }
    (data, replies, false)
}

/// A handshake.
pub fn fuzz_websocket_handshake(data: &[u8]) {
    let rules = Rules {
        subprotocols: &["mqtt", "mqttv3.1"],
        origin_allowed: &|origin| origin.is_none_or(|origin| origin.ends_with("//localhost")),
        host_allowed: &|host| host.starts_with("localhost"),
    };
    let mut out = Vec::new();
    match answer(data, &rules, &mut out) {
        Answer::Incomplete => assert!(out.is_empty()),
        Answer::Accepted { consumed, .. } => {
            assert!(consumed <= data.len());
            assert!(out.starts_with(b"HTTP/1.1 101 "));
        }
        Answer::Refused(_) => assert!(out.starts_with(b"HTTP/1.1 4")),
    }
}
