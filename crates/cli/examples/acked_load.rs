//! Acknowledged traffic on all three wires at once, with real clients: what `cargo xtask audit-acks` traces.
//!
//! `acked_load nats=ADDRESS kafka=ADDRESS mqtt=ADDRESS messages=COUNT`. Every message carries a mark of its own,
//! `mark:` and nine characters. Ends when everything is acknowledged.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use async_nats::jetstream;
use futures::StreamExt;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};

/// Messages without an acknowledgement, per client.
const IN_FLIGHT: usize = 64;
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> anyhow::Result<()> {
    let arguments: BTreeMap<String, String> = std::env::args()
        .skip(1)
        .map(|word| {
            let (name, value) =
                word.split_once('=').with_context(|| format!("`{word}` is not NAME=VALUE"))?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect::<anyhow::Result<_>>()?;
    let argument = |name: &str| arguments.get(name).cloned().with_context(|| format!("{name}=… is missing"));
    let (nats, kafka, mqtt) = (argument("nats")?, argument("kafka")?, argument("mqtt")?);
    let messages: u64 = argument("messages")?.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let context = jetstream::new(async_nats::connect(&nats).await?);
        make_stream(&context, "LOAD_NATS", "load.nats.>").await?;
        make_stream(&context, "LOAD_MQTT", "load.mqtt.>").await?;
        let all = async {
            tokio::try_join!(
                publish_nats(&context, messages),
                produce_kafka(&kafka, messages),
                publish_mqtt(&mqtt, messages)
            )
        };
        tokio::time::timeout(PATIENCE, all).await.context("not all was acknowledged in time")??;
        Ok(())
    })
}

async fn make_stream(context: &jetstream::Context, name: &str, subjects: &str) -> anyhow::Result<()> {
    let config = jetstream::stream::Config {
        name: name.to_owned(),
        subjects: vec![subjects.to_owned()],
        ..Default::default()
    };
    context.create_stream(config).await?;
    Ok(())
}

async fn publish_nats(context: &jetstream::Context, messages: u64) -> anyhow::Result<()> {
    let publish = |number: u64| async move {
        let subject = format!("load.nats.{}", number % 7);
        context.publish(subject, format!("mark:n{number:08}").into()).await?.await?;
        anyhow::Ok(())
    };
    let mut acknowledged = futures::stream::iter(0..messages).map(publish).buffer_unordered(IN_FLIGHT);
    while let Some(result) = acknowledged.next().await {
        result?;
    }
    Ok(())
}

async fn produce_kafka(servers: &str, messages: u64) -> anyhow::Result<()> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "0")
        // Few records per request, for many acknowledgements.
        .set("batch.num.messages", "4")
        .create()?;
    let producer = &producer;
    let produce = |number: u64| async move {
        let (payload, key) = (format!("mark:k{number:08}"), format!("key-{}", number % 7));
        let record = FutureRecord::to("load-kafka").payload(&payload).key(&key);
        producer.send(record, Duration::from_secs(30)).await.map_err(|(error, _)| error)?;
        anyhow::Ok(())
    };
    let mut acknowledged = futures::stream::iter(0..messages).map(produce).buffer_unordered(IN_FLIGHT);
    while let Some(result) = acknowledged.next().await {
        result?;
    }
    Ok(())
}

/// Half with QoS 1, half with QoS 2, in a session that is kept.
async fn publish_mqtt(address: &str, messages: u64) -> anyhow::Result<()> {
    let (host, port) = address.rsplit_once(':').context("mqtt=HOST:PORT")?;
    let mut options = MqttOptions::new("acked-load", host, port.parse()?);
    options.set_clean_session(false).set_inflight(64);
    let (client, mut events) = AsyncClient::new(options, IN_FLIGHT);
    let sender = tokio::spawn(async move {
        for number in 0..messages {
            let quality = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
            let topic = format!("load/mqtt/{}", number % 7);
            client.publish(topic, quality, false, format!("mark:m{number:08}")).await?;
        }
        // Keeps the event loop's other end open until the last acknowledgement.
        anyhow::Ok(client)
    });
    let mut acknowledged = 0;
    while acknowledged < messages {
        if let Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_)) = events.poll().await? {
            acknowledged += 1;
        }
    }
    drop(sender.await??);
    Ok(())
}
