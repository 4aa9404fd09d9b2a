//! Commands that speak to a running server, over NATS.

pub(crate) mod messages;
pub(crate) mod sizes;
pub(crate) mod stream;

use crate::client::Server;

/// Which server.
#[derive(Debug, clap::Args)]
pub(crate) struct At {
    /// The server's NATS address: nats://[USER:PASSWORD@]HOST[:PORT].
    #[arg(
        long,
        value_name = "URL",
        default_value = "nats://127.0.0.1:4222",
        env = "STELE_SERVER",
        global = true
    )]
    pub(crate) server: Server,
}
