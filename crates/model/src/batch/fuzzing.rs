//! Fuzz targets as plain functions: the fuzzer and the ordinary tests call the same ones.

use super::{Batch, Batches, Codec, Decompressor, RecordStream, Rewritten, rewrite_without};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All targets with their names.
pub const TARGETS: &[(&str, Target)] =
    &[("batch", fuzz_batch), ("produced", fuzz_produced), ("decompress", fuzz_decompress)];

/// Plain bytes that a target may make of its input.
const BOUND: usize = 1 << 20;

/// Walks batches and their records, and leaves every other record out.
pub fn fuzz_batch(data: &[u8]) {
    for batch in Batches::new(data).flatten() {
        let (mut plain, mut streamed) = (0, 0);
        if let Some(records) = batch.plain_records() {
            plain =
                records.take_while(Result::is_ok).flatten().map(|record| record.headers.count() + 1).sum();
        }
        if let Ok(mut records) = RecordStream::new(&batch, BOUND) {
            while let Ok(Some(record)) = records.next() {
                streamed += record.headers.count() + 1;
            }
        }
        if batch.codec() == Codec::None && batch.payload().len() <= BOUND {
            assert_eq!(plain, streamed, "both walks see the same records");
        }
        let mut out = Vec::new();
        let rewritten = rewrite_without(&batch, BOUND, |record| record.offset % 2 == 0, &mut out);
        if let Ok(Rewritten::Smaller(header)) = rewritten {
            let smaller = Batch::parse(&out).expect("what is written parses");
            assert_eq!(*smaller.header(), header);
            smaller.verify_crc().expect("what is written has its CRC");
        }
    }
}

/// Checks a producer's batch.
pub fn fuzz_produced(data: &[u8]) {
    if let Ok(batch) = Batch::parse_produced(data) {
        assert_eq!(batch.bytes().len(), data.len());
    }
}

/// Decompresses; the first byte chooses the codec.
pub fn fuzz_decompress(data: &[u8]) {
    let Some((first, payload)) = data.split_first() else { return };
    let codec = Codec::from_bits(first % 5).expect("0 to 4 are codecs");
    let mut plain = Vec::new();
    if let Ok(mut decompressor) = Decompressor::new(codec, payload, BOUND) {
        let whole = decompressor.read_to_end(&mut plain);
        assert!(plain.len() <= BOUND, "{whole:?}");
    }
}
