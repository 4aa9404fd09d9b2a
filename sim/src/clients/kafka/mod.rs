//! Kafka clients: producers, a consumer that commits, and the auditor that reads every log on every connection.

mod auditor;
mod consumer;
mod link;
mod producer;

pub(super) use auditor::Auditor;

use super::Client;
use crate::ledger::{Ledger, Storing};
use crate::plan::Shape;
use stele_io::Random;

/// The topic of the idempotent producer, in so many partitions.
const EVENTS: &str = "events";
const EVENTS_PARTITIONS: u32 = 2;
/// The topic of the producer without an id.
const PLAIN: &str = "plain";

pub(crate) fn add(
    shape: &Shape,
    random: &mut Random,
    ledger: &mut Ledger,
    clients: &mut Vec<Box<dyn Client>>,
) {
    for partition in 0..EVENTS_PARTITIONS {
        ledger.log(EVENTS, partition);
    }
    ledger.log(PLAIN, 0);
    ledger.publishers.insert("kafka-once".into(), Storing::Once);
    ledger.publishers.insert("kafka-plain".into(), Storing::AtLeastOnce);
    let window = 1 + random.below(5) as usize;
    clients.push(Box::new(producer::Producer::idempotent("kafka-once", window, shape.messages)));
    clients.push(Box::new(producer::Producer::plain("kafka-plain", window, shape.messages)));
    clients.push(Box::new(consumer::Consumer::new("kafka-consumer")));
}
