//! The tests of `examples/`, with the versions that the guide prints.
#![forbid(unsafe_code)]
#![allow(dead_code, reason = "some of it is for tests beyond the guide")]

#[path = "../../../tests/it/cut.rs"]
mod cut;
#[path = "../../../tests/it/guide/mod.rs"]
mod guide;
#[path = "../../../tests/it/process.rs"]
mod process;
#[path = "../../../tests/it/target.rs"]
mod target;
