//! Block 13, MQTT: device control with a last will. Claim: others see ONLINE, command and response, and OFFLINE after
//! a silent cut.

use rumqttc::{AsyncClient, Event, LastWill, MqttOptions, Packet, QoS};
use tokio::time::Duration;

/// Runs until its connection fails, and returns the commands that it carried out: device and command.
pub async fn run(host: &str, port: u16, keep_alive: Duration) -> anyhow::Result<Vec<(String, String)>> {
    let mut mqttoptions = MqttOptions::new("device-controller", host, port);

    // 设置遗嘱消息 (Last Will and Testament)
    let lwt = LastWill::new("devices/controller/status", "OFFLINE", QoS::AtLeastOnce, true);
    mqttoptions.set_last_will(lwt);
    mqttoptions.set_keep_alive(keep_alive);

    let (client, mut eventloop) = AsyncClient::new(mqttoptions, 10);

    // 上线通知
    client.publish("devices/controller/status", QoS::AtLeastOnce, true, "ONLINE").await?;

    // 订阅控制命令
    client.subscribe("devices/+/command", QoS::AtLeastOnce).await?;

    // 处理命令
    let mut commands = Vec::new();
    while let Ok(event) = eventloop.poll().await {
        if let Event::Incoming(Packet::Publish(publish)) = event {
            let device_id = publish.topic.split('/').nth(1).unwrap_or("unknown");
            let command = String::from_utf8_lossy(&publish.payload);

            println!("设备 {} 收到命令: {}", device_id, command);

            // 执行命令并反馈
            let result = execute_device_command(&command);
            let response_topic = format!("devices/{}/response", device_id);
            client.publish(response_topic, QoS::AtLeastOnce, false, result).await?;
            commands.push((device_id.to_string(), command.into_owned()));
        }
    }
    Ok(commands)
}

fn execute_device_command(command: &str) -> String {
    match command {
        "ON" => "Device turned ON".to_string(),
        "OFF" => "Device turned OFF".to_string(),
        _ => format!("Unknown command: {}", command),
    }
}
