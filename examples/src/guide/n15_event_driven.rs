//! Block 15, architecture: order and inventory services over NATS. Claim: the inventory sees each created order.

use futures::StreamExt;

/// 订单服务发布事件
pub async fn order_service_publish(client: &async_nats::Client) -> anyhow::Result<()> {
    let event = serde_json::json!({
        "event_type": "OrderCreated",
        "order_id": "ORD-12345",
        "user_id": "USER-789",
        "amount": 99.99,
        "timestamp": chrono::Utc::now().to_rfc3339()
    });

    client.publish("events.order.created", serde_json::to_vec(&event)?.into()).await?;

    Ok(())
}

/// 库存服务订阅事件. Returns the orders it handled, when the subscription ends.
pub async fn inventory_service_subscribe(
    mut subscriber: async_nats::Subscriber,
) -> anyhow::Result<Vec<String>> {
    let mut handled = Vec::new();
    while let Some(message) = subscriber.next().await {
        let event: serde_json::Value = serde_json::from_slice(&message.payload)?;

        match event["event_type"].as_str() {
            Some("OrderCreated") => {
                let order_id = event["order_id"].as_str().unwrap();
                println!("处理订单: {}", order_id);
                handled.push(order_id.to_string());
                // 减少库存...
            }
            _ => {}
        }
    }

    Ok(handled)
}
