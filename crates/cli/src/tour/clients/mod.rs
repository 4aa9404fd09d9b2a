//! The clients of the tour: the libraries that applications use, each as small as the steps need it, and counting.

pub(super) mod kafka;
pub(super) mod mqtt;
pub(super) mod nats;

use anyhow::Context;
use std::time::Duration;

/// How long anything may take before the step is given up; generous, because machines are busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Gives up instead of hanging.
pub(super) async fn within<T>(
    what: &str,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.with_context(|| format!("{what}: not within {PATIENCE:?}"))?.with_context(|| what.to_owned())
}

/// Bytes for people.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
