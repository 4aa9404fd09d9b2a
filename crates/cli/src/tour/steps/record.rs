//! Kafka in; NATS and MQTT out.

use crate::tour::clients::nats::Heard;
use crate::tour::report::Wire;
use crate::tour::stage::{HOME, Scene, Stage, TELEMETRY};
use anyhow::ensure;

pub(super) const SUBJECT: &str = "home.hall.light";
const TOPIC: &str = "home/hall/light";
pub(super) const VALUE: &str = "on";

pub(super) async fn act(stage: &mut Stage, scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let nats = stage.nats(Wire::Nats).await?;
    let mut live = nats.subscribe(HOME).await?;
    let mut telephone = stage.mqtt("telephone").await?;
    telephone.subscribe("home/#").await?;

    let (_, offset) = stage.producer.send(TELEMETRY, None, SUBJECT, VALUE).await?;
    stage.note_stored();
    scene.sent(
        Wire::Kafka,
        format!("{TELEMETRY}, key {SUBJECT}  {VALUE}  (acknowledged: on disk, offset {offset})"),
    );

    let heard = live.next().await?;
    ensure!(heard == Heard { subject: SUBJECT.into(), payload: VALUE.into() }, "NATS heard {heard:?}");
    scene.received(Wire::Nats, format!("{}  {}", heard.subject, heard.payload));

    let (topic, payload) = telephone.next().await?;
    ensure!((topic.as_str(), payload.as_str()) == (TOPIC, VALUE), "MQTT heard {topic} {payload}");
    scene.received(Wire::Mqtt, format!("{topic}  {payload}"));
    scene.by_hand(&[
        "mosquitto_sub -v -t 'home/#'",
        "echo home.hall.light:on | kcat -b 127.0.0.1:9092 -P -t TELEMETRY -K :",
    ]);
    nats.end(live).await?;
    telephone.close().await
}
