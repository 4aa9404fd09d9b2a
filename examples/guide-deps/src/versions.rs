//! What differs between the guide's dependency set and today's. `examples/src/versions.rs` is the other half.

/// Partition and offset of a delivered record: a pair before rdkafka 0.37, a struct since.
pub(crate) fn place(delivery: (i32, i64)) -> (i32, i64) {
    delivery
}

/// async-nats 0.33 has no `max_reconnects`: it tries for ever.
pub(crate) fn max_reconnects(options: async_nats::ConnectOptions, _limit: usize) -> async_nats::ConnectOptions {
    options
}
