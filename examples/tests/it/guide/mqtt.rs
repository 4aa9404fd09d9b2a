//! MQTT: blocks 10, 11, 12 and 14, and the subscriber that watches them.

use std::net::SocketAddr;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Outgoing, Packet, Publish, QoS};
use stele_examples::guide::{
    n10_mqtt_publish_subscribe, n11_mqtt_qos, n12_temperature_monitor, n14_retained_state,
};

use super::within;
use crate::target::{Target, Wire};

/// A client that has subscribed, and sees what others publish.
pub(super) struct Watcher {
    pub(super) client: AsyncClient,
    eventloop: EventLoop,
}

impl Watcher {
    /// Connects and subscribes with QoS 2; when this returns, the broker has acknowledged the subscription.
    pub(super) async fn new(address: SocketAddr, id: &str, filters: &[&str]) -> Self {
        let options = MqttOptions::new(id, address.ip().to_string(), address.port());
        let (client, mut eventloop) = AsyncClient::new(options, 100);
        for filter in filters {
            client.subscribe(*filter, QoS::ExactlyOnce).await.unwrap();
        }
        let mut missing = filters.len();
        while missing > 0 {
            if let Event::Incoming(Packet::SubAck(_)) = within(10, eventloop.poll()).await.unwrap() {
                missing -= 1;
            }
        }
        Self { client, eventloop }
    }

    /// The next message.
    pub(super) async fn next(&mut self) -> Publish {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = self.eventloop.poll().await.unwrap() {
                return publish;
            }
        }
    }

    /// The next message, as text.
    pub(super) async fn text(&mut self, seconds: u64) -> String {
        text(&within(seconds, self.next()).await)
    }

    /// Everything that arrives until nothing has for half a second.
    pub(super) async fn rest(&mut self) -> Vec<Publish> {
        let mut messages = Vec::new();
        while let Ok(message) = tokio::time::timeout(Duration::from_millis(500), self.next()).await {
            messages.push(message);
        }
        messages
    }
}

pub(super) fn text(publish: &Publish) -> String {
    String::from_utf8_lossy(&publish.payload).into_owned()
}

#[tokio::test]
async fn n10_ten_temperatures_arrive_in_order() {
    let Some(target) = Target::start(&[Wire::Mqtt]) else { return };
    let (host, port) = (target.mqtt().ip().to_string(), target.mqtt().port());
    let pause = Duration::from_millis(20);
    let received = within(20, n10_mqtt_publish_subscribe::run(&host, port, pause)).await.unwrap();
    assert_eq!(received, (20..30).map(|number| format!(r#"{{"temp": {number}}}"#)).collect::<Vec<_>>());
}

#[tokio::test]
async fn n11_each_quality_arrives_as_itself() {
    let Some(target) = Target::start(&[Wire::Mqtt]) else { return };
    let mut watcher = Watcher::new(target.mqtt(), "watcher", &["#"]).await;
    let options = MqttOptions::new("publisher", target.mqtt().ip().to_string(), target.mqtt().port());
    let (client, mut eventloop) = AsyncClient::new(options, 10);
    n11_mqtt_qos::run(&client).await.unwrap();
    let (mut acknowledged, mut completed, mut released) = (0, 0, 0);
    while acknowledged + completed < 2 {
        match within(10, eventloop.poll()).await.unwrap() {
            Event::Incoming(Packet::PubAck(_)) => acknowledged += 1,
            Event::Incoming(Packet::PubComp(_)) => completed += 1,
            Event::Outgoing(Outgoing::PubRel(_)) => released += 1,
            _ => {}
        }
    }
    assert_eq!((acknowledged, released, completed), (1, 1, 1), "QoS 1 is acknowledged, QoS 2 shakes hands");
    let mut seen: Vec<(String, QoS, String)> = watcher
        .rest()
        .await
        .iter()
        .map(|message| (message.topic.clone(), message.qos, text(message)))
        .collect();
    seen.sort_by_key(|(_, qos, _)| *qos as u8);
    let expected = [
        ("sensors/humidity", QoS::AtMostOnce, "60%"),
        ("alerts/temperature", QoS::AtLeastOnce, "High temp!"),
        ("commands/door/lock", QoS::ExactlyOnce, "LOCK"),
    ];
    assert_eq!(seen, expected.map(|(topic, qos, payload)| (topic.to_owned(), qos, payload.to_owned())));
}

#[tokio::test]
async fn n12_an_alarm_is_raised_for_each_reading_above_25() {
    let Some(target) = Target::start(&[Wire::Mqtt]) else { return };
    let mut watcher = Watcher::new(target.mqtt(), "watcher", &["home/alerts/#"]).await;
    let (host, port) = (target.mqtt().ip().to_string(), target.mqtt().port());
    let pause = Duration::from_millis(50);
    let readings = within(30, n12_temperature_monitor::run(&host, port, pause)).await.unwrap();
    let rooms = ["sensor-living_room", "sensor-bedroom", "sensor-kitchen"];
    for (reading, room) in readings.iter().zip(rooms.iter().cycle()) {
        assert_eq!(&reading.device_id, room, "each room in its turn");
    }
    let hot = readings.iter().filter(|reading| reading.temperature > 25.0);
    let expected: Vec<String> =
        hot.map(|reading| format!("{} 温度过高: {:.1}°C", reading.device_id, reading.temperature)).collect();
    let alarms: Vec<String> = watcher.rest().await.iter().map(text).collect();
    // The monitor may end before its very last alarms have left.
    assert!(!alarms.is_empty() && expected.starts_with(&alarms), "{alarms:?} of {expected:?}");
}

#[tokio::test]
async fn n14_a_late_subscriber_gets_the_state_at_once() {
    let Some(target) = Target::start(&[Wire::Mqtt]) else { return };
    let (host, port) = (target.mqtt().ip().to_string(), target.mqtt().port());
    within(10, n14_retained_state::run(&host, port)).await.unwrap();
    let mut late = Watcher::new(target.mqtt(), "late", &["devices/+/status"]).await;
    let state = within(5, late.next()).await;
    assert_eq!((state.topic.as_str(), state.retain), ("devices/thermostat/status", true));
    assert_eq!(text(&state), r#"{"power": "ON", "target_temp": 22}"#);
    assert_eq!(late.rest().await.len(), 0, "one state, once");
}
