//! Roundtrips, golden bytes and hostile bytes of batches.
#![allow(clippy::unwrap_used, reason = "an unexpected error fails the test, as it should")]

use super::*;

fn sample(out: &mut Vec<u8>) -> BatchHeader {
    let mut builder = BatchBuilder::new(out, 7).leader_epoch(3);
    builder
        .push(
            1_000,
            Some(b"key"),
            Some(b"value"),
            [(&b"a"[..], Some(&b"1"[..])), (b"a", None), (b"b", Some(b""))],
        )
        .unwrap();
    builder.push(990, None, None, []).unwrap();
    builder.push(1_010, Some(b""), Some(b""), []).unwrap();
    builder.finish().unwrap()
}

#[test]
fn builds_what_it_reads() {
    let mut out = b"before".to_vec();
    let header = sample(&mut out);
    let batch = Batch::parse(&out[6..]).unwrap();
    batch.verify_crc().unwrap();
    assert_eq!(*batch.header(), header);
    assert_eq!((header.last_offset(), header.next_offset()), (9, 10));
    assert_eq!((header.base_timestamp_ms, header.max_timestamp_ms), (1_000, 1_010));
    let records: Vec<_> = batch.plain_records().unwrap().map(Result::unwrap).collect();
    let flat: Vec<_> = records.iter().map(|r| (r.offset, r.timestamp_ms, r.key, r.value)).collect();
    assert_eq!(
        flat,
        [
            (7, 1_000, Some(&b"key"[..]), Some(&b"value"[..])),
            (8, 990, None, None),
            (9, 1_010, Some(&b""[..]), Some(&b""[..]))
        ]
    );
    let headers: Vec<_> = records[0].headers.map(|h| (h.name, h.value)).collect();
    assert_eq!(headers, [(&b"a"[..], Some(&b"1"[..])), (b"a", None), (b"b", Some(b""))]);
}

#[test]
fn cut_anywhere_is_an_error_and_never_a_panic() {
    let mut out = Vec::new();
    sample(&mut out);
    for end in 0..out.len() {
        assert!(Batch::parse(&out[..end]).is_err(), "{end}");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let mut out = Vec::new();
    sample(&mut out);
    for at in 0..out.len() {
        // Base offset and leader epoch lie outside the CRC.
        if at < 8 || (12..16).contains(&at) {
            continue;
        }
        for bit in 0..8 {
            let mut bytes = out.clone();
            bytes[at] ^= 1 << bit;
            let verdict = Batch::parse(&bytes).and_then(|batch| batch.verify_crc());
            assert!(verdict.is_err(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn damaged_records_never_panic() {
    let mut out = Vec::new();
    sample(&mut out);
    for at in BATCH_HEADER_BYTES..out.len() {
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = out.clone();
            bytes[at] = byte;
            let batch = Batch::parse(&bytes).unwrap();
            for record in batch.plain_records().unwrap().flatten() {
                assert!(record.headers.count() <= bytes.len());
            }
        }
    }
}

#[test]
fn patching_keeps_the_crc() {
    let mut out = Vec::new();
    sample(&mut out);
    patch(&mut out, 1 << 40, 9);
    let batch = Batch::parse(&out).unwrap();
    batch.verify_crc().unwrap();
    assert_eq!((batch.header().base_offset, batch.header().leader_epoch), (1 << 40, 9));
    assert_eq!(batch.plain_records().unwrap().next().unwrap().unwrap().offset, 1 << 40);

    set_log_append_time(&mut out, 5_000);
    let batch = Batch::parse(&out).unwrap();
    batch.verify_crc().unwrap();
    assert!(batch.plain_records().unwrap().all(|record| record.unwrap().timestamp_ms == 5_000));
}

#[test]
fn an_empty_batch_is_taken_away() {
    let mut out = b"before".to_vec();
    assert_eq!(BatchBuilder::new(&mut out, 0).finish(), None);
    assert_eq!(out, b"before");
}

#[test]
fn produced_batches_must_be_plain() {
    let mut out = Vec::new();
    sample(&mut out);
    assert_eq!(
        Batch::parse_produced(&out).unwrap_err(),
        BatchError::Header("base offset of a produced batch is not 0")
    );
    patch(&mut out, 0, -1);
    Batch::parse_produced(&out).unwrap();
    let mut twice = out.clone();
    twice.extend_from_slice(&out);
    assert!(matches!(Batch::parse_produced(&twice), Err(BatchError::Length(_))));
    assert_eq!(Batches::new(&twice).filter_map(Result::ok).count(), 2);
    set_log_append_time(&mut out, 1);
    assert!(Batch::parse_produced(&out).is_err());
}

const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
const BOUND: usize = 1 << 20;

/// A batch at offset 100 with `count` records of 1,000 bytes each.
fn compressed(codec: Codec, count: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let producer = Producer { id: 5, epoch: 1, base_sequence: 10 };
    let mut builder = BatchBuilder::new(&mut out, 100).producer(producer);
    for index in 0..count {
        let value = vec![index as u8; 1_000];
        builder.push(index as i64, Some(&[index as u8]), Some(&value), []).unwrap();
    }
    builder.finish_compressed(codec).unwrap();
    out
}

fn keys(bytes: &[u8]) -> Vec<(i64, u8)> {
    let mut records = RecordStream::new(&Batch::parse(bytes).unwrap(), BOUND).unwrap();
    let mut keys = Vec::new();
    while let Some(record) = records.next().unwrap() {
        assert_eq!(record.value.unwrap().len(), 1_000);
        keys.push((record.offset, record.key.unwrap()[0]));
    }
    keys
}

#[test]
fn every_codec_streams_back() {
    for codec in CODECS {
        let bytes = compressed(codec, 200);
        let batch = Batch::parse(&bytes).unwrap();
        batch.verify_crc().unwrap();
        assert_eq!(batch.codec(), codec);
        assert_eq!(batch.plain_records().is_some(), codec == Codec::None);
        let expected: Vec<_> = (0..200).map(|index| (100 + i64::from(index), index)).collect();
        assert_eq!(keys(&bytes), expected, "{codec:?}");
    }
}

#[test]
fn bombs_are_refused() {
    for codec in CODECS {
        let mut bomb = Vec::new();
        compress(codec, &vec![0; 8 * BOUND], &mut bomb);
        let mut plain = Vec::new();
        let verdict = Decompressor::new(codec, &bomb, BOUND).unwrap().read_to_end(&mut plain);
        assert_eq!(verdict, Err(BatchError::TooLarge { bound: BOUND }), "{codec:?}");
        assert!(plain.len() <= BOUND && plain.capacity() <= 3 * BOUND);
    }
}

#[test]
fn snappy_without_framing_is_read_and_its_claims_are_not_believed() {
    let block = snap::raw::Encoder::new().compress_vec(b"plain and plain").unwrap();
    let mut plain = Vec::new();
    Decompressor::new(Codec::Snappy, &block, BOUND).unwrap().read_to_end(&mut plain).unwrap();
    assert_eq!(plain, b"plain and plain");
    // Claims 4 GiB.
    let lie = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
    let verdict = Decompressor::new(Codec::Snappy, &lie, usize::MAX).unwrap().read_to_end(&mut plain);
    assert_eq!(verdict, Err(BatchError::Compression));
}

#[test]
fn damaged_compression_never_panics() {
    for codec in CODECS {
        let bytes = compressed(codec, 3);
        for at in BATCH_HEADER_BYTES..bytes.len().min(BATCH_HEADER_BYTES + 200) {
            for byte in [0, 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = byte;
                let Ok(mut records) = RecordStream::new(&Batch::parse(&bytes).unwrap(), BOUND) else {
                    continue;
                };
                while let Ok(Some(_)) = records.next() {}
            }
        }
        // Cut payloads, with a header that agrees.
        for end in BATCH_HEADER_BYTES..bytes.len() {
            let mut cut = bytes[..end].to_vec();
            cut[8..12].copy_from_slice(&(end as i32 - 12).to_be_bytes());
            let Ok(mut records) = RecordStream::new(&Batch::parse(&cut).unwrap(), BOUND) else { continue };
            let verdict = loop {
                match records.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            };
            // What lies after the last block (checksum, end mark) may be missed unseen.
            assert!(!verdict || end + 16 > bytes.len(), "{codec:?} cut at {end} of {}", bytes.len());
        }
    }
}

#[test]
fn rewriting_keeps_everything_but_the_gone_records() {
    for codec in CODECS {
        let bytes = compressed(codec, 10);
        let batch = Batch::parse(&bytes).unwrap();
        let mut out = b"before".to_vec();
        let gone = |record: &RecordView<'_>| record.offset % 2 == 1 || record.offset == 108;
        let Rewritten::Smaller(header) = rewrite_without(&batch, BOUND, gone, &mut out).unwrap() else {
            panic!("{codec:?}: some records were gone")
        };
        let smaller = Batch::parse(&out[6..]).unwrap();
        smaller.verify_crc().unwrap();
        assert_eq!(*smaller.header(), header);
        let kept_fields = |h: &BatchHeader| {
            (h.base_offset, h.last_offset_delta, h.attributes, h.producer_id, h.base_sequence)
        };
        assert_eq!(kept_fields(&header), kept_fields(batch.header()));
        assert_eq!((header.record_count, header.max_timestamp_ms), (4, 6));
        assert_eq!(keys(&out[6..]), [(100, 0), (102, 2), (104, 4), (106, 6)]);

        out.clear();
        assert_eq!(rewrite_without(&batch, BOUND, |_| false, &mut out), Ok(Rewritten::Whole));
        assert_eq!(rewrite_without(&batch, BOUND, |_| true, &mut out), Ok(Rewritten::Nothing));
        assert!(matches!(rewrite_without(&batch, 500, |_| true, &mut out), Err(BatchError::TooLarge { .. })));
        assert!(out.is_empty());
    }
}

#[test]
fn a_hole_is_one_control_batch_to_its_end() {
    for (first, last, base) in [(5, 9, 5), (9, 9, 9), (0, 1 << 40, (1 << 40) - i64::from(i32::MAX))] {
        let mut out = Vec::new();
        write_hole(&mut out, first, last, 77, 2);
        let batch = Batch::parse(&out).unwrap();
        batch.verify_crc().unwrap();
        assert!(batch.header().attributes.is_control());
        assert_eq!((batch.header().base_offset, batch.header().last_offset()), (base, last));
        let records: Vec<_> = batch.plain_records().unwrap().map(Result::unwrap).collect();
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].offset, records[0].key), (last, Some(&[0, 0, 0, 1][..])));
        assert_eq!(batch.header().producer_id, -1);
    }
}
