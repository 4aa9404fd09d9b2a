//! What is written reads back, for every message at every version.

use super::{Sample, Seed};
use crate::codec::messages::*;
use crate::codec::{ApiKey, Reader, Wire, Writer, for_each_api};

const SAMPLES: u64 = 60;

#[test]
fn every_message_roundtrips_at_every_version() {
    fn check<T>(api: ApiKey, version: i16, seed: u64)
    where
        T: Wire<'static> + Sample + PartialEq + std::fmt::Debug,
    {
        let form = api.form(version);
        let value = T::sample(&mut Seed::new(seed), form);
        let mut bytes = Vec::new();
        value.write(&mut Writer::new(&mut bytes), form);
        assert!(bytes.len() >= T::bytes_min(form), "{api:?} v{version}: {value:?}");
        // The test ends soon after.
        let bytes: &'static [u8] = bytes.leak();
        let mut reader = Reader::new(bytes);
        let read = T::read(&mut reader, form);
        assert_eq!(read.as_ref(), Ok(&value), "{api:?} v{version}");
        assert_eq!(reader.remaining(), 0, "{api:?} v{version}: {value:?}");
    }
    macro_rules! both {
        ($api:ident, $request:ident, $response:ident) => {
            for version in ApiKey::$api.versions() {
                for seed in 0..SAMPLES {
                    check::<$request>(ApiKey::$api, version, seed);
                    check::<$response>(ApiKey::$api, version, seed);
                }
            }
        };
    }
    for_each_api!(both);
}

#[test]
fn a_default_takes_the_least_room() {
    macro_rules! both {
        ($api:ident, $request:ident, $response:ident) => {
            for version in ApiKey::$api.versions() {
                let form = ApiKey::$api.form(version);
                let mut bytes = Vec::new();
                $request::default().write(&mut Writer::new(&mut bytes), form);
                assert_eq!(bytes.len(), $request::bytes_min(form), "{} v{version}", stringify!($request));
                bytes.clear();
                $response::default().write(&mut Writer::new(&mut bytes), form);
                assert_eq!(bytes.len(), $response::bytes_min(form), "{} v{version}", stringify!($response));
            }
        };
    }
    for_each_api!(both);
}
