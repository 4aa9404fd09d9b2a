//! Small identifiers that cross crate borders.

use std::fmt;

/// The wire on which something arrived or was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Wire {
    /// NATS: core and JetStream.
    Nats,
    /// Kafka.
    Kafka,
    /// MQTT 3.1, 3.1.1 and 5.
    Mqtt,
    /// The broker itself: its command line, its settings, its internal cursors.
    Internal,
}

/// A position in a partition: 0, 1, 2 … A JetStream sequence is the offset + 1.
pub type Offset = u64;

/// The number of a partition within its stream: 0 to partitions − 1.
pub type PartitionIndex = u32;

/// One connection, for the life of the process; never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A subscription of one connection, numbered by its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub u64);

/// Names one outstanding request or publish of a connection; rises by one with each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);
