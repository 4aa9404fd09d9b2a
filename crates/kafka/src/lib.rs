//! The Kafka wire: codec, session, group coordinator's wire side.
//!
//! ```text
//! input → codec::split → codec::decode_request → Request<'_> … RequestHeader::respond → output
//! ```
//!
//! Nothing here does IO, reads a clock or draws a random number. Record batches pass as bytes; what is inside
//! them is `stele_model::batch`'s.

pub mod codec;
#[doc(hidden)]
pub mod fuzzing;
