//! Bytes of a peer that means harm: no panic, no allocation that the frame does not pay for.

use super::{Sample, Seed};
use crate::codec::messages::*;
use crate::codec::*;
use crate::fuzzing;

/// What an attacker writes over a length: 2 GiB, -1, the lowest, compact 4 GiB, compact 2 GiB, overlong.
const LIES: [&[u8]; 7] = [
    &[0x7f, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff],
    &[0x80, 0x00, 0x00, 0x00],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x7f, 0xff],
];

#[test]
fn lies_at_every_position_are_survived() {
    macro_rules! both {
        ($api:ident, $request:ident, $response:ident) => {
            for version in ApiKey::$api.versions() {
                let form = ApiKey::$api.form(version);
                let mut bytes = Vec::new();
                $request::sample(&mut Seed::new(3), form).write(&mut Writer::new(&mut bytes), form);
                lie(&bytes, |bytes| $request::read(&mut Reader::new(bytes), form).is_ok());
                bytes.clear();
                $response::sample(&mut Seed::new(3), form).write(&mut Writer::new(&mut bytes), form);
                lie(&bytes, |bytes| $response::read(&mut Reader::new(bytes), form).is_ok());
                bytes.clear();
                encode_request(
                    version,
                    1,
                    Some("client"),
                    &$request::sample(&mut Seed::new(4), form),
                    &mut bytes,
                );
                lie(&bytes[FRAME_PREFIX_BYTES..], |bytes| decode_request(bytes).is_ok());
            }
        };
    }
    for_each_api!(both);
}

fn lie(bytes: &[u8], read: impl Fn(&[u8]) -> bool) {
    for at in 0..bytes.len().min(400) {
        assert!(!read(&bytes[..at]), "a message cut at {at} of {} was read", bytes.len());
        for lie in LIES {
            let end = (at + lie.len()).min(bytes.len());
            let mut bytes = bytes.to_vec();
            bytes[at..end].copy_from_slice(&lie[..end - at]);
            read(&bytes);
        }
    }
}

#[test]
fn counts_that_the_frame_cannot_hold_are_refused() {
    // A Metadata request that asks another codec for 154 GB.
    let classic = [0x7f, 0xff, 0xff, 0xff];
    let compact = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for (version, bytes) in [(1, &classic[..]), (9, &compact[..])] {
        let read = MetadataRequest::read(&mut Reader::new(bytes), ApiKey::Metadata.form(version));
        assert_eq!(read, Err(WireError::Count), "v{version}");
    }
    // Empty names: each takes two bytes of frame and twenty times that of memory.
    let count = (DECODED_EXTRA_BYTES_MAX / size_of::<MetadataRequestTopic<'_>>()) * 2;
    let mut bytes = i32::try_from(count).unwrap().to_be_bytes().to_vec();
    bytes.resize(4 + 2 * count, 0);
    let read = MetadataRequest::read(&mut Reader::new(&bytes), ApiKey::Metadata.form(1));
    assert_eq!(read, Err(WireError::Count));
}

#[test]
fn null_is_refused_where_it_may_not_stand() {
    fn read(version: i16, bytes: &[u8]) -> Result<Option<Vec<MetadataRequestTopic<'_>>>, WireError> {
        let form = ApiKey::Metadata.form(version);
        MetadataRequest::read(&mut Reader::new(bytes), form).map(|request| request.topics)
    }
    assert_eq!(read(0, &[0xff; 4]), Err(WireError::Length));
    assert_eq!(read(1, &[0xff; 4]), Ok(None));
    assert_eq!(read(1, &[0xff, 0xff, 0xff, 0xfe]), Err(WireError::Length));
    assert_eq!(read(1, &[0, 0, 0, 1, 0xff, 0xff]), Err(WireError::Length));
    assert_eq!(read(1, &[0, 0, 0, 1, 0, 1, 0xff]), Err(WireError::Utf8));
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    let form = ApiKey::Heartbeat.form(4);
    // group "g", generation 7, member "m", no instance; tag 9 with 3 bytes, tag 1000 with none.
    let bytes = [2, b'g', 0, 0, 0, 7, 2, b'm', 0, 2, 9, 3, 1, 2, 3, 0xe8, 7, 0];
    let mut reader = Reader::new(&bytes);
    let heartbeat = HeartbeatRequest::read(&mut reader, form).unwrap();
    assert_eq!((heartbeat.group_id, heartbeat.generation_id, heartbeat.member_id), ("g", 7, "m"));
    assert_eq!(reader.remaining(), 0);
    for end in 0..bytes.len() {
        assert!(HeartbeatRequest::read(&mut Reader::new(&bytes[..end]), form).is_err());
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_survived(data in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        for (_, target) in fuzzing::TARGETS {
            target(&data);
        }
    }
}
