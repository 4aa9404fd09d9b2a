//! Clients written in other languages, against stele or against the real servers.
//!
//! Each runtime has a folder in `conformance/foreign` with pinned versions and a program that reads addresses from the
//! environment and prints `ok NAME` or `not ok NAME: why`. What is installed for it lies in `target/foreign`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;

use crate::peers::{self, copy_jars, has, run};
use crate::report::Report;
use crate::test::{cargo, target_folder};
use crate::{root, served_wires};

/// Runtime, and the programs that it needs.
const RUNTIMES: &[(&str, &[&str])] =
    &[("go", &["go"]), ("java", &["java", "mvn"]), ("python", &["python3"]), ("node", &["node", "npm"])];

/// Addresses by wire: `nats`, `jetstream`, `kafka`, `mqtt`.
type Addresses = Vec<(String, String)>;

/// Dispatches `cargo xtask foreign [--peers] [RUNTIME..]`.
pub(crate) fn verb(words: &[&str]) -> anyhow::Result<bool> {
    let (beside_peers, runtimes) = match words {
        ["--peers", runtimes @ ..] => (true, runtimes),
        runtimes => (false, runtimes),
    };
    for word in runtimes {
        anyhow::ensure!(RUNTIMES.iter().any(|(name, _)| name == word), "no runtime is called {word}");
    }
    let mut report = Report::default();
    if beside_peers {
        peers::install()?;
        let running = peers::start()?;
        let addresses = [
            ("nats", running.nats),
            ("jetstream", running.nats),
            ("kafka", running.kafka),
            ("mqtt", running.mqtt),
        ];
        let addresses = addresses.map(|(wire, address)| (wire.to_owned(), address.to_string()));
        let outcome = clients(&mut report, runtimes, &addresses);
        peers::stop()?;
        outcome?;
    } else {
        run(cargo().args(["build", "-p", "stele-cli", "--bin", "stele"]))?;
        against(&mut report, runtimes, &target_folder().join("debug/stele"))?;
    }
    Ok(report.finish())
}

/// Runs the clients of every runtime that this machine has against the wires that stele serves.
pub(crate) fn against_stele(report: &mut Report, binary: &Path) -> anyhow::Result<()> {
    let all: Vec<&str> = RUNTIMES.iter().map(|(name, _)| *name).collect();
    against(report, &all, binary)
}

fn against(report: &mut Report, runtimes: &[&str], binary: &Path) -> anyhow::Result<()> {
    let served = served_wires()?;
    if served.is_empty() {
        report.skip("foreign clients", "stele serves no wire yet (conformance/served.txt)");
        return Ok(());
    }
    let stele = Stele::start(binary)?;
    let address = |wire: &str| {
        let listener = if wire == "jetstream" { "nats" } else { wire };
        stele.listeners.iter().find(|(name, _)| name == listener).map(|(_, address)| address.clone())
    };
    let addresses = served
        .iter()
        .map(|wire| {
            Ok((wire.clone(), address(wire).with_context(|| format!("stele has no listener for {wire}"))?))
        })
        .collect::<anyhow::Result<Addresses>>()?;
    clients(report, runtimes, &addresses)
}

/// Runs the clients of `runtimes`, of all if none is named.
fn clients(report: &mut Report, runtimes: &[&str], addresses: &[(String, String)]) -> anyhow::Result<()> {
    for (runtime, programs) in RUNTIMES {
        if !runtimes.is_empty() && !runtimes.contains(runtime) {
            continue;
        }
        let name = format!("foreign clients in {runtime}");
        if let Some(missing) = programs.iter().find(|program| !has(program)) {
            report.skip(&name, &format!("{missing} is not installed"));
            continue;
        }
        let mut command = prepare(runtime).with_context(|| format!("preparing {name}"))?;
        for (wire, address) in addresses {
            command.env(format!("STELE_{}", wire.to_uppercase()), address);
        }
        report.tests(&name, &mut command)?;
    }
    Ok(())
}

/// Installs what a runtime's program needs, in the versions of its lock file, and says how to run it.
fn prepare(runtime: &str) -> anyhow::Result<Command> {
    let source = root().join("conformance/foreign").join(runtime);
    let installed = target_folder().join("foreign").join(runtime);
    std::fs::create_dir_all(&installed)?;
    let mut command = match runtime {
        "go" => {
            let program = installed.join("smoke");
            run(Command::new("go")
                .args(["build", "-mod=readonly", "-o"])
                .arg(&program)
                .arg(".")
                .current_dir(&source))?;
            Command::new(program)
        }
        "java" => {
            let jars = installed.join("jars");
            if !jars.exists() {
                copy_jars(&source.join("pom.xml"), &jars)?;
            }
            let mut java = Command::new("java");
            java.arg("-cp").arg(jars.join("*")).arg(source.join("Smoke.java"));
            java
        }
        "python" => {
            let python = installed.join("bin/python");
            if !python.exists() {
                run(Command::new("python3").args(["-m", "venv"]).arg(&installed))?;
            }
            let requirements = source.join("requirements.txt");
            run(Command::new(&python)
                .args(["-m", "pip", "-q", "install", "--no-deps", "-r"])
                .arg(requirements))?;
            let mut command = Command::new(python);
            command.arg("-B").arg(source.join("smoke.py"));
            command
        }
        _ => {
            // Node finds packages beside the program only.
            for entry in std::fs::read_dir(&source)? {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    std::fs::copy(entry.path(), installed.join(entry.file_name()))?;
                }
            }
            run(Command::new("npm").args(["ci", "--silent"]).current_dir(&installed))?;
            let mut command = Command::new("node");
            command.arg(installed.join("smoke.mjs"));
            command
        }
    };
    command.current_dir(&installed);
    Ok(command)
}

/// A stele on free ports with an empty data directory; ends with its handle.
struct Stele {
    child: Child,
    data: PathBuf,
    listeners: Addresses,
}

impl Stele {
    fn start(binary: &Path) -> anyhow::Result<Self> {
        let data = target_folder().join(format!("foreign/stele-data-{}", std::process::id()));
        let help = Command::new(binary).args(["serve", "--help"]).output().context("asking stele")?;
        let help = String::from_utf8(help.stdout)?;
        let mut command = Command::new(binary);
        command.arg("serve").arg("--data").arg(&data);
        // A wire that the binary does not have yet has no flag, either.
        let has_flag = |name: &&str| help.contains(&format!("--{name} <"));
        for listener in ["nats", "kafka", "mqtt", "mqtt-ws", "http"].iter().filter(|name| has_flag(name)) {
            command.arg(format!("--{listener}")).arg("127.0.0.1:0");
        }
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("starting stele")?;
        let output = child.stdout.take().expect("stdout is piped");
        let mut stele = Self { child, data, listeners: Vec::new() };
        let mut ready = String::new();
        BufReader::new(output).read_line(&mut ready)?;
        let words = ready.strip_prefix("ready ").with_context(|| format!("stele said `{ready}`"))?;
        let pairs = words.split_whitespace().filter_map(|word| word.split_once('='));
        stele.listeners = pairs.map(|(name, address)| (name.to_owned(), address.to_owned())).collect();
        Ok(stele)
    }
}

impl Drop for Stele {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}
