//! Block 5, JetStream: replay. Claim: history can be read again, from message 50 and from the start.

use async_nats::jetstream;
use futures::StreamExt;

/// Sequence and payload of each replayed message.
pub type Replayed = Vec<(u64, String)>;

/// Replays ORDERS (made by block 4, with 100 messages) from sequence 50, and from the start.
pub async fn run(url: &str) -> anyhow::Result<(Replayed, Replayed)> {
    let client = async_nats::connect(url).await?;
    let jetstream = jetstream::new(client);

    let stream = jetstream.get_stream("ORDERS").await?;

    // 从特定序列号开始消费
    let consumer = stream
        .create_consumer(jetstream::consumer::pull::Config {
            deliver_policy: jetstream::consumer::DeliverPolicy::ByStartSequence {
                start_sequence: 50, // 从第50条消息开始
            },
            ack_policy: jetstream::consumer::AckPolicy::Explicit,
            ..Default::default()
        })
        .await?;

    // 从头开始重放所有消息
    let consumer_from_start = stream
        .create_consumer(jetstream::consumer::pull::Config {
            deliver_policy: jetstream::consumer::DeliverPolicy::All,
            replay_policy: jetstream::consumer::ReplayPolicy::Instant,
            ..Default::default()
        })
        .await?;

    println!("可以回溯任意历史消息！");

    Ok((read(consumer).await?, read(consumer_from_start).await?))
}

async fn read(mut consumer: jetstream::consumer::PullConsumer) -> anyhow::Result<Replayed> {
    let pending = consumer.info().await?.num_pending;
    let mut messages = consumer.fetch().max_messages(pending as usize).messages().await?;
    let mut replayed = Vec::new();
    while let Some(message) = messages.next().await {
        let message = message.map_err(anyhow::Error::from_boxed)?;
        let sequence = message.info().map_err(anyhow::Error::from_boxed)?.stream_sequence;
        replayed.push((sequence, String::from_utf8_lossy(&message.payload).into_owned()));
        message.ack().await.map_err(anyhow::Error::from_boxed)?;
    }
    Ok(replayed)
}
