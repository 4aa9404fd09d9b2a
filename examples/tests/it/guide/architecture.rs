//! Architecture over NATS: blocks 15 and 17.

use std::time::Duration;

use futures::StreamExt;
use stele_examples::guide::n15_event_driven::{inventory_service_subscribe, order_service_publish};
use stele_examples::guide::n17_saga::{End, order_saga_orchestrator};

use super::{settled, within};
use crate::target::{Target, Wire};

#[tokio::test]
async fn n15_the_inventory_sees_each_created_order() {
    let Some(target) = Target::start(&[Wire::Nats]) else { return };
    let orders = async_nats::connect(target.nats()).await.unwrap();
    let inventory = async_nats::connect(target.nats()).await.unwrap();
    let mut subscriber = inventory.subscribe("events.order.>").await.unwrap();
    // The service runs until its subscription ends.
    subscriber.unsubscribe_after(4).await.unwrap();
    settled(&inventory).await;
    for _ in 0..3 {
        order_service_publish(&orders).await.unwrap();
    }
    orders.publish("events.order.shipped", r#"{"event_type": "OrderShipped"}"#.into()).await.unwrap();
    settled(&orders).await;
    let handled = within(10, inventory_service_subscribe(subscriber)).await.unwrap();
    assert_eq!(handled, ["ORD-12345"; 3]);
}

#[tokio::test]
async fn n17_the_order_is_completed() {
    let steps = ["order.create", "inventory.reserve", "payment.process", "order.complete"];
    saga(Some("SUCCESS"), Some("SUCCESS"), End::Completed, &steps).await;
}

#[tokio::test]
async fn n17_a_failed_payment_releases_the_inventory() {
    let steps = ["order.create", "inventory.reserve", "payment.process", "inventory.release", "order.cancel"];
    saga(Some("SUCCESS"), Some("DECLINED"), End::PaymentFailed, &steps).await;
}

#[tokio::test]
async fn n17_missing_stock_cancels_the_order() {
    let steps = ["order.create", "inventory.reserve", "order.cancel"];
    saga(Some("EMPTY"), Some("SUCCESS"), End::OutOfStock, &steps).await;
}

#[tokio::test]
async fn n17_nobody_answering_is_compensated() {
    saga(None, None, End::OutOfStock, &["order.create", "order.cancel"]).await;
    let steps = ["order.create", "inventory.reserve", "inventory.release", "order.cancel"];
    saga(Some("SUCCESS"), None, End::PaymentFailed, &steps).await;
}

/// Runs the saga against services with these answers, and compares its commands with `steps`. Requests that no
/// service hears are no commands to anybody.
async fn saga(inventory: Option<&'static str>, payment: Option<&'static str>, end: End, steps: &[&str]) {
    let Some(target) = Target::start(&[Wire::Nats]) else { return };
    let services = async_nats::connect(target.nats()).await.unwrap();
    let (log, mut commands) = tokio::sync::mpsc::unbounded_channel();
    let subjects = [
        ("commands.inventory.reserve", inventory),
        ("commands.payment.process", payment),
        ("commands.order.*", Some("")),
        ("commands.inventory.release", Some("")),
    ];
    for (subject, answer) in subjects {
        let Some(answer) = answer else { continue };
        let mut subscriber = services.subscribe(subject).await.unwrap();
        let (services, log) = (services.clone(), log.clone());
        tokio::spawn(async move {
            while let Some(message) = subscriber.next().await {
                log.send(message.subject.to_string()).unwrap();
                if let Some(reply) = message.reply {
                    services.publish(reply, answer.into()).await.unwrap();
                }
            }
        });
    }
    settled(&services).await;
    let client = async_nats::connect(target.nats()).await.unwrap();
    assert_eq!(within(10, order_saga_orchestrator(&client)).await.unwrap(), end);
    let mut seen = Vec::new();
    while let Ok(command) = tokio::time::timeout(Duration::from_millis(300), commands.recv()).await {
        seen.extend(command);
    }
    let mut expected: Vec<String> = steps.iter().map(|step| format!("commands.{step}")).collect();
    // Several subscriptions have no order among each other.
    expected.sort();
    seen.sort();
    assert_eq!(seen, expected);
}
