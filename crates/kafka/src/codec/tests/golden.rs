//! Golden bytes: one sample of every message at its first, its first flexible and its last version.
//!
//! Each line (API number, version, direction, body in hex) was read by Apache Kafka 4.3's own message classes and
//! written by them again to the same bytes. A change here is a change of the wire.

use std::fmt::Write;

use super::{Sample, Seed};
use crate::codec::messages::*;
use crate::codec::{ApiKey, Form, Wire, Writer, for_each_api};

const SEED: u64 = 5;

#[test]
fn bytes_are_those_of_apache_kafka() {
    let mut text = String::new();
    macro_rules! both {
        ($api:ident, $request:ident, $response:ident) => {
            for version in versions(ApiKey::$api) {
                line::<$request>(&mut text, ApiKey::$api, version, "request", SEED);
                line::<$response>(&mut text, ApiKey::$api, version, "response", SEED);
            }
        };
    }
    for_each_api!(both);
    expect_test::expect_file!["golden.txt"].assert_eq(&text);
}

fn versions(api: ApiKey) -> Vec<i16> {
    let (first, last) = (*api.versions().start(), *api.versions().end());
    let mut versions = vec![first, api.flexible_from().max(first), last];
    versions.dedup();
    versions
}

fn line<T: Wire<'static> + Sample>(text: &mut String, api: ApiKey, version: i16, direction: &str, seed: u64) {
    let form: Form = api.form(version);
    let mut bytes = Vec::new();
    T::sample(&mut Seed::new(seed), form).write(&mut Writer::new(&mut bytes), form);
    write!(text, "{} {version} {direction} ", api.code()).unwrap();
    bytes.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
    text.push('\n');
}
