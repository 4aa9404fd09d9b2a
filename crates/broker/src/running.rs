//! A running broker: where it listens, and how it ends.

use crate::builder::{Builder, StartError};
use crate::storage::Driver;
use std::net::SocketAddr;
use std::sync::Arc;
use stele_core::Core;
use stele_host::Hosted;

/// A running broker. [`Broker::stop`] ends it: sessions are told and wills are sent. Dropping it ends its tasks, its threads
/// and its log, too, but without a goodbye to clients; sockets close when the runtime gets to drop the tasks.
pub struct Broker {
    // In the order of the end: who asks the log goes before it.
    hosted: Hosted,
    driver: Driver,
    addresses: Addresses,
    core: Arc<Core>,
}

/// Where the wires listen; `None`: off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// NATS.
    pub nats: Option<SocketAddr>,
    /// Kafka.
    pub kafka: Option<SocketAddr>,
    /// Health, totals and metrics over HTTP.
    pub http: Option<SocketAddr>,
    /// MQTT over TCP.
    pub mqtt: Option<SocketAddr>,
    /// MQTT over WebSocket.
    pub mqtt_ws: Option<SocketAddr>,
}

impl Broker {
    pub(crate) fn new(hosted: Hosted, driver: Driver, addresses: Addresses, core: Arc<Core>) -> Self {
        Self { hosted, driver, addresses, core }
    }

    /// A broker with defaults: every wire on a free port of 127.0.0.1.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a broker with defaults: every wire on a free port of 127.0.0.1, data in memory.
    ///
    /// # Errors
    /// Says which listener, where, and what to do.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// `nats://ADDRESS:PORT`, as NATS clients take it.
    ///
    /// # Panics
    /// When the builder turned NATS off.
    pub fn nats_url(&self) -> String {
        format!("nats://{}", self.addresses.nats.expect("the builder left NATS on"))
    }

    /// `ADDRESS:PORT`, as Kafka clients take it for `bootstrap.servers`.
    ///
    /// # Panics
    /// When the builder turned Kafka off.
    pub fn kafka_servers(&self) -> String {
        self.addresses.kafka.expect("the builder left Kafka on").to_string()
    }

    /// Where MQTT clients connect; most take [`SocketAddr::ip`] and [`SocketAddr::port`] one by one.
    ///
    /// # Panics
    /// When the builder turned MQTT off.
    pub fn mqtt_address(&self) -> SocketAddr {
        self.addresses.mqtt.expect("the builder left MQTT on")
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The parts without sockets, for metrics.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Stops: sessions hear it, what is outstanding is finished, all tasks and threads have ended, all ports are free.
    pub async fn stop(self) {
        let Self { hosted, driver, .. } = self;
        hosted.shutdown().await;
        // Blocks for one write and sync; nothing else runs on behalf of this broker any more.
        drop(driver);
    }
}

impl Addresses {
    /// Those that are on, by the name of their flag, in the order of the ready line.
    pub fn by_flag(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let all = [
            ("nats", self.nats),
            ("kafka", self.kafka),
            ("mqtt", self.mqtt),
            ("mqtt-ws", self.mqtt_ws),
            ("http", self.http),
        ];
        all.into_iter().filter_map(|(wire, address)| Some((wire, address?)))
    }
}
