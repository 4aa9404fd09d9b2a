//! Brings the real servers onto this machine, each with the installer of its own world.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::{folder, has};
use crate::root;

const NATS_SERVER: &str = "github.com/nats-io/nats-server/v2@v2.15.2";

/// Installs what is missing; a second call does nothing.
pub(super) fn everything() -> anyhow::Result<()> {
    std::fs::create_dir_all(folder())?;
    if !nats_server().exists() {
        run(Command::new("go").args(["install", NATS_SERVER]).env("GOBIN", folder().join("bin")))?;
    }
    let missing = [("kcat", "kcat"), ("mosquitto_pub", "mosquitto-clients")];
    let mut packages: Vec<&str> =
        missing.iter().filter(|(program, _)| !has(program)).map(|(_, package)| *package).collect();
    if !Path::new(&mosquitto()).exists() {
        packages.push("mosquitto");
    }
    if !packages.is_empty() {
        apt(&packages)?;
    }
    if !kafka_jars().exists() {
        copy_jars(&root().join("conformance/peers/pom.xml"), &kafka_jars())?;
    }
    Ok(())
}

/// Copies a Maven project's dependencies into one folder.
pub(crate) fn copy_jars(pom: &Path, jars: &Path) -> anyhow::Result<()> {
    let partial = jars.with_extension("partial");
    let output = format!("-DoutputDirectory={}", partial.display());
    run(Command::new("mvn").args(["-q", "-f"]).arg(pom).args([
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        &output,
    ]))?;
    // Complete or absent: a broken download must not look like an installation.
    Ok(std::fs::rename(partial, jars)?)
}

/// Installs Debian packages, and keeps the Mosquitto package's own service off.
fn apt(packages: &[&str]) -> anyhow::Result<()> {
    let wants_service = packages.contains(&"mosquitto");
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
        command
    };
    run(&mut apt(&["update", "-qq"]))?;
    run(apt(&["install", "-y", "-qq"]).args(packages))?;
    if wants_service && has("service") {
        // The answer is not of interest: where services do not run, there is nothing to stop.
        let _ = Command::new("service").args(["mosquitto", "stop"]).output();
    }
    Ok(())
}

/// The nats-server that `everything` builds.
pub(super) fn nats_server() -> PathBuf {
    folder().join("bin/nats-server")
}

/// Debian puts Mosquitto where only root's search path leads.
pub(super) fn mosquitto() -> PathBuf {
    PathBuf::from("/usr/sbin/mosquitto")
}

/// Apache Kafka and what it needs.
pub(super) fn kafka_jars() -> PathBuf {
    folder().join("kafka-jars")
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("{command:?} cannot start"))?;
    anyhow::ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
