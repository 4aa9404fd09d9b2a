//! What async-nats does with JetStream beyond the guide's blocks: buckets, objects, ordered consumers, redelivery.

mod consumers;
mod stores;
mod streams;

use async_nats::jetstream::{self, Context, stream};

use crate::target::{Target, Wire};

/// A server and a JetStream context on it; the server ends with its handle.
async fn connect() -> Option<(Target, Context)> {
    let target = Target::start(&[Wire::Nats, Wire::JetStream])?;
    let client = async_nats::connect(target.nats()).await.unwrap();
    Some((target, jetstream::new(client)))
}

/// A configuration that captures `<name>.>` in lower case.
fn config(name: &str) -> stream::Config {
    let subjects = vec![format!("{}.>", name.to_lowercase())];
    stream::Config { name: name.to_owned(), subjects, ..Default::default() }
}

/// Publishes the numbers of `range` to `<subject>.<number % 3>` and waits for every acknowledgement.
async fn fill(jetstream: &Context, subject: &str, range: std::ops::Range<u64>) {
    for number in range {
        let subject = format!("{subject}.{}", number % 3);
        jetstream.publish(subject, number.to_string().into()).await.unwrap().await.unwrap();
    }
}
