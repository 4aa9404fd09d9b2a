//! The guide's programs as tests of what their blocks claim, and every wire read through every other.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::large_futures, reason = "a test's future may be large: there is one")]
#![allow(clippy::print_stderr, reason = "a test that skips says so")]

mod across;
mod cut;
mod guide;
mod jetstream;
mod process;
mod target;
