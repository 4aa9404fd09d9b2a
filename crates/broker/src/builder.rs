//! Starting a broker.

use crate::listen::Listen;
use crate::running::{Addresses, Broker};
use crate::storage::{Data, Storage, StorageError};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use stele_admin::{About, Admin};
use stele_core::{Core, RelaySession, Router};
use stele_host::{Bound, Clock, Hosted, ListenerError, Overflow, Peer, SessionFactory, Stop, WebSocketRules};
use stele_kafka::{KafkaService, KafkaSession, KafkaSettings};
use stele_model::{Filter, StreamName};
use stele_mqtt::{MqttSession, MqttSettings, WillSession};
use stele_nats::jetstream::{self, PushSession};
use stele_nats::{NatsSession, NatsSettings};

/// A receiver with more than this queued is a slow consumer (nats-server's `max_pending`).
const NATS_QUEUE_BYTES_MAX: usize = 64 << 20;

/// A receiver with more than this queued loses QoS 0 messages; QoS 1 and 2 wait in its session's window.
const MQTT_QUEUE_BYTES_MAX: usize = 16 << 20;

/// A client with more than this unread is closed; one fetch response has at most 55 MiB.
const KAFKA_QUEUE_BYTES_MAX: usize = 256 << 20;

/// What a broker is made of; every part has a default.
#[derive(Clone, Debug)]
pub struct Builder {
    nats: Listen,
    http: Listen,
    data: Data,
    nats_settings: NatsSettings,
    kafka: Listen,
    kafka_settings: KafkaSettings,
    mqtt: Listen,
    mqtt_ws: Listen,
    mqtt_settings: MqttSettings,
    streams: Vec<(StreamName, Vec<Filter>)>,
    allow_anonymous_public: bool,
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
    /// The data.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A stream that was asked for.
    #[error("stream `{0}` cannot be made: {1}")]
    Stream(StreamName, stele_model::Error),
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
        Self {
            nats: free,
            http: free,
            data: Data::Memory,
            nats_settings: NatsSettings::default(),
            kafka: free,
            kafka_settings: KafkaSettings::default(),
            mqtt: free,
            mqtt_ws: Listen::Off,
            mqtt_settings: MqttSettings::default(),
            streams: Vec::new(),
            allow_anonymous_public: false,
        }
    }
}

impl Builder {
    /// Where NATS listens; a free port on 127.0.0.1 unless said otherwise.
    #[must_use]
    pub fn nats(mut self, listen: Listen) -> Self {
        self.nats = listen;
        self
    }

    /// Where health, totals and metrics are served over HTTP; a free port on 127.0.0.1 unless said otherwise.
    #[must_use]
    pub fn http(mut self, listen: Listen) -> Self {
        self.http = listen;
        self
    }

    /// Where data is kept; in memory unless said otherwise.
    #[must_use]
    pub fn data(mut self, data: Data) -> Self {
        self.data = data;
        self
    }

    /// Settings of the NATS wire.
    #[must_use]
    pub fn nats_settings(mut self, settings: NatsSettings) -> Self {
        self.nats_settings = settings;
        self
    }

    /// Where Kafka listens; a free port on 127.0.0.1 unless said otherwise.
    #[must_use]
    pub fn kafka(mut self, listen: Listen) -> Self {
        self.kafka = listen;
        self
    }

    /// Settings of the Kafka wire.
    #[must_use]
    pub fn kafka_settings(mut self, settings: KafkaSettings) -> Self {
        self.kafka_settings = settings;
        self
    }

    /// Where MQTT listens; a free port on 127.0.0.1 unless said otherwise.
    #[must_use]
    pub fn mqtt(mut self, listen: Listen) -> Self {
        self.mqtt = listen;
        self
    }

    /// Where MQTT over WebSocket listens; off unless said otherwise.
    #[must_use]
    pub fn mqtt_ws(mut self, listen: Listen) -> Self {
        self.mqtt_ws = listen;
        self
    }

    /// Settings of the MQTT wire.
    #[must_use]
    pub fn mqtt_settings(mut self, settings: MqttSettings) -> Self {
        self.mqtt_settings = settings;
        self
    }

    /// Makes a stream that captures these subjects, where there is none of this name yet.
    #[must_use]
    pub fn stream(mut self, name: StreamName, subjects: Vec<Filter>) -> Self {
        self.streams.push((name, subjects));
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
        let clock = Clock::start();
        let nats = bind("nats", self.nats, Overflow::Close, NATS_QUEUE_BYTES_MAX)?;
        let kafka = bind("kafka", self.kafka, Overflow::Close, KAFKA_QUEUE_BYTES_MAX)?;
        let mqtt = bind("mqtt", self.mqtt, Overflow::Drop, MQTT_QUEUE_BYTES_MAX)?;
        let mqtt_ws = bind("mqtt-ws", self.mqtt_ws, Overflow::Drop, MQTT_QUEUE_BYTES_MAX)?;
        let http = bind("http", self.http, Overflow::Close, NATS_QUEUE_BYTES_MAX)?;
        let router = Arc::new(Router::default());
        let (storage, journal) = Storage::open(&self.data, &router, clock, random)?;
        let core = Arc::new(Core::new(router, storage.clone(), journal, Box::new(random)));
        let driver = storage.drive(&core)?;
        for (name, subjects) in &self.streams {
            storage.ensure_stream(&core, name, subjects)?;
        }
        let mut hosted = Hosted::start(core.clone(), clock);
        hosted.spawn(storage.run(hosted.stop()));
        hosted.attach(Box::new(PushSession::default()));
        hosted.attach(Box::new(WillSession::default()));
        hosted.attach(Box::new(RelaySession::default()));
        let first = |bound: &[(SocketAddr, Bound)]| bound.first().map(|(address, _)| *address);
        let addresses = Addresses {
            nats: first(&nats),
            kafka: first(&kafka),
            mqtt: first(&mqtt),
            mqtt_ws: first(&mqtt_ws),
            http: first(&http),
        };
        let nats_settings = NatsSettings { server_id: server_id(), ..self.nats_settings.clone() };
        for (address, bound) in nats {
            hosted.listen(bound.serve(nats_sessions(&nats_settings, address)));
        }
        let kafka_sessions = kafka_sessions(&self.kafka_settings);
        for (_, bound) in kafka {
            hosted.listen(bound.serve(kafka_sessions.clone()));
        }
        let mqtt_sessions = mqtt_sessions(&self.mqtt_settings);
        for (_, bound) in mqtt {
            hosted.listen(bound.serve(mqtt_sessions.clone()));
        }
        for (_, bound) in mqtt_ws {
            hosted.listen(bound.serve_websocket(mqtt_sessions.clone(), mqtt_over_websocket()));
        }
        let about = about(&nats_settings, &addresses, clock);
        for (_, bound) in http {
            hosted.spawn(serve_http(Admin::new(core.clone(), about.clone()), bound, hosted.stop()));
        }
        Ok(Broker::new(hosted, driver, addresses, core))
    }

    fn refuse_open_doors(&self) -> Result<(), StartError> {
        let listeners = [
            ("nats", self.nats),
            ("kafka", self.kafka),
            ("mqtt", self.mqtt),
            ("mqtt-ws", self.mqtt_ws),
            ("http", self.http),
        ];
        match listeners.into_iter().find(|(_, listen)| listen.is_public()) {
            Some((wire, listen)) if !self.allow_anonymous_public => {
                Err(StartError::Anonymous { wire, listen })
            }
            _ => Ok(()),
        }
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
    let jetstream = jetstream::Settings {
        version: settings.version.clone(),
        server_name: settings.server_name.clone(),
        ..(*settings.jetstream).clone()
    };
    let settings = NatsSettings {
        port: address.port(),
        host: address.ip().to_string(),
        jetstream: Arc::new(jetstream),
        ..settings.clone()
    };
    let settings = Arc::new(settings);
    Arc::new(move |peer: &Peer| Box::new(NatsSession::new(settings.clone(), peer.remote.ip())))
}

/// 56 characters that no other broker has, in the alphabet of NATS server ids.
fn server_id() -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut id = String::from("S");
    for _ in 0..5 {
        let bits = random();
        id.extend((0..11).map(|place| char::from(ALPHABET[(bits >> (place * 5)) as usize & 31])));
    }
    id
}

fn about(nats: &NatsSettings, addresses: &Addresses, clock: Clock) -> About {
    About {
        server_id: nats.server_id.clone(),
        server_name: nats.server_name.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        listeners: addresses
            .by_flag()
            .map(|(wire, address)| (wire.to_owned(), address.to_string()))
            .collect(),
        start_s: clock.now().wall_ns / 1_000_000_000,
    }
}

async fn serve_http(admin: Admin, bound: Bound, stop: Stop) {
    let until = move || {
        let mut stop = stop.clone();
        async move { stop.stopped().await }
    };
    if let Err(error) = admin.serve(bound.into_socket(), until).await {
        tracing::error!(%error, "the HTTP listener ended");
    }
}

fn kafka_sessions(settings: &KafkaSettings) -> SessionFactory {
    let service = Arc::new(KafkaService::new(settings.clone()));
    Arc::new(move |peer: &Peer| Box::new(KafkaSession::new(service.clone(), peer.remote.ip(), peer.local)))
}

/// Pages of this machine only.
fn mqtt_over_websocket() -> WebSocketRules {
    WebSocketRules { subprotocols: &["mqtt", "mqttv3.1"], origins: Vec::new(), hosts: Vec::new() }
}

fn mqtt_sessions(settings: &MqttSettings) -> SessionFactory {
    let settings = Arc::new(settings.clone());
    Arc::new(move |_: &Peer| Box::new(MqttSession::new(settings.clone())))
}

fn random() -> u64 {
    getrandom::u64().expect("the operating system gives random numbers")
}
