//! Block 19, performance: throughput of NATS publishes.

use tokio::time::Instant;

/// Publishes 100,000 messages and returns messages per second, the server having taken them all.
pub async fn run(url: &str) -> anyhow::Result<f64> {
    let nats_client = async_nats::connect(url).await?;
    let message_count = 100_000;

    let start = Instant::now();
    for i in 0..message_count {
        nats_client.publish("throughput-test", format!("msg-{}", i).into()).await?;
    }
    nats_client.flush().await?;
    let elapsed = start.elapsed();
    let throughput = message_count as f64 / elapsed.as_secs_f64();

    println!("NATS 吞吐量: {:.0} msg/s", throughput);

    Ok(throughput)
}
