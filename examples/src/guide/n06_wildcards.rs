//! Block 6, NATS: wildcards. Claim: the two tables of matches and non-matches in the block's comments.

use std::time::Duration;

use futures::StreamExt;

/// Subscribes both wildcards, publishes to every one of `subjects`, and returns the subjects that each received.
pub async fn run(url: &str, subjects: &[&str]) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let client = async_nats::connect(url).await?;

    // 单级通配符
    let sub1 = client.subscribe("events.*.created").await?;
    // 匹配: events.user.created, events.order.created
    // 不匹配: events.user.updated, events.user.created.v2

    // 多级通配符
    let sub2 = client.subscribe("logs.>").await?;
    // 匹配: logs.info, logs.error.database, logs.warn.api.timeout

    // 发布测试
    for subject in subjects {
        client.publish((*subject).to_string(), "test".into()).await?;
    }

    Ok((received(sub1).await, received(sub2).await))
}

/// The subjects of what arrives until nothing more comes.
async fn received(mut subscriber: async_nats::Subscriber) -> Vec<String> {
    let mut subjects = Vec::new();
    while let Ok(Some(message)) = tokio::time::timeout(Duration::from_millis(500), subscriber.next()).await {
        subjects.push(message.subject.to_string());
    }
    subjects
}
