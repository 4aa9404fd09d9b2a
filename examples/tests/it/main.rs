//! The guide's programs as tests of what their blocks claim.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cut;
mod guide;
mod process;
mod target;
