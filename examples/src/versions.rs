//! What differs between the guide's dependency set and today's. `guide-deps/src/versions.rs` is the other half.

use async_nats::ConnectOptions;
use rdkafka::producer::future_producer::Delivery;

/// Partition and offset of a delivered record: a struct since rdkafka 0.37, a pair before.
pub(crate) fn place(delivery: Delivery) -> (i32, i64) {
    (delivery.partition, delivery.offset)
}

/// Gives up after `limit` failed attempts. The guide's async-nats has no such option.
pub(crate) fn max_reconnects(options: ConnectOptions, limit: usize) -> ConnectOptions {
    options.max_reconnects(limit)
}
