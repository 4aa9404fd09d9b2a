//! Block 3, NATS: a queue group. Claim: three workers share ten tasks, and each task is done once.

use std::sync::{Arc, Mutex};

use futures::StreamExt;

/// Returns who did what: worker and task.
pub async fn run(url: &str) -> anyhow::Result<Vec<(u32, String)>> {
    let client = async_nats::connect(url).await?;
    let done = Arc::new(Mutex::new(Vec::new()));

    // 创建多个消费者在同一队列组
    for worker_id in 0..3 {
        let client = client.clone();
        let done = done.clone();
        tokio::spawn(async move {
            // queue_subscribe: 同一队列组内的消费者负载均衡
            let mut subscriber = client.queue_subscribe("tasks", "workers".to_string()).await.unwrap();

            while let Some(message) = subscriber.next().await {
                let payload = String::from_utf8_lossy(&message.payload);
                println!("Worker {} 处理任务: {}", worker_id, payload);
                done.lock().unwrap().push((worker_id, payload.into_owned()));

                // 模拟处理时间
                tokio::time::sleep(tokio::time::Duration::from_millis(100)).await;
            }
        });
    }

    // 发布任务
    tokio::time::sleep(tokio::time::Duration::from_millis(100)).await;
    for i in 0..10 {
        client.publish("tasks", format!("Task {}", i).into()).await?;
    }

    tokio::time::sleep(tokio::time::Duration::from_secs(2)).await;
    let done = done.lock().unwrap().clone();
    Ok(done)
}
