//! What the broker counts is what its clients sent and received.

use crate::wires;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use stele_broker::Broker;
use tokio::io::AsyncWriteExt;

/// Messages published and delivered.
fn counts(broker: &Broker) -> (u64, u64) {
    let counters = &broker.core().counters;
    (counters.published.load(Ordering::Relaxed), counters.delivered.load(Ordering::Relaxed))
}

/// Waits for the counts: a client may have its answer before the turn that gave it is counted.
async fn expect(broker: &Broker, expected: (u64, u64)) {
    let start = Instant::now();
    while counts(broker) != expected {
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}, not {expected:?}", counts(broker));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn messages_of_clients_are_counted_and_the_broker_s_own_are_not() {
    let broker = Broker::start().await.expect("it starts");
    // One message on each wire. NATS and MQTT deliver it, a Kafka consumer fetches it.
    wires::round_trips(&broker).await;
    expect(&broker, (3, 2)).await;
    let mut socket = wires::connect(broker.addresses().nats.expect("NATS is on")).await;
    // A request to the broker is a client's message; the answer is delivered, and nobody's.
    let said = b"CONNECT {\"verbose\":false}\r\nSUB in 1\r\nPUB $JS.API.INFO in 0\r\n\r\n";
    socket.write_all(said).await.expect("it reads");
    wires::until(&mut socket, b"account_info_response").await;
    expect(&broker, (4, 3)).await;
    // So is the acknowledgement of a stored message.
    let make = br#"{"name":"S","subjects":["s"]}"#;
    let said = format!("PUB $JS.API.STREAM.CREATE.S in {}\r\n", make.len());
    socket.write_all(&[said.as_bytes(), make, b"\r\nPUB s in 1\r\nx\r\n"].concat()).await.expect("it reads");
    wires::until(&mut socket, br#""stream":"S""#).await;
    expect(&broker, (6, 5)).await;
    broker.stop().await;
}
