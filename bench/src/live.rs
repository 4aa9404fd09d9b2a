//! The live path beside nats-server: CPU of the server per message and per delivery.

use crate::nats::{Load, blast};
use crate::peers::{self, Jetstream, Wire};
use crate::table::{Common, compare, head, measure};

pub(crate) fn run(common: &Common) -> anyhow::Result<()> {
    head("128 B messages on loopback; nothing is stored on either side.", "nats-server", common);
    let load = |subscribers, messages, burst_bytes| Load {
        subscribers,
        messages: common.count(messages),
        payload_bytes: 128,
        burst_bytes,
    };
    let cases = [
        ("1:1, bursts of 32 KiB", load(1, 2_000_000, 32 << 10)),
        ("1:1, bursts of 1.5 KB", load(1, 1_000_000, 1500)),
        ("1:1, one message per write", load(1, 500_000, 1)),
        ("1:50, per delivery", load(50, 100_000, 32 << 10)),
    ];
    for (name, load) in cases {
        let ours = || Ok(vec![measure(&peers::stele(common, Wire::Nats, &[])?, |s| blast(s.address, load))?]);
        let theirs = || Ok(vec![measure(&peers::nats(common, Jetstream::Off)?, |s| blast(s.address, load))?]);
        compare(common, &[name], ours, theirs)?;
    }
    Ok(())
}
