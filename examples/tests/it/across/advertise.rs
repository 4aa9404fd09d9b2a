//! `--kafka-advertise`: clients that reach the broker over a port of another machine.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::within;
use crate::cut::Cut;
use crate::process;
use crate::target::Target;

// The proxy needs a thread of its own: a consumer that is dropped waits for its answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_go_where_they_are_told() {
    if Target::across_is_skipped() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let listener = process::free_address();
    let proxy = Cut::before(listener).await;
    let advertised = proxy.address();
    let (_stele, _) = process::stele(
        &[
            ("kafka", listener.to_string()),
            ("kafka-advertise", advertised.to_string()),
            ("nats", "off".to_owned()),
            ("mqtt", "off".to_owned()),
            ("http", "off".to_owned()),
        ],
        data.path(),
    );
    // The first address is the broker's own; whatever else the client does goes over the one that it is told.
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", listener.to_string());
    let told = {
        let config = config.clone();
        tokio::task::spawn_blocking(move || {
            let client: BaseConsumer = config.create().unwrap();
            let metadata = client.fetch_metadata(None, Duration::from_secs(30)).unwrap();
            let broker = &metadata.brokers()[0];
            (broker.host().to_owned(), broker.port())
        })
    };
    let told = within("metadata", told).await.unwrap();
    assert_eq!(told, (advertised.ip().to_string(), i32::from(advertised.port())));
    let before = proxy.connections();
    let producer: FutureProducer = config.create().unwrap();
    for number in 0..5 {
        let payload = number.to_string();
        let record: FutureRecord<'_, str, str> = FutureRecord::to("mapped").payload(&payload);
        producer.send(record, Duration::from_secs(30)).await.map_err(|(error, _)| error).unwrap();
    }
    assert!(proxy.connections() > before, "records went over the advertised address");
    // A client that knows the proxy only: metadata, coordinator, fetches and commits.
    let before = proxy.connections();
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", advertised.to_string())
        .set("group.id", "behind-the-proxy")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&["mapped"]).unwrap();
    for number in 0..5 {
        let record = within("a record", consumer.recv()).await.unwrap();
        assert_eq!(record.payload().unwrap(), number.to_string().as_bytes());
    }
    assert!(proxy.connections() > before);
}
