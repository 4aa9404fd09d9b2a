//! The Kafka wire: codec, session, group coordinator's wire side.

pub mod codec;
#[doc(hidden)]
pub mod fuzzing;
