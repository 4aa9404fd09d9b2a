//! The store's settings.

use super::groups::GroupSettings;

/// What an operator can turn.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Shards: streams in different shards do not wait for each other. More than cores helps little.
    pub shards: u16,
    /// Bytes of recent batches kept in memory, over all shards; readers at the tail need no disk.
    pub tail_bytes: usize,
    /// Bytes of decoded batches kept per shard, for in-order readers of foreign batches.
    pub decoded_bytes: usize,
    /// Plain bytes that a foreign batch may have.
    pub plain_bytes_max: usize,
    /// Message ids remembered per stream.
    pub message_ids_max: usize,
    /// Producers remembered per partition; the longest unused is forgotten first.
    pub producers_max: usize,
    /// Partitions per stream.
    pub partitions_max: u32,
    /// Messages that the queue of a stored session holds; a full one takes no more (`max_queued_messages`).
    pub session_queue_max: u64,
    /// Bytes of one message or batch, whatever the stream says.
    pub record_bytes_max: u64,
    /// Delivery state waits at most this long (ns) for a commit to ride on.
    pub lazy_ns: u64,
    /// Goes into identifiers that must differ between brokers; random outside the simulation.
    pub seed: u64,
    /// The leader epoch that batches are stamped with.
    pub leader_epoch: i32,
    /// Groups.
    pub groups: GroupSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shards: 4,
            tail_bytes: 64 << 20,
            decoded_bytes: 4 << 20,
            plain_bytes_max: 128 << 20,
            message_ids_max: 4_000_000,
            producers_max: 10_000,
            partitions_max: 10_000,
            session_queue_max: 1000,
            record_bytes_max: 16 << 20,
            lazy_ns: 50_000_000,
            seed: 0,
            leader_epoch: 0,
            groups: GroupSettings::default(),
        }
    }
}
