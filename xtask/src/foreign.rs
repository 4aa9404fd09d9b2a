//! Clients written in other languages, against stele or against the real servers.

use std::path::Path;

use crate::report::Report;
use crate::served_wires;

const RUNTIMES: &[&str] = &["go", "java", "python", "node"];

/// Dispatches `cargo xtask foreign ...`.
pub(crate) fn verb(words: &[&str]) -> anyhow::Result<bool> {
    anyhow::bail!("foreign clients are not written yet: {words:?}")
}

/// Runs the clients of every runtime that this machine has against the wires that stele serves.
pub(crate) fn against_stele(report: &mut Report, _binary: &Path) -> anyhow::Result<()> {
    if served_wires()?.is_empty() {
        for runtime in RUNTIMES {
            report.skip(&format!("foreign clients in {runtime}"), "stele serves no wire yet");
        }
    }
    Ok(())
}
