//! `stele tour` of the plain build.

use std::process::Command;

#[test]
fn the_plain_build_says_how_to_get_the_tour() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_stele")).args(["tour", "--json"]).output().expect("it runs");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{error}");
    assert!(error.contains("--features tour"), "{error}");
}
