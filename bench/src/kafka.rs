//! Kafka beside Apache Kafka: batches, single records, and reading everything back.

use crate::kafka_client::{Client, Load, batch};
use crate::kcat;
use crate::peers::{self, Wire};
use crate::process::Server;
use crate::table::{Common, Figure, compare, head, measure};
use std::path::PathBuf;

/// Flags of this verb.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// kcat, for librdkafka's way of producing and consuming.
    #[arg(long, default_value = "kcat")]
    kcat: PathBuf,
    /// Leave librdkafka out.
    #[arg(long)]
    no_kcat: bool,
}

const VALUE_BYTES: usize = 100;

/// What most clients have in flight at most.
const BATCHES_IN_FLIGHT: usize = 5;

/// Records that a fresh server gets before anything is measured, so that a virtual machine has compiled its paths.
const WARM_UP: usize = 1_000_000;

pub(crate) fn run(common: &Common, arguments: &Arguments) -> anyhow::Result<()> {
    head(
        "Records of 100 incompressible bytes, acks=all, one partition. stele: fdatasync before every ack; Kafka \
         acknowledges from the page cache.",
        "Kafka",
        common,
    );
    let mut names = vec![
        "produce, prepared batches of 150, 5 in flight, per record",
        "consume these",
        "produce, prepared batches of 1,000, 5 in flight, per record",
        "consume these",
        "produce, one record per request, 64 in flight, per record",
        "consume these",
    ];
    if !arguments.no_kcat {
        names.extend(["produce with librdkafka (kcat), per record", "consume with librdkafka (kcat)"]);
    }
    compare(
        common,
        &names,
        || cases(common, arguments, &peers::stele(common, Wire::Kafka, &[])?),
        || cases(common, arguments, &peers::kafka(common)?),
    )
}

fn cases(common: &Common, arguments: &Arguments, server: &Server) -> anyhow::Result<Vec<Figure>> {
    let address = server.address;
    let mut client = Client::connect(address)?;
    client.greet()?;
    let mut figures = Vec::new();
    let rounds = [
        ("bench-warm", 1000, common.count(WARM_UP)),
        ("bench-warm-single", 1, common.count(30_000)),
        ("bench-middle", 150, common.count(2_000_000)),
        ("bench-large", 1000, common.count(3_000_000)),
        ("bench-single", 1, common.count(100_000)),
    ];
    for (topic, records_per_batch, records) in rounds {
        let batch = batch(records_per_batch, VALUE_BYTES)?;
        client.create(topic)?;
        let load = Load {
            topic,
            batch: &batch,
            records_per_batch,
            requests: records / records_per_batch,
            in_flight: if records_per_batch == 1 { 64 } else { BATCHES_IN_FLIGHT },
        };
        let produced = measure(server, |_| client.produce(&load))?;
        let records = load.requests * records_per_batch;
        let consumed = measure(server, |_| client.consume(topic, Some(&batch), records))?;
        if !topic.starts_with("bench-warm") {
            figures.extend([produced, consumed]);
        }
    }
    if !arguments.no_kcat {
        client.create("bench-kcat")?;
        let records = common.count(1_000_000);
        figures.push(measure(server, |_| kcat::produce(&arguments.kcat, address, "bench-kcat", records))?);
        client.consume("bench-kcat", None, records)?;
        figures.push(measure(server, |_| kcat::consume(&arguments.kcat, address, "bench-kcat", records))?);
    }
    Ok(figures)
}
