//! The broker as a library: puts router, log and wires together and drives them on the caller's runtime.
//!
//! ```no_run
//! # async fn run() -> Result<(), stele_broker::StartError> {
//! let broker = stele_broker::Broker::builder().start().await?;
//! println!("nats://{}", broker.addresses().nats.expect("the NATS listener is on"));
//! broker.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod builder;
mod listen;
mod storage;

pub use builder::{Addresses, Broker, Builder, StartError};
pub use listen::{Listen, ListenParseError};
pub use stele_kafka::KafkaSettings;
pub use stele_model::{Filter, StreamName};
pub use stele_mqtt::MqttSettings;
pub use stele_nats::NatsSettings;
pub use storage::{Data, StorageError};
