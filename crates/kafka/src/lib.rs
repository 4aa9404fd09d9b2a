//! The Kafka wire: codec, session, group coordinator's wire side.
//!
//! ```text
//!  bytes → codec::split → codec::decode_request → KafkaSession ─ Turn::request ─→ core
//!  bytes ←──────────────── RequestHeader::respond ←── continuation ←── Outcome ──┘
//! ```
//!
//! [`KafkaSession`] is one connection, [`KafkaService`] what all connections of a broker share, [`KafkaSettings`]
//! what an operator can turn. Nothing here does input or output, reads a clock or draws a random number. Record
//! batches pass as bytes; what is inside them is `stele_model::batch`'s.
//!
//! The behaviour follows Apache Kafka 4.3 with one node: clients see one broker that leads every partition.

pub mod codec;
#[doc(hidden)]
pub mod fuzzing;
mod session;
mod settings;

pub use session::{KafkaService, KafkaSession};
pub use settings::KafkaSettings;
