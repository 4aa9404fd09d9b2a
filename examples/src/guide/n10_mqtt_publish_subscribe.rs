//! Block 10, MQTT: the simplest publish and subscribe. Claim: ten temperatures arrive, in order.

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio::time::Duration;

/// Returns the ten payloads as received; the publisher pauses for `pause` after each.
pub async fn run(host: &str, port: u16, pause: Duration) -> anyhow::Result<Vec<String>> {
    // 创建 MQTT 客户端选项
    let mut mqttoptions = MqttOptions::new("rust-client-1", host, port);
    mqttoptions.set_keep_alive(Duration::from_secs(60));

    // 创建客户端和事件循环
    let (client, mut eventloop) = AsyncClient::new(mqttoptions, 10);

    // 订阅主题
    client.subscribe("sensors/temperature", QoS::AtMostOnce).await?;

    // 在另一个任务中发布消息
    let publisher = client.clone();
    tokio::spawn(async move {
        for i in 0..10 {
            let payload = format!(r#"{{"temp": {}}}"#, 20 + i);
            publisher.publish("sensors/temperature", QoS::AtMostOnce, false, payload).await.unwrap();
            tokio::time::sleep(pause).await;
        }
    });

    // 接收消息
    let mut received = Vec::new();
    while received.len() < 10 {
        match eventloop.poll().await {
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let payload = String::from_utf8_lossy(&publish.payload);
                println!("收到消息 [{}]: {}", publish.topic, payload);
                received.push(payload.into_owned());
            }
            Ok(_) => {}
            Err(e) => {
                eprintln!("错误: {:?}", e);
                return Err(e.into());
            }
        }
    }

    Ok(received)
}
