use proptest::prelude::*;

use super::commit::{Commit, CommitEntry};
use super::file_header::{FileHeader, FileHeaderFault};
use super::frame::{FrameHeader, HeaderFault};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sample_frame() -> FrameHeader {
    FrameHeader {
        kind: 2,
        lane: 3,
        payload_bytes: 4,
        payload_crc: 5,
        incarnation: 6,
        epoch: 7,
        lsn: 8,
        shard: 9,
        count: 10,
        partition: 11,
        base_offset: 12,
    }
}

fn sample_file() -> FileHeader {
    FileHeader { lane: 1, index: 2, incarnation: 3, first_lsn: 4, epoch: 5, log_start: 6 }
}

#[test]
fn golden_bytes() {
    assert_eq!(hex(&sample_frame().encode()), include_str!("../golden/frame_header_1.hex").trim());
    assert_eq!(hex(&sample_file().encode()[..64]), include_str!("../golden/file_header_1.hex").trim());
    let entry = CommitEntry { shard: 5, count: 6, partition: 7, base_offset: 8, lsn: 9 };
    let commit = Commit { group_start: 1, known_synced: 2, log_start: 3, flags: 4, entries: vec![entry] };
    let mut bytes = Vec::new();
    commit.encode(&mut bytes);
    assert_eq!(hex(&bytes), include_str!("../golden/commit_1.hex").trim());
}

#[test]
fn newer_versions_are_told_from_damage() {
    let mut bytes = sample_frame().encode();
    bytes[4] = 9;
    let crc = crc_fast::crc32_iscsi(&bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(FrameHeader::decode(&bytes), Err(HeaderFault::Newer(9)));
    let mut page = sample_file().encode();
    page[12] = 9;
    let crc = crc_fast::crc32_iscsi(&page[12..64]);
    page[8..12].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(FileHeader::decode(&page), Err(FileHeaderFault::Newer(9)));
}

#[test]
fn every_flipped_bit_of_a_header_is_found() {
    for bit in 0..64 * 8 {
        let mut bytes = sample_frame().encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(FrameHeader::decode(&bytes).is_err(), "bit {bit}");
        let mut page = sample_file().encode();
        page[bit / 8] ^= 1 << (bit % 8);
        assert!(FileHeader::decode(&page).is_err(), "bit {bit}");
    }
}

prop_compose! {
    fn any_entry()(
        shard: u32, count: u32, partition: u64, base_offset: u64, lsn: u64,
    ) -> CommitEntry {
        CommitEntry { shard, count, partition, base_offset, lsn }
    }
}

proptest! {
    #[test]
    fn frame_header_roundtrip(
        (kind, lane, payload_bytes, payload_crc) in any::<(u8, u16, u32, u32)>(),
        (incarnation, epoch, lsn, partition, base_offset) in any::<(u64, u64, u64, u64, u64)>(),
        (shard, count) in any::<(u32, u32)>(),
    ) {
        let header = FrameHeader {
            kind, lane, payload_bytes, payload_crc, incarnation, epoch, lsn, shard, count, partition, base_offset,
        };
        prop_assert_eq!(FrameHeader::decode(&header.encode()), Ok(header));
    }

    #[test]
    fn file_header_roundtrip(
        lane: u16,
        (index, incarnation, first_lsn, epoch, log_start) in any::<(u64, u64, u64, u64, u64)>(),
    ) {
        let header = FileHeader { lane, index, incarnation, first_lsn, epoch, log_start };
        prop_assert_eq!(FileHeader::decode(&header.encode()), Ok(header));
    }

    #[test]
    fn commit_roundtrip(
        (group_start, known_synced, log_start, flags) in any::<(u64, u64, u64, u32)>(),
        entries in proptest::collection::vec(any_entry(), 0..20),
    ) {
        let commit = Commit { group_start, known_synced, log_start, flags, entries };
        let mut bytes = Vec::new();
        commit.encode(&mut bytes);
        prop_assert_eq!(Commit::decode(&bytes), Some(commit));
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = FrameHeader::decode(&bytes);
        let _ = FileHeader::decode(&bytes);
        let _ = Commit::decode(&bytes);
    }
}
