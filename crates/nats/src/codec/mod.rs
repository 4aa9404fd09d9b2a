//! Bytes to verbs and back; no state, no memory of its own.
//!
//! [`parse`] reads what a client says, [`encode`] writes what a server says, [`client`] holds the other half of both,
//! for programs that speak to a server. [`headers`] reads and builds header blocks.

pub mod client;
pub mod encode;
pub mod headers;
pub mod integer;
pub mod parse;
