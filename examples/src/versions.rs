//! What differs between the guide's dependency set and today's. `guide-deps/src/versions.rs` is the other half.

use rdkafka::producer::future_producer::Delivery;

/// Partition and offset of a delivered record: a struct since rdkafka 0.37, a pair before.
pub(crate) fn place(delivery: Delivery) -> (i32, i64) {
    (delivery.partition, delivery.offset)
}
