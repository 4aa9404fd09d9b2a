//! Block 1, NATS: the simplest publish and subscribe. Claim: ten greetings arrive, in order.

use std::time::Duration;

use futures::StreamExt;

/// Returns the ten greetings as received; the publisher pauses for `pause` after each.
pub async fn run(url: &str, pause: Duration) -> anyhow::Result<Vec<String>> {
    // 连接 NATS
    let client = async_nats::connect(url).await?;

    // 订阅主题
    let mut subscriber = client.subscribe("greetings").await?;

    // 在另一个任务中发布消息
    let publisher = client.clone();
    tokio::spawn(async move {
        for i in 0..10 {
            publisher.publish("greetings", format!("Hello {}", i).into()).await.unwrap();
            tokio::time::sleep(pause).await;
        }
    });

    // 接收消息
    let mut received = Vec::new();
    while let Some(message) = subscriber.next().await {
        let payload = String::from_utf8_lossy(&message.payload);
        println!("收到消息: {}", payload);
        received.push(payload.into_owned());
        if received.len() == 10 {
            break;
        }
    }

    Ok(received)
}
