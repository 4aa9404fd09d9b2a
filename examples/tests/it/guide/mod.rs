//! One module per group of blocks; `nNN` is the guide's NNth Rust block.

mod architecture;
mod connections;
mod cures;
mod jetstream;
mod kafka;
mod measurements;
mod mqtt;
mod mqtt_devices;
mod nats;

use std::time::Duration;

/// Fails instead of hanging.
pub(crate) async fn within<T>(seconds: u64, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), work).await.expect("the program ends in time")
}

/// Returns when the server has processed everything that this client sent: flushing only empties the client's buffer,
/// a request that nobody answers goes there and back.
async fn settled(client: &async_nats::Client) {
    let nobody = client.request("nobody.listens.here", "".into()).await.unwrap_err();
    assert_eq!(nobody.kind(), async_nats::RequestErrorKind::NoResponders);
}
