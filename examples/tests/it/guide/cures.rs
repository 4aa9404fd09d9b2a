//! The third cure: block 23. The first is in `connections`, the second in `kafka`.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, Packet, QoS};
use stele_examples::guide::n23_keep_alive;

use super::mqtt::{Watcher, text};
use super::within;
use crate::cut::Cut;
use crate::target::{Target, Wire};

#[tokio::test]
async fn n23_a_short_stall_is_survived() {
    let Some(target) = Target::start(&[Wire::Mqtt]) else { return };
    let cut = Cut::before(target.mqtt()).await;
    let address = cut.address();
    let (client, mut eventloop) =
        n23_keep_alive::run(&address.ip().to_string(), address.port(), Duration::from_secs(30));
    subscribed(&client, &mut eventloop).await;
    cut.silent(true);
    let publisher = Watcher::new(target.mqtt(), "publisher", &["published"]).await;
    send(publisher, "during").await;
    let received = tokio::spawn(async move { next_text(&mut eventloop).await });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!received.is_finished(), "nothing passes while the network is silent");
    cut.silent(false);
    assert_eq!(within(10, received).await.unwrap(), Ok("during".to_owned()), "the same connection goes on");
}

#[tokio::test]
async fn n23_a_long_stall_is_noticed_and_the_client_reconnects() {
    let Some(target) = Target::start(&[Wire::Mqtt]) else { return };
    let cut = Cut::before(target.mqtt()).await;
    let address = cut.address();
    let (client, mut eventloop) =
        n23_keep_alive::run(&address.ip().to_string(), address.port(), Duration::from_secs(2));
    subscribed(&client, &mut eventloop).await;
    cut.silent(true);
    within(10, next_text(&mut eventloop)).await.expect_err("the stall is noticed");
    cut.silent(false);
    // Polling again reconnects. The session was clean, so the subscription has to be made again.
    within(10, subscribed(&client, &mut eventloop)).await;
    send(Watcher::new(target.mqtt(), "publisher", &["published"]).await, "after").await;
    assert_eq!(within(10, next_text(&mut eventloop)).await, Ok("after".to_owned()));
}

async fn subscribed(client: &AsyncClient, eventloop: &mut EventLoop) {
    client.subscribe("stalled", QoS::AtLeastOnce).await.unwrap();
    while !matches!(eventloop.poll().await, Ok(Event::Incoming(Packet::SubAck(_)))) {}
}

/// Publishes and waits until the broker has the message: it comes back after it.
async fn send(mut publisher: Watcher, payload: &str) {
    publisher.client.publish("stalled", QoS::AtLeastOnce, false, payload).await.unwrap();
    publisher.client.publish("published", QoS::AtLeastOnce, false, "").await.unwrap();
    within(10, publisher.next()).await;
}

/// The next message, or what ended the connection.
async fn next_text(eventloop: &mut EventLoop) -> Result<String, String> {
    loop {
        match eventloop.poll().await {
            Ok(Event::Incoming(Packet::Publish(publish))) => return Ok(text(&publish)),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}
