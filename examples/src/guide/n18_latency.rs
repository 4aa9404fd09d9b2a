//! Block 18, performance: latency, from publish to delivery over NATS, and from send to acknowledgement over Kafka.

use std::time::Duration;

use futures::StreamExt;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::time::Instant;

/// Mean latency of 1000 NATS messages, each received before the next is sent.
pub async fn nats(url: &str) -> anyhow::Result<Duration> {
    // NATS 延迟测试
    let nats_client = async_nats::connect(url).await?;
    let mut subscriber = nats_client.subscribe("test").await?;
    let start = Instant::now();
    for _ in 0..1000 {
        nats_client.publish("test", "msg".into()).await?;
        subscriber.next().await.ok_or_else(|| anyhow::anyhow!("the connection closed"))?;
    }
    let nats_latency = start.elapsed() / 1000;
    println!("NATS 平均延迟: {:?}", nats_latency);
    Ok(nats_latency)
}

/// Mean latency of 1000 Kafka records, each acknowledged before the next is sent.
pub async fn kafka(servers: &str) -> anyhow::Result<Duration> {
    // Kafka 延迟测试
    let kafka_producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", servers).set("linger.ms", "0").create()?;
    let start = Instant::now();
    for _ in 0..1000 {
        kafka_producer
            .send(FutureRecord::<(), _>::to("test").payload("msg"), Duration::from_secs(0))
            .await
            .map_err(|(e, _)| e)?;
    }
    let kafka_latency = start.elapsed() / 1000;
    println!("Kafka 平均延迟: {:?}", kafka_latency);

    Ok(kafka_latency)
}
