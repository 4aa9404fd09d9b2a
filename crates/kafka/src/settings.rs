//! What an operator can turn on the Kafka wire.

/// Settings of the Kafka listener. Defaults follow Apache Kafka where it has a like setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSettings {
    /// The broker's number in metadata. Change it where a client's configuration names another one.
    pub node_id: i32,
    /// Names the cluster; must stay the same for the life of the data.
    pub cluster_id: String,
    /// Host and port that clients are told to connect to; `None`: the address that each of them reached. Set it
    /// behind a proxy, a container's port mapping or a name that only some clients resolve.
    pub advertised: Option<(String, u16)>,
    /// Metadata makes topics that do not exist, where the client allows it (`auto.create.topics.enable`). Turn it
    /// off where a misspelt topic must be an error.
    pub auto_create_topics: bool,
    /// Partitions of a topic for which nobody says how many (`num.partitions`).
    pub partitions_default: u32,
    /// Take replication factors above 1, though one node keeps one copy. Many applications have 3 in their code;
    /// turn it off to be told as by a single Kafka node (INVALID_REPLICATION_FACTOR).
    pub accept_replication: bool,
    /// The largest produce request in bytes (`socket.request.max.bytes`; Kafka's default is 100 MiB). Anybody may make the
    /// broker hold one such request. Raise it with `max.message.bytes`.
    pub produce_bytes_max: usize,
    /// The largest request of any other kind in bytes. Raise it for groups with huge member metadata.
    pub request_bytes_max: usize,
    /// Partitions, groups or configurations that one request may name. Bounds what an answer costs.
    pub items_max: usize,
    /// Bytes of records in one fetch response (`fetch.max.bytes`).
    pub fetch_bytes_max: u64,
    /// How long a fetch may wait at most, in ms; longer waits are cut to it.
    pub fetch_wait_max_ms: i32,
    /// Record bytes that wait to be durable on one connection before it is read no further.
    pub in_flight_bytes_max: usize,
    /// Produce requests that wait for their answer on one connection before it is read no further.
    pub in_flight_max: usize,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            node_id: 1,
            cluster_id: "stele".into(),
            advertised: None,
            auto_create_topics: true,
            partitions_default: 1,
            accept_replication: true,
            produce_bytes_max: 24 << 20,
            request_bytes_max: 8 << 20,
            items_max: 200_000,
            fetch_bytes_max: 55 << 20,
            fetch_wait_max_ms: 300_000,
            in_flight_bytes_max: 64 << 20,
            in_flight_max: 1024,
        }
    }
}
