//! Block 14, MQTT: retained state. Claim: a new subscriber gets the thermostat's state at once.

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};

/// Publishes the state and returns when the broker has it.
pub async fn run(host: &str, port: u16) -> anyhow::Result<()> {
    let mqttoptions = MqttOptions::new("status-publisher", host, port);
    let (client, mut eventloop) = AsyncClient::new(mqttoptions, 10);

    // 发布保留消息（retained = true）
    // 新订阅者会立即收到这条消息
    client
        .publish(
            "devices/thermostat/status",
            QoS::AtLeastOnce,
            true, // retained = true
            r#"{"power": "ON", "target_temp": 22}"#,
        )
        .await?;

    while !matches!(eventloop.poll().await?, Event::Incoming(Packet::PubAck(_))) {}

    println!("状态已发布（保留消息）");
    println!("任何新订阅者都会立即收到这个状态");

    Ok(())
}
