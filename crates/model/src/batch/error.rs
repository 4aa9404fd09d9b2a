//! Why bytes are not an acceptable record batch.

use thiserror::Error;

/// What is wrong with a batch. Whoever reads a log treats any of these as damage; whoever takes a produce
/// refuses the batch (Kafka: `CORRUPT_MESSAGE`, `INVALID_RECORD` or `UNSUPPORTED_COMPRESSION_TYPE`).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BatchError {
    /// Fewer bytes than the header, or than the length in the header, asks for.
    #[error("batch is cut short: {needed} bytes needed, {available} there")]
    Truncated {
        /// Bytes that the batch needs in all.
        needed: usize,
        /// Bytes that there are.
        available: usize,
    },
    /// The length field is below the header's size, or other than the bytes given.
    #[error("batch length {0} does not fit")]
    Length(i32),
    /// Not magic 2. Older message formats left Kafka with version 4 (KIP-724).
    #[error("record format {0} is not supported")]
    Magic(i8),
    /// The stored CRC32C differs from the one computed from attributes to end.
    #[error("batch CRC is {stored:#010x} but should be {computed:#010x}")]
    Crc {
        /// CRC in the header.
        stored: u32,
        /// CRC of the bytes.
        computed: u32,
    },
    /// Codec bits above 4.
    #[error("compression codec {0} is unknown")]
    Codec(u8),
    /// A header field holds what cannot be (negative offset, delta or count, and the like).
    #[error("batch header: {0}")]
    Header(&'static str),
    /// A record does not parse, or records and header disagree.
    #[error("records: {0}")]
    Record(&'static str),
    /// Compressed bytes do not decompress.
    #[error("compressed records are damaged")]
    Compression,
    /// Decompressed records exceed the caller's bound; a decompression bomb looks like this.
    #[error("decompressed records exceed {bound} bytes")]
    TooLarge {
        /// The bound in bytes.
        bound: usize,
    },
}
