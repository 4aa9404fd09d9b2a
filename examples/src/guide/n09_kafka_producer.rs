//! Block 9, Kafka: a producer. Claim: the delivery names the partition and the offset.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::versions::place;

/// Sends one record to `my-topic` and returns where it lies: partition and offset.
pub async fn run(servers: &str) -> anyhow::Result<(i32, i64)> {
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", servers).set("message.timeout.ms", "5000").create()?;

    // 发送消息
    let delivery_status = producer
        .send(FutureRecord::to("my-topic").payload("Hello Kafka").key("key-1"), Duration::from_secs(0))
        .await
        .map(place);

    match delivery_status {
        Ok((partition, offset)) => {
            println!("消息已发送: partition={}, offset={}", partition, offset);
            Ok((partition, offset))
        }
        Err((e, _)) => {
            eprintln!("发送失败: {:?}", e);
            Err(e.into())
        }
    }
}
