//! What an operator can turn on the NATS wire.

use crate::jetstream;
use std::sync::Arc;

/// Settings of the NATS listener. Names and defaults follow nats-server, so that its guides apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsSettings {
    /// The server's identity in INFO. Stays the same for the life of the process.
    pub server_id: String,
    /// The server's name in INFO; turned by whoever runs several.
    pub server_name: String,
    /// The nats-server release whose features clients may count on; `2.x.y`, because clients compare it.
    pub version: String,
    /// The address that INFO names.
    pub host: String,
    /// The port that INFO names.
    pub port: u16,
    /// Other addresses of this broker, for clients that reconnect; empty: none is named.
    pub connect_urls: Vec<String>,
    /// JetStream's own settings, shared by all connections.
    pub jetstream: Arc<jetstream::Settings>,
    /// Headers and payload of one message together, in bytes. Raise it for applications with large messages.
    pub payload_bytes_max: u32,
    /// The arguments of one control line, in bytes. Raise it for applications with very long subjects.
    pub control_line_bytes_max: u32,
    /// Subscriptions of one connection; 0: unbounded. Lower it against leaking clients.
    pub subscriptions_max: u32,
    /// Between two PINGs to a silent client, in ns. Lower it to find dead peers sooner.
    pub ping_interval_ns: u64,
    /// PINGs without an answer after which a client counts as gone.
    pub pings_out_max: u8,
    /// Publishes that wait for their acknowledgement on one connection before it is read no further.
    pub acks_pending_max: u32,
}

impl Default for NatsSettings {
    fn default() -> Self {
        Self {
            server_id: "STELE".into(),
            server_name: "stele".into(),
            version: "2.10.29".into(),
            host: "127.0.0.1".into(),
            port: 4222,
            connect_urls: Vec::new(),
            jetstream: Arc::default(),
            payload_bytes_max: 1 << 20,
            control_line_bytes_max: 4096,
            subscriptions_max: 1 << 20,
            ping_interval_ns: 120_000_000_000,
            pings_out_max: 2,
            acks_pending_max: 16 << 10,
        }
    }
}
