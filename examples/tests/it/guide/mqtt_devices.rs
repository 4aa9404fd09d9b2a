//! MQTT devices that vanish: block 13.

use std::time::{Duration, Instant};

use rumqttc::QoS;
use stele_examples::guide::n13_device_control;

use super::mqtt::Watcher;
use crate::cut::Cut;
use crate::target::{Target, Wire};

const KEEP_ALIVE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn n13_the_controller_reports_obeys_and_is_missed() {
    let Some(target) = Target::start(&[Wire::Mqtt]) else { return };
    let cut = Cut::before(target.mqtt()).await;
    let mut watcher =
        Watcher::new(target.mqtt(), "watcher", &["devices/controller/status", "devices/+/response"]).await;
    let (host, port) = (cut.address().ip().to_string(), cut.address().port());
    let controller = tokio::spawn(async move { n13_device_control::run(&host, port, KEEP_ALIVE).await });
    assert_eq!(watcher.text(10).await, "ONLINE");

    // The controller may still be subscribing: repeat the first command until it is answered.
    let mut answer = String::new();
    while answer.is_empty() {
        watcher.client.publish("devices/lamp/command", QoS::AtLeastOnce, false, "ON").await.unwrap();
        answer = tokio::time::timeout(Duration::from_secs(1), watcher.text(5)).await.unwrap_or_default();
    }
    assert_eq!(answer, "Device turned ON");
    for (command, expected) in [("OFF", "Device turned OFF"), ("SING", "Unknown command: SING")] {
        watcher.client.publish("devices/lamp/command", QoS::AtLeastOnce, false, command).await.unwrap();
        assert_eq!(watcher.text(5).await, expected);
    }

    // The network falls silent: nobody closes anything.
    cut.silent(true);
    let silent_since = Instant::now();
    assert_eq!(watcher.text(25).await, "OFFLINE");
    let missed_after = silent_since.elapsed();
    // 1.5 x keep-alive, and what the servers' clocks round (Mosquitto looks every few seconds).
    assert!(missed_after <= KEEP_ALIVE * 3 / 2 + Duration::from_secs(5), "missed after {missed_after:?}");

    let mut late = Watcher::new(target.mqtt(), "late", &["devices/controller/status"]).await;
    assert_eq!(late.text(5).await, "OFFLINE", "the last will is retained");
    controller.abort();
}
