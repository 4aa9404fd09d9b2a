//! Kafka's four codecs: compress into a buffer, decompress as a stream under a bound.

use std::io::{Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::{BatchError, Codec};

/// Head of xerial's snappy framing: a magic word, then version 1 and the oldest compatible version 1.
const XERIAL_HEAD: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// Bytes of the magic word alone, by which the framing is told from a bare block.
const XERIAL_MAGIC_BYTES: usize = 8;
/// Plain bytes per block that we write, as Kafka's own producer does.
const XERIAL_BLOCK_BYTES: usize = 32 << 10;
/// A snappy block cannot grow by more: its densest element is 3 bytes for 64.
const SNAPPY_GROWTH_MAX: usize = 32;

/// Appends `plain` to `out`, compressed by `codec` in the form that Kafka's clients read.
pub fn compress(codec: Codec, plain: &[u8], out: &mut Vec<u8>) {
    // Writing to a Vec does not fail, and the encoders fail for no other reason.
    const INFALLIBLE: &str = "compression into memory does not fail";
    match codec {
        Codec::None => out.extend_from_slice(plain),
        Codec::Gzip => {
            let mut encoder = GzEncoder::new(out, flate2::Compression::default());
            encoder.write_all(plain).and_then(|()| encoder.try_finish()).expect(INFALLIBLE);
        }
        Codec::Snappy => {
            out.extend_from_slice(&XERIAL_HEAD);
            let mut encoder = snap::raw::Encoder::new();
            for block in plain.chunks(XERIAL_BLOCK_BYTES) {
                let compressed = encoder.compress_vec(block).expect(INFALLIBLE);
                let length = u32::try_from(compressed.len()).expect("a block is 32 KiB");
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(&compressed);
            }
        }
        Codec::Lz4 => {
            // Java's reader takes independent blocks only, which is the default here.
            let info = FrameInfo::new().block_size(BlockSize::Max64KB);
            let mut encoder = FrameEncoder::with_frame_info(info, out);
            encoder.write_all(plain).expect(INFALLIBLE);
            encoder.finish().expect(INFALLIBLE);
        }
        Codec::Zstd => zstd::stream::copy_encode(plain, out, 0).expect(INFALLIBLE),
    }
}

/// Decompresses a batch's payload piece by piece and stops at a bound.
///
/// Memory: the codec's own window (at most 128 MiB for zstd, 16 MiB for lz4, 32 KiB for gzip, one block for
/// snappy, which is held below the bound).
pub struct Decompressor<'a> {
    source: Source<'a>,
    bound: usize,
    produced: usize,
}

enum Source<'a> {
    Plain(&'a [u8]),
    Gzip(Box<MultiGzDecoder<&'a [u8]>>),
    Snappy(SnappyReader<'a>),
    Lz4(Box<FrameDecoder<&'a [u8]>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, &'a [u8]>>),
}

impl<'a> Decompressor<'a> {
    /// Starts on `payload`. More than `bound` bytes of output are refused.
    pub fn new(codec: Codec, payload: &'a [u8], bound: usize) -> Result<Self, BatchError> {
        let source = match codec {
            Codec::None => Source::Plain(payload),
            Codec::Gzip => Source::Gzip(Box::new(MultiGzDecoder::new(payload))),
            Codec::Snappy => Source::Snappy(SnappyReader::new(payload)?),
            Codec::Lz4 => Source::Lz4(Box::new(FrameDecoder::new(payload))),
            Codec::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(payload);
                Source::Zstd(Box::new(decoder.map_err(|_| BatchError::Compression)?))
            }
        };
        Ok(Self { source, bound, produced: 0 })
    }

    /// Fills the front of `buffer`; 0 means the end. `buffer` may not be empty.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BatchError> {
        let too_large = BatchError::TooLarge { bound: self.bound };
        let left = self.bound - self.produced;
        let count = match &mut self.source {
            Source::Plain(plain) => plain.read(buffer),
            Source::Gzip(decoder) => decoder.read(buffer),
            Source::Snappy(reader) => {
                if reader.next_block_bytes()? > left {
                    return Err(too_large);
                }
                reader.read(buffer)
            }
            Source::Lz4(decoder) => decoder.read(buffer),
            Source::Zstd(decoder) => decoder.read(buffer),
        }
        .map_err(|_| BatchError::Compression)?;
        if count > left {
            return Err(too_large);
        }
        self.produced += count;
        Ok(count)
    }

    /// Appends all that is left to `out`, which grows no faster than bytes come out.
    pub fn read_to_end(&mut self, out: &mut Vec<u8>) -> Result<(), BatchError> {
        const STEP_BYTES: usize = 16 << 10;
        loop {
            let end = out.len();
            out.resize(end + STEP_BYTES, 0);
            let count = self.read(&mut out[end..]);
            out.truncate(end + count.as_ref().map_or(0, |count| *count));
            if count? == 0 {
                return Ok(());
            }
        }
    }
}

/// A compressed block, and what follows it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// Reads xerial's frames, or one bare block.
struct SnappyReader<'a> {
    /// Blocks not yet decompressed.
    rest: &'a [u8],
    framed: bool,
    /// The current block, decompressed.
    plain: Vec<u8>,
    taken: usize,
}

impl<'a> SnappyReader<'a> {
    fn new(payload: &'a [u8]) -> Result<Self, BatchError> {
        let framed = payload.starts_with(&XERIAL_HEAD[..XERIAL_MAGIC_BYTES]);
        let rest =
            if framed { payload.get(XERIAL_HEAD.len()..).ok_or(BatchError::Compression)? } else { payload };
        Ok(Self { rest, framed, plain: Vec::new(), taken: 0 })
    }

    /// Plain bytes of the block that the next read decompresses; 0 when it needs none.
    fn next_block_bytes(&self) -> Result<usize, BatchError> {
        if self.taken < self.plain.len() {
            return Ok(0);
        }
        match self.next_block()? {
            None => Ok(0),
            Some((block, _)) => {
                let bytes = snap::raw::decompress_len(block).map_err(|_| BatchError::Compression)?;
                // A block that claims the impossible would otherwise get the memory that it claims.
                if bytes > block.len() * SNAPPY_GROWTH_MAX { Err(BatchError::Compression) } else { Ok(bytes) }
            }
        }
    }

    fn next_block(&self) -> Result<Option<Split<'a>>, BatchError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        if !self.framed {
            return Ok(Some((self.rest, &[])));
        }
        let (length, rest) = self.rest.split_first_chunk().ok_or(BatchError::Compression)?;
        let length = u32::from_be_bytes(*length) as usize;
        rest.split_at_checked(length).map(Some).ok_or(BatchError::Compression)
    }
}

impl Read for SnappyReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.taken == self.plain.len() {
            let Some((block, rest)) = self.next_block().map_err(std::io::Error::other)? else {
                return Ok(0);
            };
            self.plain = snap::raw::Decoder::new().decompress_vec(block)?;
            (self.taken, self.rest) = (0, rest);
            if self.plain.is_empty() && !buffer.is_empty() && !self.rest.is_empty() {
                // The caller has measured one block only.
                return Err(std::io::ErrorKind::InvalidData.into());
            }
        }
        let count = buffer.len().min(self.plain.len() - self.taken);
        buffer[..count].copy_from_slice(&self.plain[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}
