//! INFO, in the field order of nats-server.

use crate::NatsSettings;
use std::net::IpAddr;
use stele_model::ConnectionId;

/// Why the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The connection was opened.
    Opened,
    /// The first PING after CONNECT was answered.
    Connected,
    /// This server leaves soon.
    LameDuck,
}

#[derive(serde::Serialize)]
struct Info<'a> {
    server_id: &'a str,
    server_name: &'a str,
    version: &'a str,
    proto: u8,
    go: &'a str,
    host: &'a str,
    port: u16,
    headers: bool,
    max_payload: u32,
    jetstream: bool,
    client_id: u64,
    client_ip: IpAddr,
    #[serde(skip_serializing_if = "no_urls")]
    connect_urls: &'a [String],
    #[serde(skip_serializing_if = "is_false")]
    ldm: bool,
    #[serde(skip_serializing_if = "is_false")]
    connect_info: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
}

/// The JSON of one INFO.
pub(super) fn json(
    settings: &NatsSettings,
    connection: ConnectionId,
    peer: IpAddr,
    occasion: Occasion,
) -> Vec<u8> {
    let connected = occasion == Occasion::Connected;
    let info = Info {
        server_id: &settings.server_id,
        server_name: &settings.server_name,
        version: &settings.version,
        proto: 1,
        go: "",
        host: &settings.host,
        port: settings.port,
        headers: true,
        max_payload: settings.payload_bytes_max,
        jetstream: true,
        client_id: connection.0,
        client_ip: peer.to_canonical(),
        connect_urls: &settings.connect_urls,
        ldm: occasion == Occasion::LameDuck,
        connect_info: connected,
        remote_account: connected.then_some("$G"),
        domain: settings.jetstream.domain.as_deref(),
    };
    serde_json::to_vec(&info).expect("strings and numbers are always JSON")
}

fn is_false(value: &bool) -> bool {
    !value
}

fn no_urls(urls: &[String]) -> bool {
    urls.is_empty()
}
