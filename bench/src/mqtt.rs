//! MQTT beside Mosquitto: one publisher, one subscriber.

use crate::mqtt_client::{assured, blast};
use crate::peers::{self, Wire};
use crate::process::Server;
use crate::table::{Common, Outcome, compare, head, measure};

const PAYLOAD_BYTES: usize = 128;

/// Publishes that wait for their PUBACK.
const WINDOW: usize = 500;

type Load<'l> = &'l dyn Fn(&Server) -> anyhow::Result<Outcome>;

pub(crate) fn run(common: &Common) -> anyhow::Result<()> {
    head("128 B messages on loopback, clean sessions. Mosquitto stores nothing.", "Mosquitto", common);
    let (many, some) = (common.count(1_000_000), common.count(300_000));
    let volatile = |server: &Server| blast(server.address, many, PAYLOAD_BYTES, 32 << 10);
    let single = |server: &Server| blast(server.address, some, PAYLOAD_BYTES, 1);
    let assured = |server: &Server| assured(server.address, some, PAYLOAD_BYTES, WINDOW);
    let stored = ["--stream", "BENCH=bench.>"];
    let cases: [(&str, Load<'_>, &[&str]); 4] = [
        ("QoS 0 1:1, bursts of 32 KiB", &volatile, &[]),
        ("QoS 0 1:1, one message per write", &single, &[]),
        ("QoS 1 1:1, 500 in flight, not stored", &assured, &[]),
        ("QoS 1 1:1, 500 in flight, stored in a stream (stele: fdatasync before PUBACK)", &assured, &stored),
    ];
    for (name, load, more) in cases {
        compare(
            common,
            &[name],
            || Ok(vec![measure(&peers::stele(common, Wire::Mqtt, more)?, load)?]),
            || Ok(vec![measure(&peers::mosquitto(common, Wire::Mqtt)?, load)?]),
        )?;
    }
    Ok(())
}
