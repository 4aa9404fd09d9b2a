//! MQTT in; NATS, Kafka and JetStream out.

use crate::tour::clients::kafka::Record;
use crate::tour::clients::nats::Heard;
use crate::tour::report::Wire;
use crate::tour::stage::{HOME, Scene, Stage, TELEMETRY};
use anyhow::ensure;

const TOPIC: &str = "home/kitchen/temperature";
pub(super) const SUBJECT: &str = "home.kitchen.temperature";

/// What the sensor measures; the first records of the stream.
pub(super) const VALUES: [&str; 3] = ["21.5", "21.7", "22.0"];

pub(super) async fn act(stage: &mut Stage, scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let (nats, jetstream) = (stage.nats(Wire::Nats).await?, stage.nats(Wire::JetStream).await?);
    let mut live = nats.subscribe(HOME).await?;
    let reader = stage.reader(TELEMETRY)?;
    let mut sensor = stage.mqtt("sensor").await?;
    for (offset, value) in (0..).zip(VALUES) {
        sensor.publish(TOPIC, value).await?;
        stage.note_stored();
        scene.sent(Wire::Mqtt, format!("{TOPIC}  {value}  (acknowledged: on disk)"));

        let heard = live.next().await?;
        ensure!(heard == Heard { subject: SUBJECT.into(), payload: value.into() }, "NATS heard {heard:?}");
        scene.received(Wire::Nats, format!("{}  {}", heard.subject, heard.payload));

        let record = reader.next().await?;
        let expected = Record { partition: 0, offset, key: SUBJECT.into(), payload: value.into() };
        ensure!(record == expected, "Kafka read {record:?}");
        scene.received(Wire::Kafka, format!("offset {offset}, key {}  {}", record.key, record.payload));

        let sequence = u64::try_from(offset)? + 1;
        let stored = jetstream.record(TELEMETRY, sequence).await?;
        ensure!(stored.sequence == sequence && stored.payload == value, "JetStream has {stored:?}");
        scene.received(
            Wire::JetStream,
            format!("sequence {sequence}, {}  {}", stored.subject, stored.payload),
        );
    }
    scene.by_hand(&[
        "nats sub 'home.>'",
        "mosquitto_pub -q 1 -t home/kitchen/temperature -m 21.5",
        "kcat -b 127.0.0.1:9092 -C -t TELEMETRY -e -f '%o %k %s\\n'",
        "nats stream get TELEMETRY 1",
    ]);
    nats.end(live).await?;
    sensor.close().await
}
