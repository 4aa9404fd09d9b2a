//! `crash`: many rounds of `kill -9` on the release binary under load on all three wires.

use anyhow::Context;

use crate::peers::run;
use crate::test::{cargo, target_folder};

/// Dispatches `cargo xtask crash [--rounds N]`.
pub(crate) fn verb(words: &[&str]) -> anyhow::Result<bool> {
    let rounds: u64 = match words {
        [] => 20,
        ["--rounds", rounds] => rounds.parse().context("--rounds N")?,
        _ => anyhow::bail!("crash [--rounds N]"),
    };
    run(cargo().args(["build", "--release", "-p", "stele-cli", "--bin", "stele"]))?;
    let test = ["test", "-p", "stele-cli", "--test", "it", "--", "crash::", "--nocapture"];
    let status = cargo()
        .args(test)
        .env("STELE_BIN", target_folder().join("release/stele"))
        .env("STELE_CRASH_ROUNDS", rounds.to_string())
        .status()?;
    Ok(status.success())
}
