//! Block 7, NATS: headers. Claim: what the publisher sets, the subscriber reads.

use async_nats::HeaderMap;
use futures::StreamExt;

/// Returns the headers of the message as received.
pub async fn run(url: &str) -> anyhow::Result<Option<HeaderMap>> {
    let client = async_nats::connect(url).await?;

    // 接收并读取 Headers
    let mut subscriber = client.subscribe("api.requests").await?;

    // 创建带 Header 的消息
    let mut headers = HeaderMap::new();
    headers.insert("Content-Type", "application/json");
    headers.insert("User-ID", "12345");
    headers.insert("Request-ID", "req-abc-123");

    client.publish_with_headers("api.requests", headers, r#"{"action": "create_order"}"#.into()).await?;

    if let Some(message) = subscriber.next().await {
        if let Some(headers) = message.headers {
            println!("User-ID: {:?}", headers.get("User-ID"));
            println!("Request-ID: {:?}", headers.get("Request-ID"));
            return Ok(Some(headers));
        }
    }

    Ok(None)
}
