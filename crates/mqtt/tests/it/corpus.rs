//! Random bytes through the fuzz targets; their corpora are replayed by crates/fuzz.

use proptest::prelude::*;
use stele_mqtt::fuzzing::{fuzz_client, fuzz_headers, fuzz_names, fuzz_server};

proptest! {
    #[test]
    fn random_bytes_do_no_harm(data in proptest::collection::vec(any::<u8>(), 0..64)) {
        fuzz_server(&data);
        fuzz_client(&data);
        fuzz_names(&data);
        fuzz_headers(&data);
    }

    #[test]
    fn random_bodies_do_no_harm(
        first in any::<u8>(), choice in 0_u8..3, body in proptest::collection::vec(0_u8..48, 0..40)
    ) {
        let mut data = vec![choice, first, body.len() as u8];
        data.extend(&body);
        fuzz_client(&data);
        let mut session = CONNECT_V5.to_vec();
        session.extend(&data[1..]);
        fuzz_server(&session);
        fuzz_headers(&body);
    }
}

const CONNECT_V5: &[u8] = b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01a";
