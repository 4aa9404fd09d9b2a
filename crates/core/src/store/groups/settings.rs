//! Settings of groups.

/// What an operator can turn about groups. Names in brackets are Apache Kafka's.
#[derive(Clone, Debug)]
pub struct GroupSettings {
    /// How long the first rebalance of an empty group waits for more members, in ms
    /// (`group.initial.rebalance.delay.ms`, there 3 s). Raise it where many members start at the same time.
    pub initial_delay_ms: u64,
    /// The shortest session timeout in ms (`group.min.session.timeout.ms`).
    pub session_timeout_min_ms: i32,
    /// The longest session timeout in ms (`group.max.session.timeout.ms`).
    pub session_timeout_max_ms: i32,
    /// Members per group, and those that were told an id and did not come again (`group.max.size`).
    pub members_max: usize,
    /// Groups per shard; beyond it no new one is made. Bounds memory against clients with names of their own making.
    pub groups_max: usize,
    /// Bytes of a committed offset's metadata (`offset.metadata.max.bytes`).
    pub metadata_bytes_max: usize,
    /// How long offsets are kept after their commit, and after the group lost its last member, in ms
    /// (`offsets.retention.minutes`).
    pub offsets_retention_ms: u64,
    /// How long an empty group without offsets is remembered, in ms.
    pub empty_retention_ms: u64,
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self {
            initial_delay_ms: 0,
            session_timeout_min_ms: 6_000,
            session_timeout_max_ms: 30 * 60_000,
            members_max: 10_000,
            groups_max: 1_000_000,
            metadata_bytes_max: 4096,
            offsets_retention_ms: 7 * 24 * 3_600_000,
            empty_retention_ms: 10 * 60_000,
        }
    }
}
