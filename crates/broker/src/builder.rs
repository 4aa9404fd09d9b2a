//! Starting and stopping a broker.

use crate::listen::Listen;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use stele_core::{Core, Durable, MemoryJournal, Router};
use stele_host::{Bound, Clock, Hosted, ListenerError, Overflow, Peer, SessionFactory};
use stele_nats::{NatsSession, NatsSettings};

/// A receiver with more than this queued is a slow consumer (nats-server's `max_pending`).
const NATS_QUEUE_BYTES_MAX: usize = 64 << 20;

/// What a broker is made of; every part has a default.
#[derive(Clone, Debug)]
pub struct Builder {
    nats: Listen,
    nats_settings: NatsSettings,
    allow_anonymous_public: bool,
}

/// A running broker. Dropping it ends its tasks without a goodbye; [`Broker::shutdown`] says it.
pub struct Broker {
    hosted: Hosted,
    addresses: Addresses,
    core: Arc<Core>,
}

/// Where the wires listen; `None`: off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// NATS.
    pub nats: Option<SocketAddr>,
}

/// Why a broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is busy, or the address is not ours.
    #[error(
        "the {wire} listener cannot open {address}: {source}; --{wire} ADDRESS:PORT moves it, --{wire} off leaves it out"
    )]
    Listen {
        /// Which wire, by the name of its flag.
        wire: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Anybody could connect from outside.
    #[error(
        "the {wire} listener on {listen} would be open to other machines without authentication; listen on 127.0.0.1, or say \
         --insecure-anonymous if that is meant"
    )]
    Anonymous {
        /// Which wire, by the name of its flag.
        wire: &'static str,
        /// Where.
        listen: Listen,
    },
}

impl Default for Builder {
    fn default() -> Self {
        let free = Listen::On(SocketAddr::from(([127, 0, 0, 1], 0)));
        Self { nats: free, nats_settings: NatsSettings::default(), allow_anonymous_public: false }
    }
}

impl Builder {
    /// Where NATS listens; a free port on 127.0.0.1 unless said otherwise.
    #[must_use]
    pub fn nats(mut self, listen: Listen) -> Self {
        self.nats = listen;
        self
    }

    /// Settings of the NATS wire.
    #[must_use]
    pub fn nats_settings(mut self, settings: NatsSettings) -> Self {
        self.nats_settings = settings;
        self
    }

    /// Let anybody who reaches a public address in, without authentication.
    #[must_use]
    pub fn insecure_anonymous(mut self, allow: bool) -> Self {
        self.allow_anonymous_public = allow;
        self
    }

    /// Starts on the current tokio runtime, which must have IO and time.
    ///
    /// # Errors
    /// Says which listener, where, and what to do.
    pub async fn start(self) -> Result<Broker, StartError> {
        self.refuse_open_doors()?;
        let router = Arc::new(Router::default());
        let journal = Arc::new(MemoryJournal::default());
        let durable: Arc<dyn Durable> = Arc::new(crate::absent::Absent);
        let core = Arc::new(Core::new(router, durable, journal, Box::new(random)));
        let mut hosted = Hosted::start(core.clone(), Clock::start());
        let mut addresses = Addresses::default();
        for (address, bound) in bind("nats", self.nats, Overflow::Close, NATS_QUEUE_BYTES_MAX)? {
            addresses.nats = addresses.nats.or(Some(address));
            hosted.listen(bound.serve(nats_sessions(&self.nats_settings, address)));
        }
        Ok(Broker { hosted, addresses, core })
    }

    fn refuse_open_doors(&self) -> Result<(), StartError> {
        if self.nats.is_public() && !self.allow_anonymous_public {
            return Err(StartError::Anonymous { wire: "nats", listen: self.nats });
        }
        Ok(())
    }
}

impl Broker {
    /// A broker with defaults: every wire on a free port of 127.0.0.1.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The parts without sockets, for metrics.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Stops: sessions hear it, what is outstanding is finished, all tasks have ended.
    pub async fn shutdown(self) {
        self.hosted.shutdown().await;
    }
}

/// Binds all addresses of a wire. Loopback means both families; IPv6 is left out where the host lacks it. A picked
/// port is the same on both.
fn bind(
    wire: &'static str,
    listen: Listen,
    overflow: Overflow,
    queue_bytes_max: usize,
) -> Result<Vec<(SocketAddr, Bound)>, StartError> {
    let mut listeners = Vec::new();
    for (index, address) in listen.addresses().into_iter().enumerate() {
        let bound = Bound::bind(address, overflow, queue_bytes_max).and_then(|bound| {
            Ok((bound.address().map_err(|source| ListenerError { address, source })?, bound))
        });
        match bound {
            Ok(listener) => listeners.push(listener),
            Err(ListenerError { source, .. }) if index > 0 && is_absent(&source) => {}
            Err(ListenerError { address, source }) => {
                return Err(StartError::Listen { wire, address, source });
            }
        }
    }
    Ok(listeners)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
}

fn nats_sessions(settings: &NatsSettings, address: SocketAddr) -> SessionFactory {
    let settings = NatsSettings { port: address.port(), host: address.ip().to_string(), ..settings.clone() };
    let settings = Arc::new(settings);
    Arc::new(move |peer: &Peer| Box::new(NatsSession::new(settings.clone(), peer.remote.ip())))
}

fn random() -> u64 {
    getrandom::u64().expect("the operating system gives random numbers")
}
