//! Block 20, observability: two Prometheus metrics around a publish.

use prometheus::{Counter, Histogram, register_counter, register_histogram};

lazy_static::lazy_static! {
    static ref MESSAGES_PUBLISHED: Counter = register_counter!(
        "mq_messages_published_total",
        "Total number of messages published"
    ).unwrap();

    static ref MESSAGE_LATENCY: Histogram = register_histogram!(
        "mq_message_latency_seconds",
        "Message publishing latency"
    ).unwrap();
}

/// Publishes, counts and measures.
pub async fn publish_with_metrics(
    client: &async_nats::Client,
    subject: &str,
    payload: &str,
) -> anyhow::Result<()> {
    let timer = MESSAGE_LATENCY.start_timer();

    client.publish(subject.to_string(), payload.to_string().into()).await?;
    client.flush().await?;

    MESSAGES_PUBLISHED.inc();
    timer.observe_duration();

    Ok(())
}
