//! Block 16, architecture: commands and queries apart, over Kafka. Claim: the balance follows from the events.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};

/// 命令处理器：写入事件. The command `credit` or `debit` moves 50.0.
pub async fn handle_command(producer: &FutureProducer, command: &str) -> anyhow::Result<()> {
    let event = serde_json::json!({
        "type": if command == "credit" { "AccountCredited" } else { "AccountDebited" },
        "account_id": "ACC-123",
        "amount": 50.0,
        "timestamp": chrono::Utc::now().timestamp()
    });

    producer
        .send(
            FutureRecord::to("account-events").key("ACC-123").payload(&serde_json::to_string(&event)?),
            Duration::from_secs(5),
        )
        .await
        .map_err(|(e, _)| e)?;

    Ok(())
}

/// 查询模型：构建读取视图. Returns the balances after `events` events.
pub async fn build_read_model(
    consumer: &StreamConsumer,
    events: usize,
) -> anyhow::Result<HashMap<String, f64>> {
    consumer.subscribe(&["account-events"])?;

    let mut account_balance: std::collections::HashMap<String, f64> = HashMap::new();

    let mut seen = 0;
    while seen < events {
        if let Ok(message) = consumer.recv().await {
            let payload = message.payload_view::<str>().unwrap().unwrap();
            let event: serde_json::Value = serde_json::from_str(payload)?;

            let account_id = event["account_id"].as_str().unwrap().to_string();
            let amount = event["amount"].as_f64().unwrap();

            match event["type"].as_str() {
                Some("AccountCredited") => {
                    *account_balance.entry(account_id).or_insert(0.0) += amount;
                }
                Some("AccountDebited") => {
                    *account_balance.entry(account_id).or_insert(0.0) -= amount;
                }
                _ => {}
            }

            println!("账户余额: {:?}", account_balance);
            seen += 1;
        }
    }
    Ok(account_balance)
}
