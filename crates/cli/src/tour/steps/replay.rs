//! The stream from its start, on two wires.

use super::{message, record};
use crate::tour::clients::nats::Replayed;
use crate::tour::report::Wire;
use crate::tour::stage::{Scene, Stage, TELEMETRY};
use anyhow::ensure;

pub(super) const DURABLE: &str = "billing";
/// How far the durable consumer comes in this step.
pub(super) const BILLED: usize = 2;

const SUBJECT: &str = "home.meter.power";
const VALUE: &str = "1.2 kWh";

/// What the stream holds now, and after a restart.
pub(super) fn everything() -> Vec<Replayed> {
    let sensor = message::VALUES.map(|value| (message::SUBJECT, value));
    let all = sensor.into_iter().chain([(record::SUBJECT, record::VALUE), (SUBJECT, VALUE)]);
    (1..)
        .zip(all)
        .map(|(sequence, (subject, payload))| Replayed {
            sequence,
            subject: subject.to_owned(),
            payload: payload.to_owned(),
        })
        .collect()
}

pub(super) async fn act(stage: &mut Stage, scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let jetstream = stage.nats(Wire::JetStream).await?;
    let sequence = jetstream.publish_stored(SUBJECT.to_owned(), VALUE.to_owned()).await?;
    stage.note_stored();
    scene.sent(Wire::JetStream, format!("{SUBJECT}  {VALUE}  (acknowledged: on disk, sequence {sequence})"));
    read_everything(stage, scene).await?;

    let billed = jetstream.work(TELEMETRY, DURABLE, BILLED).await?;
    ensure!(billed == everything()[..BILLED], "the durable consumer read {billed:?}");
    for record in &billed {
        scene.received(
            Wire::JetStream,
            format!("{DURABLE}: sequence {}  {}", record.sequence, record.payload),
        );
    }
    scene.by_hand(&[
        "nats sub --stream TELEMETRY --all",
        "kcat -b 127.0.0.1:9092 -C -t TELEMETRY -o beginning -e -f '%o %k %s\\n'",
        "nats consumer add TELEMETRY billing --pull --defaults",
        "nats consumer next TELEMETRY billing --count 2",
    ]);
    Ok(())
}

/// By a JetStream consumer and by a Kafka consumer, both new.
pub(super) async fn read_everything(stage: &mut Stage, scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let expected = everything();
    let jetstream = stage.nats(Wire::JetStream).await?;
    let replayed = jetstream.replay(TELEMETRY, expected.len()).await?;
    ensure!(replayed == expected, "JetStream replayed {replayed:?}");
    scene.received(Wire::JetStream, format!("sequences 1 to {} of {TELEMETRY}, in order", replayed.len()));

    let reader = stage.reader(TELEMETRY)?;
    for wanted in &expected {
        let record = reader.next().await?;
        let sequence = u64::try_from(record.offset)? + 1;
        let read = Replayed { sequence, subject: record.key, payload: record.payload };
        ensure!(read == *wanted, "Kafka read {read:?}, not {wanted:?}");
    }
    scene.received(
        Wire::Kafka,
        format!("offsets 0 to {} of {TELEMETRY}: the same records", expected.len() - 1),
    );
    Ok(())
}
