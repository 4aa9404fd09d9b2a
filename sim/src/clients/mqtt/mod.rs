//! MQTT 3.1.1 clients: publishers of QoS 1 and 2, a persistent subscriber, a writer of retained values and a reader that
//! comes anew each time.

mod link;
mod publisher;
mod retained;
mod subscriber;

use super::Client;
use crate::ledger::{Ledger, Storing};
use crate::plan::Shape;
use stele_io::Random;
use stele_mqtt::Qos;

/// Retained values are written to so many topics.
const RETAINED_COUNT: u64 = 3;

pub(crate) fn add(
    shape: &Shape,
    random: &mut Random,
    ledger: &mut Ledger,
    clients: &mut Vec<Box<dyn Client>>,
) {
    for (name, qos) in [("mqtt-one", Qos::AtLeastOnce), ("mqtt-two", Qos::ExactlyOnce)] {
        let storing = if qos == Qos::ExactlyOnce { Storing::Once } else { Storing::AtLeastOnce };
        ledger.publishers.insert(name.into(), storing);
        let window = 1 + random.below(8) as usize;
        clients.push(Box::new(publisher::Publisher::new(name, qos, window, shape.messages)));
    }
    ledger.publishers.insert("mqtt-retained".into(), Storing::AtLeastOnce);
    clients.push(Box::new(publisher::Publisher::retaining("mqtt-retained", shape.messages)));
    clients.push(Box::new(subscriber::Subscriber::new("mqtt-session")));
    clients.push(Box::new(retained::RetainedReader::new("mqtt-reader", shape.messages / 4)));
}
