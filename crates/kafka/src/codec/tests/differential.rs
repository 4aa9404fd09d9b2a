//! Against kafka-protocol, an independent codec: it reads what we write, and writes it again to the same bytes;
//! the roundtrip test then says that we read what it writes.

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, Message};

use super::{Sample, Seed};
use crate::codec::messages::*;
use crate::codec::{ApiKey, ErrorCode, Wire, Writer, for_each_api};

const SAMPLES: u64 = 40;

#[test]
fn another_codec_agrees_on_every_version_it_has() {
    fn check<O: Wire<'static> + Sample + std::fmt::Debug, T: Decodable + Encodable + Message>(api: ApiKey) {
        for version in api.versions() {
            if !(T::VERSIONS.min..=T::VERSIONS.max).contains(&version) {
                // It lags one release of Kafka; golden bytes cover the rest.
                continue;
            }
            for seed in 0..SAMPLES {
                let form = api.form(version);
                let ours = O::sample(&mut Seed::new(seed), form);
                let mut bytes = Vec::new();
                ours.write(&mut Writer::new(&mut bytes), form);
                let mut input = Bytes::from(bytes.clone());
                let value = T::decode(&mut input, version)
                    .unwrap_or_else(|error| panic!("{api:?} v{version} {error}: {ours:?}"));
                assert!(input.is_empty(), "{api:?} v{version}: {ours:?}");
                let mut back = BytesMut::new();
                value
                    .encode(&mut back, version)
                    .unwrap_or_else(|error| panic!("{api:?} v{version} {error}: {ours:?}"));
                assert_eq!(back, bytes, "{api:?} v{version}: {ours:?}");
            }
        }
    }
    macro_rules! both {
        ($api:ident, $request:ident, $response:ident) => {
            check::<$request, theirs::$request>(ApiKey::$api);
            check::<$response, theirs::$response>(ApiKey::$api);
        };
    }
    for_each_api!(both);
}

#[test]
fn flexible_versions_agree() {
    for api in ApiKey::ALL {
        let other = theirs::ApiKey::try_from(api.code()).unwrap();
        for version in api.versions() {
            let flexible = other.request_header_version(version) == 2;
            assert_eq!(api.is_flexible(version), flexible, "{api:?} v{version}");
        }
    }
}

#[test]
fn error_codes_agree() {
    let mut compared = 0;
    for code in ErrorCode::ALL {
        assert_eq!(ErrorCode::from_code(code.code()), *code);
        let Some(other) = ResponseError::try_from_code(code.code()) else { continue };
        if !matches!(other, ResponseError::Unknown(_)) {
            let name: String = code.name().split('_').map(capitalized).collect();
            assert_eq!(name, format!("{other:?}"));
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
    assert_eq!(ErrorCode::from_code(9_999), ErrorCode::UnknownServerError);
}

fn capitalized(word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    lower[..1].to_ascii_uppercase() + &lower[1..]
}
