//! Block 17, architecture: an order saga over NATS. Claim: the order is completed, or everything is undone.

/// How the saga ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// 订单完成
    Completed,
    /// 订单取消（支付失败）: the inventory was released.
    PaymentFailed,
    /// 订单取消（库存不足）: nothing had been reserved.
    OutOfStock,
}

/// Saga 协调器
pub async fn order_saga_orchestrator(nats: &async_nats::Client) -> anyhow::Result<End> {
    // 1. 创建订单
    nats.publish("commands.order.create", "order-123".into()).await?;

    // 2. 预留库存
    let end = if ask(nats, "commands.inventory.reserve", "item-456").await == "SUCCESS" {
        // 3. 处理支付
        if ask(nats, "commands.payment.process", "payment-789").await == "SUCCESS" {
            // 4. 完成订单
            nats.publish("commands.order.complete", "order-123".into()).await?;
            println!("订单完成");
            End::Completed
        } else {
            // 补偿：释放库存
            nats.publish("commands.inventory.release", "item-456".into()).await?;
            nats.publish("commands.order.cancel", "order-123".into()).await?;
            println!("订单取消（支付失败）");
            End::PaymentFailed
        }
    } else {
        // 补偿：取消订单
        nats.publish("commands.order.cancel", "order-123".into()).await?;
        println!("订单取消（库存不足）");
        End::OutOfStock
    };

    nats.flush().await?;
    Ok(end)
}

/// The service's answer. Nobody answering is a failure like any other, so that it is compensated.
async fn ask(nats: &async_nats::Client, subject: &'static str, what: &'static str) -> String {
    match nats.request(subject, what.into()).await {
        Ok(response) => String::from_utf8_lossy(&response.payload).into_owned(),
        Err(error) => format!("{subject}: {error}"),
    }
}
