//! What the product is built from. A program that embeds the broker, and the binary as it is built by default, contain no
//! client library and no second TLS stack.

use std::process::Command;

use anyhow::Context;

use super::Finding;
use crate::root;

/// What is shipped.
const PRODUCTS: &[&str] = &["stele-broker", "stele-cli"];

/// Crates that must not be built for it, with the reason.
const UNWANTED: &[(&str, &str)] = &[
    ("rdkafka-sys", "librdkafka belongs to tests, tools and the feature `tour`"),
    ("async-nats", "client libraries belong to tests, tools and the feature `tour`"),
    ("rumqttc", "client libraries belong to tests, tools and the feature `tour`"),
    ("aws-lc-sys", "ring is the one cryptography of the house"),
    ("openssl-sys", "ring is the one cryptography of the house"),
];

/// Asks cargo for the crates of each product, dev-dependencies and features that are off left out.
pub(super) fn check() -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for product in PRODUCTS {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .current_dir(root())
            .args(["tree", "--locked", "--package", product, "--edges", "normal,build"])
            .args(["--prefix", "none", "--format", "{p}"])
            .output()
            .context("cargo tree")?;
        anyhow::ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
        findings.extend(unwanted(product, &String::from_utf8(output.stdout)?));
    }
    Ok(findings)
}

fn unwanted(product: &str, tree: &str) -> Vec<Finding> {
    let contains = |name: &str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    UNWANTED
        .iter()
        .filter(|(name, _)| contains(name))
        .map(|(name, why)| Finding::of(product, &format!("is built with {name}: {why}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::unwanted;

    #[test]
    fn unwanted_crates_are_found() {
        assert_eq!(unwanted("stele-broker", "stele-broker v0.1.0 (/here)\nbytes v1.12.0\n"), []);
        assert_eq!(unwanted("stele-broker", "stele-broker v0.1.0\nrdkafka-sys v4.10.0 (*)\n").len(), 1);
    }
}
