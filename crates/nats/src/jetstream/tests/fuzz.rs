//! The fuzz targets with random bytes and with mutations of good requests: nothing panics.

use super::super::fuzzing;
use proptest::prelude::*;

const SEEDS: [&str; 8] = [
    "$JS.API.CONSUMER.CREATE.S.C.a.>",
    "$JS.ACK.S.C.1.2.3.4.5",
    "$JS.FC.S.C.1",
    r#"{"name":"S","subjects":["a.>","b"],"max_age":1000000000,"consumer_limits":{"max_ack_pending":1}}"#,
    r#"{"stream_name":"S","config":{"durable_name":"D","backoff":[1,2],"filter_subjects":["a","b.*"]}}"#,
    r#"{"batch":5,"expires":1000000000,"idle_heartbeat":100000000,"multi_last":["a"],"up_to_seq":4}"#,
    "-NAK {\"delay\":5}",
    "NATS/1.0\r\nNats-TTL: 1h\r\nNats-Rollup: sub\r\n\r\n",
];

fn all(bytes: &[u8]) {
    fuzzing::subjects(bytes);
    fuzzing::stream_config(bytes);
    fuzzing::consumer_config(bytes);
    fuzzing::bodies(bytes);
    fuzzing::conditions(bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        all(&bytes);
    }

    #[test]
    fn mutated_requests(seed in 0..SEEDS.len(), at in any::<prop::sample::Index>(), byte: u8, cut in any::<bool>()) {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at + 1);
        }
        all(&bytes);
    }
}
