//! What the fuzz targets call with bytes of their choice: nothing may panic, whatever comes.

use crate::codec::parse::{ParseLimits, Step};
use crate::codec::{client, headers};
use crate::jetstream::fuzzing as jetstream;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All targets with their names.
pub const TARGETS: &[(&str, Target)] = &[
    ("parse", parse),
    ("headers_block", headers_block),
    ("jetstream_subjects", jetstream::subjects),
    ("jetstream_stream_config", jetstream::stream_config),
    ("jetstream_consumer_config", jetstream::consumer_config),
    ("jetstream_bodies", jetstream::bodies),
    ("jetstream_conditions", jetstream::conditions),
];

/// Reads a whole input as a server and as a client.
pub fn parse(input: &[u8]) {
    let limits = ParseLimits { control_line_bytes_max: 64, payload_bytes_max: 1024 };
    let mut rest = input;
    while let Ok(Step::Verb(_, used)) = crate::codec::parse::parse(rest, &limits) {
        assert!(used > 0 && used <= rest.len());
        rest = &rest[used..];
    }
    let mut rest = input;
    while let Ok(client::Listen::Heard(_, used)) = client::listen(rest, &limits) {
        assert!(used > 0 && used <= rest.len());
        rest = &rest[used..];
    }
    headers_block(input);
}

/// Reads a header block and writes it again.
pub fn headers_block(block: &[u8]) {
    let canonical = headers::is_canonical(block);
    let view = headers::headers(block);
    let mut out = Vec::new();
    headers::write(&view, &[], &mut out);
    assert_eq!(headers::size(&view, &[]), out.len());
    assert!(!canonical || out == block);
    let _ = (headers::status(block), headers::get(block, b"Nats-Msg-Id"), headers::unescape(block));
}
