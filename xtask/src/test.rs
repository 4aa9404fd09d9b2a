//! `test` and `check`: what must be green before a change is taken.

use std::path::PathBuf;
use std::process::Command;

use crate::report::Report;
use crate::{audit, foreign, root, tidy};

/// `stele tour` is tested as it is built, with the clients that the tests have built anyway.
const TOUR: [&str; 2] = ["--features", "stele-cli/tour"];

/// Everything that this machine can test, cheapest first.
pub(crate) fn all() -> anyhow::Result<bool> {
    let mut report = Report::default();
    report.step("formatting", cargo().args(["fmt", "--all", "--check"]));
    report.check("tidy", || tidy::verb(false));
    report.step("lints", &mut lints());
    // One build for the binary and every test, so that one set of features is compiled.
    let mut build = cargo();
    build.args(["build", "--workspace", "--bins", "--tests", "--examples"]).args(TOUR);
    if report.step("build", &mut build) {
        let binary = target_folder().join("debug/stele");
        report.tests(
            "tests: unit, simulation, fuzz corpora, real Rust clients",
            cargo().args(["test", "--workspace", "--no-fail-fast"]).args(TOUR).env("STELE_BIN", &binary),
        )?;
        audit::short(&mut report, &binary);
        foreign::against_stele(&mut report, &binary)?;
    }
    report.skip("guide-old", "the guide's own dependency set has a verb of its own: cargo xtask guide-old");
    report.skip("embedded", "a crate of its own is built by a verb of its own: cargo xtask embedded");
    report.skip("peers", "the real servers have a verb of their own: cargo xtask peers test");
    Ok(report.finish())
}

/// The part that takes a minute.
pub(crate) fn fast() -> anyhow::Result<bool> {
    let mut report = Report::default();
    report.step("formatting", cargo().args(["fmt", "--all", "--check"]));
    report.check("tidy", || tidy::verb(false));
    report.step("lints", &mut lints());
    report.tests(
        "unit tests",
        cargo()
            .args(["test", "--workspace", "--exclude", "stele-examples", "--lib", "--bins", "--no-fail-fast"])
            .args(TOUR),
    )?;
    Ok(report.finish())
}

/// Cargo, in the workspace, as a shell would start it.
///
/// `cargo run` tells this process its package in the environment. Build scripts that watch these variables (ring's does)
/// would run again, and everything above them be compiled again, whenever a person and xtask take turns.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// The folder that cargo builds into.
pub(crate) fn target_folder() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

fn lints() -> Command {
    let mut command = cargo();
    command.args(["clippy", "--workspace", "--all-targets"]).args(TOUR).args(["--", "-D", "warnings"]);
    command
}
