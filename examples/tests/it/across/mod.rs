//! Every wire to every wire, with unchanged clients: what one publishes, all others read through their own API.

mod advertise;
mod kafka_records;
mod matrix;
mod message;
mod receivers;
mod requests;
mod senders;

use std::time::Duration;

use async_nats::jetstream;
use rdkafka::config::ClientConfig;
use rumqttc::{MqttOptions, v5};

use crate::target::Target;

/// The stream that captures [`SUBJECTS`]: a JetStream stream, and a topic with one partition.
const STREAM: &str = "TELEMETRY";
const SUBJECTS: &str = "home.>";

/// A running stele with the stream.
async fn broker() -> Option<Target> {
    let target = Target::across()?;
    let jetstream = jetstream::new(async_nats::connect(target.nats()).await.unwrap());
    let config = jetstream::stream::Config {
        name: STREAM.to_owned(),
        subjects: vec![SUBJECTS.to_owned()],
        ..Default::default()
    };
    jetstream.create_stream(config).await.unwrap();
    Some(target)
}

/// Fails instead of hanging; generous, because machines are busy.
async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_| panic!("{what}: not within {LIMIT:?}"))
}

fn kafka(target: &Target) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", target.kafka());
    config
}

fn mqtt3(target: &Target, client: &str) -> MqttOptions {
    MqttOptions::new(client, target.mqtt().ip().to_string(), target.mqtt().port())
}

fn mqtt5(target: &Target, client: &str) -> v5::MqttOptions {
    v5::MqttOptions::new(client, target.mqtt().ip().to_string(), target.mqtt().port())
}

/// The subject of a topic whose levels are plain.
fn subject_of(topic: &str) -> String {
    topic.replace('/', ".")
}

fn topic_of(subject: &str) -> String {
    subject.replace('.', "/")
}

const LIMIT: Duration = Duration::from_secs(60);
