//! Block 2, NATS: request and reply. Claim: 1+2+3+4+5 = 15.

use std::time::Duration;

use futures::StreamExt;

/// Returns the answer of the service, as text.
pub async fn run(url: &str) -> anyhow::Result<String> {
    let client = async_nats::connect(url).await?;

    // 服务端：响应请求
    let responder = client.clone();
    tokio::spawn(async move {
        let mut subscriber = responder.subscribe("math.add").await.unwrap();
        while let Some(message) = subscriber.next().await {
            if let Some(reply_subject) = message.reply {
                // 解析请求
                let numbers: Vec<i32> = serde_json::from_slice(&message.payload).unwrap_or_else(|_| vec![]);
                let sum: i32 = numbers.iter().sum();

                // 发送响应
                responder.publish(reply_subject, sum.to_string().into()).await.unwrap();
            }
        }
    });

    // 客户端：发送请求
    tokio::time::sleep(Duration::from_millis(100)).await;

    let request = serde_json::to_vec(&vec![1, 2, 3, 4, 5])?;
    let response = client.request("math.add", request.into()).await?;

    let result = String::from_utf8_lossy(&response.payload);
    println!("1+2+3+4+5 = {}", result); // 输出: 15

    Ok(result.into_owned())
}
