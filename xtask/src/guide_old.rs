//! `guide-old`: the guide's programs with the dependency set that the guide itself prints.

use crate::report::Report;
use crate::root;
use crate::test::{cargo, target_folder};

pub(crate) fn verb() -> anyhow::Result<bool> {
    let built = cargo().args(["build", "-p", "stele-cli", "--bin", "stele"]).status()?;
    anyhow::ensure!(built.success(), "the stele binary does not build");
    let mut report = Report::default();
    let manifest = root().join("examples/guide-deps/Cargo.toml");
    report.tests(
        "the guide's own dependency set",
        cargo()
            .args(["test", "--locked", "--manifest-path"])
            .arg(manifest)
            .env("CARGO_TARGET_DIR", target_folder().join("guide-deps"))
            // Their workspace does not know the binary.
            .env("STELE_BIN", target_folder().join("debug/stele")),
    )?;
    Ok(report.finish())
}
