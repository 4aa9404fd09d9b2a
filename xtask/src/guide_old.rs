//! `guide-old`: the guide's programs with the dependency set that the guide itself prints.

use crate::report::Report;
use crate::root;
use crate::test::cargo;

pub(crate) fn verb() -> anyhow::Result<bool> {
    let mut report = Report::default();
    let manifest = root().join("examples/guide-deps/Cargo.toml");
    anyhow::ensure!(manifest.exists(), "examples/guide-deps does not exist yet");
    report.tests(
        "the guide's own dependency set",
        cargo().args(["test", "--locked", "--manifest-path"]).arg(manifest),
    )?;
    Ok(report.finish())
}
