//! Two members of a Kafka consumer group.

use crate::tour::clients::kafka::{Member, Record};
use crate::tour::clients::within;
use crate::tour::report::Wire;
use crate::tour::stage::{Scene, Stage};
use anyhow::{Context, ensure};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::mpsc;

pub(super) const ORDERS: &str = "orders";
pub(super) const PARTITIONS: i32 = 4;
pub(super) const GROUP: &str = "packers";
/// Records per partition in this step.
pub(super) const EACH: i64 = 3;

pub(super) async fn act(stage: &mut Stage, scene: &mut Scene<'_>) -> anyhow::Result<()> {
    stage.create_topic(ORDERS, PARTITIONS).await?;
    let (read, mut records) = mpsc::channel(256);
    let first = stage.member((GROUP, ORDERS), "packer-1", read.clone())?;
    let second = stage.member((GROUP, ORDERS), "packer-2", read)?;
    share(&first, &second).await?;

    let mut sent = BTreeSet::new();
    for number in 0..EACH {
        for partition in 0..PARTITIONS {
            sent.insert(produce(stage, partition, number).await?);
        }
    }
    scene.sent(Wire::Kafka, format!("{} records to {PARTITIONS} partitions of `{ORDERS}`", sent.len()));

    let mut read = BTreeSet::new();
    let mut by_member = [("packer-1", 0), ("packer-2", 0)];
    while read.len() < sent.len() {
        let next = async { records.recv().await.context("the members left") };
        let (member, record) = within("a member reads", next).await?;
        by_member.iter_mut().filter(|(name, _)| *name == member).for_each(|(_, count)| *count += 1);
        ensure!(read.insert(record.clone()), "two members read {record:?}");
    }
    ensure!(read == sent, "the members read {read:?}");
    for (name, count) in by_member {
        scene.received(Wire::Kafka, format!("{count} records by {name}, from two partitions"));
    }
    first.commit()?;
    second.commit()?;
    // Together: there is no work to hand over.
    tokio::try_join!(first.leave(), second.leave())?;
    scene.by_hand(&[
        "kcat -b 127.0.0.1:9092 -G packers orders    # twice, in two windows",
        "seq 12 | kcat -b 127.0.0.1:9092 -P -t orders",
    ]);
    Ok(())
}

/// One order, acknowledged.
pub(super) async fn produce(stage: &mut Stage, partition: i32, number: i64) -> anyhow::Result<Record> {
    let (key, payload) = (format!("customer-{partition}"), format!("order {number} of customer {partition}"));
    let (partition, offset) = stage.producer.send(ORDERS, Some(partition), &key, &payload).await?;
    stage.note_stored();
    Ok(Record { partition, offset, key, payload })
}

/// Until each of them has half of the partitions.
async fn share(first: &Member, second: &Member) -> anyhow::Result<()> {
    let half = PARTITIONS as usize / 2;
    let shared = async {
        while [first.partitions()?, second.partitions()?] != [half, half] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    };
    within("the members share the partitions", shared).await
}
