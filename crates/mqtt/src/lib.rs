//! The MQTT wire: codec, names, mapping, session.
//!
//! One model serves MQTT 3.1, 3.1.1 and 5; the version is an argument. Nothing here reads a clock, a socket or
//! randomness, and nothing allocates per PUBLISH: a decoded packet borrows from the bytes it came in.
//!
//! ```text
//! bytes ─ Decoder::next ─→ Packet<'_> ─→ session          session ─→ Packet::encode ─→ bytes
//!              └─→ Fault (what to answer before closing)   TopicName ─ mapping ─→ subject, headers
//! ```
//!
//! * [`codec`]: one file per packet, for both ends of a connection.
//! * [`topic`]: names and filters with their rules.
//! * [`mapping`]: topics to subjects and properties to headers, and back, without loss.
//! * [`MqttSession`]: a connection's protocol state.
//! * [`MqttFormat`]: QoS 0 deliveries, encoded once for all receivers of a form.

pub mod codec;
mod fault;
mod format;
#[doc(hidden)]
pub mod fuzzing;
pub mod mapping;
mod outgoing;
mod reason;
mod session;
mod settings;
pub mod topic;
mod version;
mod wills;

pub use fault::{CloseWith, Fault};
pub use format::MqttFormat;
pub use reason::ReasonCode;
pub use session::MqttSession;
pub use settings::MqttSettings;
pub use version::{Qos, Sender, Version};
pub use wills::WillSession;
