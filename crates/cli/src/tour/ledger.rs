//! What the clients counted, beside what the broker counted.

use super::report::{Count, Traffic, Wire};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long the counts may take to meet: either side may count a moment after the other has its answer.
const SETTLE_MAX: Duration = Duration::from_secs(10);

/// The largest page of the broker that is read.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// What one client has sent and received so far. The client goes on counting in it.
#[derive(Clone, Debug)]
pub(super) enum Meter {
    /// async-nats counts by itself: every message of its connection, requests and answers among them.
    Nats(Arc<async_nats::Statistics>),
    /// Counted where the other clients show their messages.
    Tally(Arc<Tally>),
}

/// Counted by hand.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
}

/// The clients of one broker, from its start.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    meters: Vec<(Wire, Meter)>,
}

/// The broker's own totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    published: u64,
    delivered: u64,
}

impl Tally {
    pub(super) fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }
}

impl Meter {
    fn read(&self) -> Traffic {
        let (sent, received) = match self {
            Self::Nats(statistics) => (
                statistics.out_messages.load(Ordering::Relaxed),
                statistics.in_messages.load(Ordering::Relaxed),
            ),
            Self::Tally(tally) => {
                (tally.sent.load(Ordering::Relaxed), tally.received.load(Ordering::Relaxed))
            }
        };
        Traffic { sent, received }
    }
}

impl Ledger {
    /// Another client of this wire.
    pub(super) fn enter(&mut self, wire: Wire, meter: Meter) {
        self.meters.push((wire, meter));
    }

    /// All clients of a wire together.
    pub(super) fn traffic(&self, wire: Wire) -> Traffic {
        let of_wire = self.meters.iter().filter(|(of, _)| *of == wire).map(|(_, meter)| meter.read());
        of_wire.fold(Traffic::default(), |sum, one| Traffic {
            sent: sum.sent + one.sent,
            received: sum.received + one.received,
        })
    }

    /// What the clients say. A Kafka consumer fetches from the log, so what it received is not among the deliveries.
    fn totals(&self) -> Totals {
        let all = Wire::ALL.map(|wire| (wire, self.traffic(wire)));
        Totals {
            published: all.iter().map(|(_, traffic)| traffic.sent).sum(),
            delivered: all
                .iter()
                .filter(|(wire, _)| *wire != Wire::Kafka)
                .map(|(_, traffic)| traffic.received)
                .sum(),
        }
    }

    /// Both sides, once they are equal; or as they still differ after a while.
    pub(super) async fn compare(&self, http: SocketAddr) -> anyhow::Result<Vec<Count>> {
        self.compare_within(http, SETTLE_MAX).await
    }

    async fn compare_within(&self, http: SocketAddr, limit: Duration) -> anyhow::Result<Vec<Count>> {
        let start = Instant::now();
        loop {
            let (varz, metrics) = (read_varz(http).await?, read_metrics(http).await?);
            let clients = self.totals();
            let both = |varz, metrics| vec![("/varz", varz), ("/metrics", metrics)];
            let counts = vec![
                Count {
                    what: "published",
                    clients: clients.published,
                    broker: both(varz.published, metrics.published),
                },
                Count {
                    what: "delivered",
                    clients: clients.delivered,
                    broker: both(varz.delivered, metrics.delivered),
                },
            ];
            if counts.iter().all(Count::is_equal) || start.elapsed() >= limit {
                return Ok(counts);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn read_varz(http: SocketAddr) -> anyhow::Result<Totals> {
    let page: Value = serde_json::from_str(&get(http, "/varz").await?).context("/varz is JSON")?;
    let number = |name: &str| page[name].as_u64().with_context(|| format!("/varz has no number `{name}`"));
    Ok(Totals { published: number("in_msgs")?, delivered: number("out_msgs")? })
}

async fn read_metrics(http: SocketAddr) -> anyhow::Result<Totals> {
    let page = get(http, "/metrics").await?;
    let number = |name: &str| {
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).with_context(|| format!("/metrics has no number `{name}`"))
    };
    Ok(Totals {
        published: number("stele_messages_published_total")?,
        delivered: number("stele_messages_delivered_total")?,
    })
}

/// One page of the broker, as `curl` would read it.
async fn get(http: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream =
        TcpStream::connect(http).await.with_context(|| format!("http://{http} does not accept"))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(PAGE_BYTES_MAX).read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("no answer to {path}"))?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "{path}: {}", head.lines().next().unwrap_or_default());
    Ok(body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tour::clients::nats::Nats;
    use stele_broker::Broker;

    fn differing(counts: &[Count]) -> Vec<&'static str> {
        counts.iter().filter(|count| !count.is_equal()).map(|count| count.what).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_message_that_the_ledger_does_not_know_is_noticed() {
        let broker = Broker::start().await.expect("it starts");
        let http = broker.addresses().http.expect("HTTP is on");
        let mut ledger = Ledger::default();
        let known = Nats::connect(&broker.nats_url()).await.expect("it accepts");
        ledger.enter(Wire::Nats, known.meter());
        known.round_trip().await.expect("it answers");
        assert_eq!(differing(&ledger.compare(http).await.expect("pages")), [""; 0]);

        let stranger = Nats::connect(&broker.nats_url()).await.expect("it accepts");
        stranger.round_trip().await.expect("it answers");
        let counts = ledger.compare_within(http, Duration::ZERO).await.expect("pages");
        assert_eq!(differing(&counts), ["published", "delivered"], "{counts:?}");

        // Once it is known, all is well; a client that claims more than it did is noticed likewise.
        ledger.enter(Wire::Nats, stranger.meter());
        assert_eq!(differing(&ledger.compare(http).await.expect("pages")), [""; 0]);
        let boaster = Arc::new(Tally::default());
        boaster.count_sent();
        ledger.enter(Wire::Mqtt, Meter::Tally(boaster));
        let counts = ledger.compare_within(http, Duration::ZERO).await.expect("pages");
        assert_eq!(differing(&counts), ["published"], "{counts:?}");
        broker.stop().await;
    }
}
