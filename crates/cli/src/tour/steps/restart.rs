//! Another broker on the same log.

use super::group::{EACH, GROUP, ORDERS, PARTITIONS, produce};
use super::replay::{BILLED, DURABLE, everything, read_everything};
use crate::tour::clients::within;
use crate::tour::report::Wire;
use crate::tour::stage::{Scene, Stage, TELEMETRY};
use anyhow::{Context, ensure};
use std::collections::BTreeSet;
use tokio::sync::mpsc;

pub(super) async fn act(stage: &mut Stage, scene: &mut Scene<'_>) -> anyhow::Result<()> {
    read_everything(stage, scene).await?;

    let jetstream = stage.nats(Wire::JetStream).await?;
    let rest = everything().len() - BILLED;
    let billed = jetstream.work(TELEMETRY, DURABLE, rest).await?;
    ensure!(billed == everything()[BILLED..], "the durable consumer read {billed:?}");
    scene.received(Wire::JetStream, format!("{DURABLE}: goes on with sequence {}", billed[0].sequence));

    let mut sent = BTreeSet::new();
    for partition in 0..PARTITIONS {
        let record = produce(stage, partition, EACH).await?;
        ensure!(record.offset == EACH, "the logs of `{ORDERS}` went on at {}", record.offset);
        sent.insert(record);
    }
    scene.sent(Wire::Kafka, format!("{} more records to `{ORDERS}`", sent.len()));
    let (read, mut records) = mpsc::channel(256);
    let member = stage.member((GROUP, ORDERS), "packer-3", read)?;
    let mut read = BTreeSet::new();
    while read.len() < sent.len() {
        let next = async { records.recv().await.context("the member left") };
        let (_, record) = within("a member reads", next).await?;
        ensure!(sent.contains(&record), "the group had committed {record:?}");
        read.insert(record);
    }
    scene.received(
        Wire::Kafka,
        format!("{} records by packer-3: those that the group had not read", read.len()),
    );
    member.commit()?;
    member.leave().await?;
    scene.by_hand(&[
        "stele serve --stream TELEMETRY='home.>'    # once more, after Ctrl-C",
        "nats consumer next TELEMETRY billing",
        "kcat -b 127.0.0.1:9092 -G packers orders",
    ]);
    Ok(())
}
