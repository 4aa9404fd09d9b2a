//! Block 21, first cure: a NATS server that is late. Claim: the client connects when it comes.

use std::time::Duration;

use async_nats::{Client, ConnectOptions};

/// Returns a client that goes on trying.
pub async fn run(url: &str) -> anyhow::Result<Client> {
    // 解决方案: 增加超时和重试
    let client = ConnectOptions::new()
        .connection_timeout(Duration::from_secs(10))
        .retry_on_initial_connect()
        .connect(url)
        .await?;
    Ok(client)
}
