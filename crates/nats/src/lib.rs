//! The NATS wire: codec, session, JetStream service.
//!
//! ```text
//!  bytes ─ codec::parse ─→ session ─ Turn ─→ core ─ Message ─→ NatsFormat ─→ bytes
//!                             └─ `$JS.` ─→ jetstream
//! ```
//!
//! [`NatsSession`] is one connection, [`NatsFormat`] how one subscription is written, [`NatsSettings`] what an
//! operator can turn. Nothing here does input or output, reads a clock or keeps a buffer: what a client sent is
//! borrowed from the host until the call ends.
//!
//! The behaviour follows nats-server, byte for byte where clients can tell; the tests hold bytes taken from it.

pub mod codec;
#[cfg(test)]
mod fake;
mod format;
#[doc(hidden)]
pub mod fuzzing;
pub mod jetstream;
mod session;
mod settings;

pub use format::NatsFormat;
pub use session::NatsSession;
pub use settings::NatsSettings;
