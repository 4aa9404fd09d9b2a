//! The broker as a library: puts router, log and wires together and drives them on the caller's runtime.
//!
//! In a test of an application, with `stele-broker` as a dev-dependency:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use stele_broker::Broker;
//!
//! let broker = Broker::start().await?;
//! println!("{} {} {}", broker.nats_url(), broker.kafka_servers(), broker.mqtt_address());
//! // … connect real clients, run what is to be tested …
//! broker.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Every wire listens on a free port of 127.0.0.1, so any number of brokers run side by side. Data is in memory; the builder
//! puts it elsewhere, makes streams, and moves or leaves out listeners:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use stele_broker::{Broker, Data, Filter, Listen, StreamName};
//!
//! let broker = Broker::builder()
//!     .data(Data::Temporary)
//!     .stream(StreamName::new("TELEMETRY"), vec![Filter::new(b"home.>")?])
//!     .http(Listen::Off)
//!     .start()
//!     .await?;
//! assert!(broker.addresses().http.is_none());
//! broker.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! What stays: nothing. After [`Broker::stop`] there is no thread, no open port, and no file but those of a
//! [`Data::Directory`], which the next broker opens. Dropping a broker has the same end; its clients only hear no goodbye,
//! as after a crash, and nothing that was acknowledged is lost.

mod builder;
mod checkpointer;
mod listen;
mod running;
mod storage;

pub use builder::{Builder, StartError};
pub use listen::{Listen, ListenParseError};
pub use running::{Addresses, Broker};
pub use stele_kafka::KafkaSettings;
pub use stele_model::{Filter, StreamName};
pub use stele_mqtt::MqttSettings;
pub use stele_nats::NatsSettings;
pub use storage::{Data, StorageError};
