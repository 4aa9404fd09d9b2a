//! NATS connections that come late or break: blocks 8 and 21.

use std::time::{Duration, Instant};

use futures::StreamExt;
use stele_examples::guide::{n08_connection_options, n21_late_server};

use super::within;
use crate::target::{Target, Wire};

#[tokio::test]
async fn n08_the_client_waits_for_a_late_server_and_survives_a_restart() {
    let Some(mut target) = Target::reserve(&[Wire::Nats]) else { return };
    let began = Instant::now();
    let (client, seen) = within(2, n08_connection_options::run(&target.nats())).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(*seen.connected.lock().unwrap(), 0, "there is no server yet");
    target.run();
    within(15, round_trip(&client)).await;
    assert!(began.elapsed() >= Duration::from_secs(5));
    assert_eq!((*seen.connected.lock().unwrap(), *seen.disconnected.lock().unwrap()), (1, 0));

    // Each failed attempt was counted, and doubled the pause.
    let delays = seen.delays.lock().unwrap().clone();
    let pauses: Duration = delays.iter().map(|(_, delay)| *delay).sum();
    assert!(delays.len() >= 4, "{delays:?}");
    assert!(pauses >= Duration::from_secs(5) && pauses <= began.elapsed(), "{delays:?}");
    for (earlier, later) in delays.iter().zip(&delays[1..]) {
        assert_eq!((later.0, later.1), (earlier.0 + 1, earlier.1 * 2), "{delays:?}");
    }

    target.kill();
    within(5, async {
        while *seen.disconnected.lock().unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    target.run();
    within(15, round_trip(&client)).await;
    // async-nats 0.33 announces the reconnection twice.
    let (connected, disconnected) = (*seen.connected.lock().unwrap(), *seen.disconnected.lock().unwrap());
    assert!(connected >= 2 && disconnected == 1, "{connected} connects, {disconnected} disconnects");
}

#[tokio::test]
async fn n21_the_client_connects_when_the_server_comes() {
    let Some(mut target) = Target::reserve(&[Wire::Nats]) else { return };
    let client = within(2, n21_late_server::run(&target.nats())).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    target.run();
    within(15, round_trip(&client)).await;
}

/// Subscribes, publishes, and receives.
async fn round_trip(client: &async_nats::Client) {
    let mut subscriber = client.subscribe("here").await.unwrap();
    client.publish("here", "now".into()).await.unwrap();
    assert_eq!(subscriber.next().await.unwrap().payload, "now");
}
