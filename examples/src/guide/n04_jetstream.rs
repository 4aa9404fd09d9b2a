//! Block 4, JetStream: a stream with limits, acknowledged publishes, a durable consumer.

use async_nats::jetstream;
use futures::StreamExt;

/// What the block prints.
#[derive(Debug)]
pub struct Outcome {
    /// The stream's configuration, as the server reports it.
    pub config: jetstream::stream::Config,
    /// The sequence of each acknowledged publish.
    pub acknowledged: Vec<u64>,
    /// The payloads that the consumer fetched.
    pub fetched: Vec<String>,
}

/// Creates ORDERS, publishes 100 orders, and fetches the first ten with the durable consumer `order-processor`.
pub async fn run(url: &str) -> anyhow::Result<Outcome> {
    let client = async_nats::connect(url).await?;
    let jetstream = jetstream::new(client.clone());

    // 创建 Stream
    let mut stream = jetstream
        .create_stream(jetstream::stream::Config {
            name: "ORDERS".to_string(),
            subjects: vec!["orders.*".to_string()],
            max_messages: 10000,
            max_bytes: 1024 * 1024 * 100, // 100MB
            retention: jetstream::stream::RetentionPolicy::Limits,
            storage: jetstream::stream::StorageType::File,
            ..Default::default()
        })
        .await?;

    println!("Stream 创建成功: {:?}", stream.info().await?);
    let config = stream.info().await?.config.clone();

    // 发布消息到 JetStream
    let mut acknowledged = Vec::new();
    for i in 0..100 {
        let ack = jetstream.publish("orders.created", format!("Order {}", i).into()).await?;
        let sequence = ack.await?.sequence;
        println!("消息已确认: seq={}", sequence);
        acknowledged.push(sequence);
    }

    // 创建 Consumer
    let consumer = stream
        .create_consumer(jetstream::consumer::pull::Config {
            durable_name: Some("order-processor".to_string()),
            ack_policy: jetstream::consumer::AckPolicy::Explicit,
            ..Default::default()
        })
        .await?;

    // 消费消息
    let mut fetched = Vec::new();
    let mut messages = consumer.fetch().max_messages(10).messages().await?;
    while let Some(message) = messages.next().await {
        let message = message.map_err(anyhow::Error::from_boxed)?;
        println!("消费消息: {}", String::from_utf8_lossy(&message.payload));
        fetched.push(String::from_utf8_lossy(&message.payload).into_owned());
        message.ack().await.map_err(anyhow::Error::from_boxed)?;
    }

    client.flush().await?;
    Ok(Outcome { config, acknowledged, fetched })
}
