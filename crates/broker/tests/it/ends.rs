//! How brokers end.

use crate::wires::{self, connect};
use std::time::Duration;
use stele_broker::{Broker, Data};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Nothing here takes long; a machine may.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_stop_waits_for_no_silent_client() {
    let broker = Broker::start().await.expect("it starts");
    let addresses: Vec<_> = broker.addresses().by_flag().map(|(_, address)| address).collect();
    let mut clients = Vec::new();
    for address in addresses {
        // One that says nothing, and one that stops in the middle of a word.
        clients.push(connect(address).await);
        let mut client = connect(address).await;
        client.write_all(b"GET").await.expect("it is taken");
        clients.push(client);
    }
    timeout(PATIENCE, broker.stop()).await.expect("it stops");
    for mut client in clients {
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, client.read_to_end(&mut rest)).await.expect("its connection ends");
    }
}

#[tokio::test]
async fn a_directory_outlives_a_dropped_broker_and_can_be_opened_at_once() {
    let folder = tempfile::tempdir().expect("a directory");
    let builder = Broker::builder().data(Data::Directory(folder.path().into()));
    for round in 0..3 {
        let broker = builder.clone().start().await.expect("the one before let go");
        assert_eq!(wires::append_to_log(&broker).await, round, "what was acknowledged is there");
        drop(broker);
    }
    let broker = builder.start().await.expect("it starts");
    assert_eq!(wires::append_to_log(&broker).await, 3);
    broker.stop().await;
}

#[tokio::test]
async fn a_second_broker_on_a_directory_is_told_so() {
    let folder = tempfile::tempdir().expect("a directory");
    let builder = Broker::builder().data(Data::Directory(folder.path().into()));
    let first = builder.clone().start().await.expect("it starts");
    let error = builder.start().await.err().expect("it is in use").to_string();
    assert!(error.contains(&folder.path().display().to_string()), "{error}");
    first.stop().await;
}
