//! The programs of `examples/`, compiled with the versions that the guide prints.
#![forbid(unsafe_code)]

#[path = "../../src/guide/mod.rs"]
pub mod guide;
mod versions;
