//! One source for all programs: each runs the target of its own name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stele_fuzz::run(env!("CARGO_BIN_NAME"), data));
