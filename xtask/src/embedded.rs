//! `embedded`: the broker as a dev-dependency of a crate that is not of this workspace.
//!
//! The crate is written below the target folder, with this workspace's lock file, and its test starts all wires 50 times. It
//! is built without this workspace's profiles, as a stranger's crate is.

use anyhow::Context;

use crate::root;
use crate::test::{cargo, target_folder};

/// What the median of the starts may take on a machine that does nothing else.
const START_MS_MAX: u32 = 100;

pub(crate) fn verb() -> anyhow::Result<bool> {
    let folder = target_folder().join("embedded-crate");
    std::fs::create_dir_all(folder.join("tests")).context("a folder for the crate")?;
    let broker = root().join("crates/broker");
    std::fs::write(folder.join("Cargo.toml"), MANIFEST.replace("BROKER", &broker.display().to_string()))?;
    std::fs::write(folder.join("tests/embedded.rs"), TEST)?;
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).context("the lock file")?;
    let tested = cargo()
        .current_dir(&folder)
        .args(["test", "--quiet", "--target-dir"])
        .arg(target_folder().join("embedded"))
        .args(["--", "--nocapture"])
        .env("STELE_START_MS_MAX", START_MS_MAX.to_string())
        .status()?;
    let tree = cargo().current_dir(&folder).args(["tree", "--prefix", "none"]).output()?;
    anyhow::ensure!(tree.status.success(), "cargo tree: {}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout)?;
    let clean = !tree.lines().any(|line| line.starts_with("rdkafka"));
    println!("crates: {}, librdkafka among them: {}", tree.lines().count(), !clean);
    Ok(tested.success() && clean)
}

const MANIFEST: &str = r#"[package]
name = "embeds-stele"
version = "0.0.0"
edition = "2024"

[lib]
path = "tests/embedded.rs"
test = false

[dev-dependencies]
stele-broker = { path = "BROKER" }
# What `#[tokio::test]` needs; an application that talks to a broker has it.
tokio = { version = "1", features = ["macros", "rt"] }

[workspace]
"#;

const TEST: &str = r#"#[cfg(test)]
#[tokio::test]
async fn all_wires_in_a_test() {
    let mut taken = Vec::new();
    for _ in 0..50 {
        let began = std::time::Instant::now();
        let broker = stele_broker::Broker::start().await.expect("it starts");
        taken.push(began.elapsed());
        for address in [broker.addresses().nats, broker.addresses().kafka, broker.addresses().mqtt] {
            std::net::TcpStream::connect(address.expect("every wire is on")).expect("it accepts");
        }
        broker.stop().await;
    }
    taken.sort();
    println!("median of 50 starts: {:?}, slowest {:?}", taken[25], taken[49]);
    let limit = std::env::var("STELE_START_MS_MAX").map_or(1000, |text| text.parse().expect("a number"));
    assert!(taken[25].as_millis() <= limit, "{:?}", taken[25]);
}
"#;
