//! Whole sessions of bytes that mean harm: nothing panics, and memory stays bounded.

use crate::fuzzing::fuzz_session;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_bytes_are_survived(input in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzz_session(&input);
    }

    /// Frames with a good header reach the handlers.
    #[test]
    fn any_bodies_are_survived(frames in prop::collection::vec(
        (0..61_i16, 0..14_i16, prop::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..80)), 1..6),
    ) {
        let mut input = vec![7];
        for (api, version, body) in frames {
            let length = body.len() as i32 + 10;
            input.extend_from_slice(&length.to_be_bytes());
            input.extend_from_slice(&api.to_be_bytes());
            input.extend_from_slice(&version.to_be_bytes());
            input.extend_from_slice(&[0, 0, 0, 1, 0xff, 0xff]);
            input.extend_from_slice(&body);
        }
        fuzz_session(&input);
    }
}
