//! What an operator can turn on the MQTT wire.

/// Settings of the MQTT listener. Names follow mosquitto.conf where it has the setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttSettings {
    /// Bytes of the largest packet taken (`max_packet_size`). Raise it for applications with large messages.
    pub packet_bytes_max: u32,
    /// QoS 1 and 2 messages of one client on their way in. More of them end the connection (0x93). Lower it against
    /// clients that flood.
    pub receive_max: u16,
    /// QoS 1 and 2 messages on their way to one client (`max_inflight_messages`). Raise it for fast clients far away.
    pub inflight_max: u16,
    /// Topic aliases that a client may set; 0: none. Each costs the memory of its topic.
    pub topic_alias_max: u16,
    /// Topic aliases that are used towards a client that takes some; 0: none.
    pub topic_alias_out_max: u16,
    /// The longest keep alive in seconds (`max_keepalive`); 0: any, also none. MQTT 5 clients are told, older ones are
    /// just held to it.
    pub keep_alive_max_s: u16,
    /// Messages that wait for a client beyond those on their way (`max_queued_messages`); further ones are dropped.
    pub queued_max: usize,
    /// Bytes that wait for a client.
    pub queued_bytes_max: usize,
    /// The longest time that a session outlives its connection, in seconds (`persistent_client_expiration`);
    /// `u32::MAX`: for ever.
    pub session_expiry_max_s: u32,
    /// Subscriptions of one client. Lower it against leaking clients.
    pub subscriptions_max: usize,
    /// How long a connection may take to send CONNECT, in ns.
    pub connect_timeout_ns: u64,
}

impl Default for MqttSettings {
    fn default() -> Self {
        Self {
            packet_bytes_max: 2_000_000,
            receive_max: 1000,
            inflight_max: 32,
            topic_alias_max: 16,
            topic_alias_out_max: 16,
            keep_alive_max_s: 0,
            queued_max: 1000,
            queued_bytes_max: 16 << 20,
            session_expiry_max_s: u32::MAX,
            subscriptions_max: 100_000,
            connect_timeout_ns: 10_000_000_000,
        }
    }
}
