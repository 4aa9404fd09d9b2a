//! Which crate may use which. The table is the one in `ARCHITECTURE.md`; a new arrow is a design change.

use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use super::Finding;
use crate::root;

/// Package, and those of ours that it may depend on. Dev-dependencies are free: tests may join what they test.
const ARROWS: &[(&str, &[&str])] = &[
    ("stele-io", &[]),
    ("stele-model", &[]),
    ("stele-log", &["stele-io", "stele-model"]),
    ("stele-access", &["stele-model"]),
    ("stele-core", &["stele-model", "stele-log", "stele-access"]),
    ("stele-nats", &["stele-model"]),
    ("stele-kafka", &["stele-model"]),
    ("stele-mqtt", &["stele-model"]),
    ("stele-memory", &[]),
    ("stele-host", &["stele-model", "stele-core", "stele-memory"]),
    ("stele-admin", &["stele-model", "stele-core"]),
    ("stele-broker", BELOW_BROKER),
    ("stele-kit", &["stele-model", "stele-broker"]),
    // Its commands speak NATS with the client's side of our codec.
    ("stele-cli", &["stele-broker", "stele-kit", "stele-nats"]),
    ("stele-testkit", BELOW_TESTKIT),
    ("stele-bench", BELOW_TESTKIT),
    ("stele-sim", BELOW_SIMULATION),
    ("stele-examples", &["stele-broker", "stele-kit", "stele-testkit"]),
    ("stele-fuzz", BELOW_BROKER),
    ("xtask", &[]),
];

const BELOW_BROKER: &[&str] = &[
    "stele-io",
    "stele-model",
    "stele-log",
    "stele-access",
    "stele-core",
    "stele-nats",
    "stele-kafka",
    "stele-mqtt",
    "stele-memory",
    "stele-host",
    "stele-admin",
];

const BELOW_TESTKIT: &[&str] = &[
    "stele-io",
    "stele-model",
    "stele-log",
    "stele-access",
    "stele-core",
    "stele-nats",
    "stele-kafka",
    "stele-mqtt",
    "stele-memory",
    "stele-host",
    "stele-admin",
    "stele-broker",
];

/// The simulation stands in for host and broker: sockets, threads and clocks are its own.
const BELOW_SIMULATION: &[&str] =
    &["stele-io", "stele-model", "stele-log", "stele-core", "stele-nats", "stele-kafka", "stele-mqtt"];

/// Only these may use the test kit outside of their tests.
const TEST_PROGRAMS: &[&str] = &["stele-testkit", "stele-bench", "stele-examples"];

/// Crates that do no IO and read no clock or randomness, and what would let them.
const SANS_IO: &[&str] =
    &["stele-model", "stele-access", "stele-core", "stele-nats", "stele-kafka", "stele-mqtt"];
const IO_CRATES: &[&str] =
    &["tokio", "mio", "socket2", "rustix", "libc", "rand", "getrandom", "fastrand", "axum"];

/// Client libraries that the product below the kit must not contain.
const CLIENTS: &[&str] = &["rdkafka", "async-nats", "rumqttc"];
const MAY_USE_CLIENTS: &[&str] = &["stele-kit", "stele-testkit", "stele-bench", "stele-examples"];
/// These may behind a feature that is off by default: `stele tour`. What is built without it, `shipped.rs` checks.
const MAY_OFFER_CLIENTS: &[&str] = &["stele-cli"];

/// A workspace member and the names of its normal and build dependencies.
pub(super) struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    /// Only with a feature.
    optional: bool,
}

/// The workspace's members, from `cargo metadata`.
pub(super) fn packages() -> anyhow::Result<Vec<Package>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root())
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .output()
        .context("cargo metadata")?;
    anyhow::ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    read(&serde_json::from_slice(&output.stdout)?)
}

fn read(metadata: &Value) -> anyhow::Result<Vec<Package>> {
    let text = |value: &Value| value.as_str().map(String::from).context("a name in cargo metadata");
    let mut packages = Vec::new();
    for package in metadata["packages"].as_array().context("packages in cargo metadata")? {
        let dependencies = package["dependencies"].as_array().context("dependencies in cargo metadata")?;
        packages.push(Package {
            name: text(&package["name"])?,
            dependencies: dependencies
                .iter()
                .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
                .map(|dependency| {
                    let optional = dependency["optional"].as_bool().unwrap_or(false);
                    Ok(Dependency { name: text(&dependency["name"])?, optional })
                })
                .collect::<anyhow::Result<_>>()?,
        });
    }
    Ok(packages)
}

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ours = |name: &str| name == "xtask" || packages.iter().any(|package| package.name == name);
    for package in packages {
        let name = package.name.as_str();
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            findings.push(Finding::of(
                name,
                "not in the table of crates (xtask/src/tidy/arrows.rs, ARCHITECTURE.md)",
            ));
            continue;
        };
        for Dependency { name: dependency, optional } in &package.dependencies {
            let dependency = dependency.as_str();
            if dependency == "stele-testkit" && !TEST_PROGRAMS.contains(&name) {
                findings.push(Finding::of(name, "uses stele-testkit outside of its tests"));
            } else if ours(dependency) && !allowed.contains(&dependency) {
                findings.push(Finding::of(
                    name,
                    &format!("may not use {dependency}: no such arrow in the design"),
                ));
            }
            if SANS_IO.contains(&name) && IO_CRATES.contains(&dependency) {
                findings.push(Finding::of(name, &format!("does no IO, and {dependency} would let it")));
            }
            let offers = *optional && MAY_OFFER_CLIENTS.contains(&name);
            if CLIENTS.contains(&dependency) && !MAY_USE_CLIENTS.contains(&name) && !offers {
                findings.push(Finding::of(
                    name,
                    &format!("ships without client libraries, and {dependency} is one"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{check, read};

    /// Each row: a package, one dependency, its kind, and what is found.
    fn row(name: &str, dependency: &str, kind: Option<&str>) -> Vec<String> {
        let metadata = json!({ "packages": [
            { "name": name, "dependencies": [{ "name": dependency, "kind": kind }] },
            { "name": "stele-core", "dependencies": [] },
        ]});
        let packages = read(&metadata).expect("the sample is complete");
        check(&packages).into_iter().map(|finding| finding.text).collect()
    }

    #[test]
    fn arrows_of_the_design_pass() {
        assert_eq!(row("stele-host", "stele-core", None), [""; 0]);
        assert_eq!(row("stele-nats", "bytes", None), [""; 0]);
        assert_eq!(row("stele-nats", "stele-core", Some("dev")), [""; 0], "tests may join what they test");
    }

    #[test]
    fn other_arrows_are_found() {
        assert_eq!(row("stele-nats", "stele-core", None).len(), 1);
        assert_eq!(row("stele-nats", "stele-core", Some("build")).len(), 1);
        assert_eq!(row("stele-mqtt", "tokio", None).len(), 1);
        assert_eq!(row("stele-host", "stele-testkit", None).len(), 1);
        assert_eq!(row("stele-broker", "rdkafka", None).len(), 1);
        assert_eq!(row("stele-surprise", "bytes", None).len(), 1);
    }

    #[test]
    fn clients_may_stand_behind_a_feature_of_the_binary_only() {
        let found = |name: &str, optional: bool| {
            let dependency = json!({ "name": "rdkafka", "kind": null, "optional": optional });
            let metadata = json!({ "packages": [{ "name": name, "dependencies": [dependency] }] });
            check(&read(&metadata).expect("the sample is complete")).len()
        };
        assert_eq!(
            (found("stele-cli", true), found("stele-cli", false), found("stele-broker", true)),
            (0, 1, 1)
        );
    }
}
