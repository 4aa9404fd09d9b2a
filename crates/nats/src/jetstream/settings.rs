//! What the operator decides about JetStream's face.

/// Broker-wide settings of the JetStream wire side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The server version that is claimed; shown in metadata when `api_level` is set.
    pub version: String,
    /// The JetStream API level that is claimed (2.11: 1, 2.12: 2, 2.14: 4). `None` speaks as a 2.10 server does:
    /// no level is shown and no `_nats.*` metadata is added. Raise it only together with the features of that level.
    pub api_level: Option<u32>,
    /// Also answer on `$JS.<domain>.API.`, and name the domain in account info and publish acknowledgements.
    pub domain: Option<String>,
    /// Named as the leader of every stream in its description; empty: none is named.
    pub server_name: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { version: "2.10.29".to_owned(), api_level: None, domain: None, server_name: String::new() }
    }
}
