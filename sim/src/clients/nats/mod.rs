//! NATS clients: JetStream publishers, competing writers, a work queue, readers of last values.

mod compare;
mod link;
mod publisher;
mod queue;
mod values;

use super::Client;
use crate::ledger::{Ledger, Storing};
use crate::plan::Shape;
use stele_io::Random;

/// The stream that publishers write and the work queue reads.
const ORDERS: &str = "ORDERS";
/// Keeps the newest value per subject.
const REGISTERS: &str = "KV_registers";
/// Its writers compete.
const COMPARED: &str = "COMPARED";

/// Captures what MQTT clients publish.
pub(crate) const SENSORS: &str = "SENSORS";

pub(crate) fn add(
    shape: &Shape,
    random: &mut Random,
    ledger: &mut Ledger,
    clients: &mut Vec<Box<dyn Client>>,
) {
    ledger.log(ORDERS, 0);
    ledger.log(REGISTERS, 0).keeps_last_only = true;
    ledger.log(COMPARED, 0).compares = true;
    let names = ["nats-a", "nats-b"].into_iter().take(1 + random.below(2) as usize);
    for name in names {
        ledger.publishers.insert(name.into(), Storing::Once);
        let window = 1 + random.below(16) as usize;
        clients.push(Box::new(publisher::Publisher::to_orders(name, window, shape.messages)));
    }
    ledger.publishers.insert("register".into(), Storing::Once);
    let window = 1 + random.below(4) as usize;
    clients.push(Box::new(publisher::Publisher::to_registers("register", window, shape.messages)));
    clients.push(Box::new(values::ValueReader::new("value-reader", shape.messages)));
    for name in ["compare-a", "compare-b"] {
        ledger.publishers.insert(name.into(), Storing::Once);
        clients.push(Box::new(compare::Competitor::new(name, shape.messages)));
    }
    clients.push(Box::new(queue::Worker::new("worker")));
    if shape.mqtt {
        ledger.log(SENSORS, 0);
        clients.push(Box::new(publisher::Publisher::to_capture("capture")));
    }
}
