//! `audit-acks`: the binary under strace, with real clients on all three wires. No acknowledgement may leave before an
//! fdatasync that covers its record has returned.
//!
//! ```text
//!  strace ─→ stele serve ←─ acked_load (async-nats, rdkafka, rumqttc)
//!     └─→ trace ─→ trace.rs: calls ─→ wires.rs: requests, acknowledgements ─→ judge.rs: verdict
//! ```
//! `--prove` audits a build that does not sync, and expects that it fails.

mod judge;
mod trace;
mod wires;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;

use self::judge::Verdict;
use crate::peers::{has, run};
use crate::report::Report;
use crate::test::{cargo, target_folder};

/// Messages per wire.
const MESSAGES: u64 = 2000;
const MESSAGES_SHORT: u64 = 200;

/// Dispatches `cargo xtask audit-acks [--prove | --short]`.
pub(crate) fn verb(words: &[&str]) -> anyhow::Result<bool> {
    let prove = match words {
        [] => false,
        ["--prove"] => true,
        ["--short"] => {
            let mut report = Report::default();
            short(&mut report, &target_folder().join("debug/stele"));
            return Ok(report.finish());
        }
        _ => anyhow::bail!("audit-acks [--prove | --short]"),
    };
    if let Some(why) = unusable() {
        anyhow::bail!("{why}");
    }
    // With the whole workspace, so that the features are those of all other builds.
    run(cargo().args(["build", "--workspace", "--example", "acked_load"]))?;
    let load = load();
    run(cargo().args(["build", "--release", "-p", "stele-cli", "--bin", "stele"]))?;
    let verdict = audit(&target_folder().join("release/stele"), &load, MESSAGES)?;
    let sound = show(&verdict, MESSAGES);
    if !prove {
        return Ok(sound);
    }
    let build = ["build", "--release", "-p", "stele-cli", "--features", "unsound-no-sync", "--bin"];
    run(cargo().args(build).arg("stele-unsound-no-sync"))?;
    let verdict = audit(&target_folder().join("release/stele-unsound-no-sync"), &load, MESSAGES)?;
    println!("without syncs: {}", verdict.summary());
    if verdict.early.is_empty() {
        println!("the audit did not notice that nothing was synced");
    }
    Ok(sound && !verdict.early.is_empty())
}

/// A short audit with the binary and the clients that are built already; skipped where the machine cannot trace.
pub(crate) fn short(report: &mut Report, binary: &Path) {
    const NAME: &str = "acks audit: nothing is acknowledged before its fdatasync";
    match unusable() {
        Some(why) => report.skip(NAME, why),
        None => {
            report.check(NAME, || {
                let verdict = audit(binary, &load(), MESSAGES_SHORT)?;
                Ok(show(&verdict, MESSAGES_SHORT))
            });
        }
    }
}

/// Prints what was found; true: all is well.
fn show(verdict: &Verdict, messages: u64) -> bool {
    println!("{}", verdict.summary());
    for line in verdict.early.iter().take(10) {
        println!("  {line}");
    }
    // Kafka's requests carry many messages each.
    let missing = verdict.missing(messages / 20);
    if !missing.is_empty() {
        println!("too few to judge: {}", missing.join(", "));
    }
    verdict.early.is_empty() && missing.is_empty()
}

/// Why this machine cannot trace.
fn unusable() -> Option<&'static str> {
    if !has("strace") {
        return Some("strace is not installed (Debian: apt-get install strace)");
    }
    let traced = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    if traced.is_ok_and(|output| output.status.success()) {
        return None;
    }
    Some("strace is installed, but this machine does not let it trace (ptrace is forbidden)")
}

/// The clients, as `cargo xtask test` builds them.
fn load() -> PathBuf {
    target_folder().join("debug/examples/acked_load")
}

fn audit(binary: &Path, load: &Path, messages: u64) -> anyhow::Result<Verdict> {
    let folder = target_folder().join(format!("audit-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let verdict = audit_in(&folder, binary, load, messages);
    if verdict.as_ref().is_ok_and(|verdict| verdict.early.is_empty()) {
        std::fs::remove_dir_all(&folder)?;
    } else {
        // Its log would be taken for data of a broker; the trace is what tells the story.
        std::fs::remove_dir_all(folder.join("data"))?;
        println!("the trace: {}", folder.join("trace").display());
    }
    verdict
}

fn audit_in(folder: &Path, binary: &Path, load: &Path, messages: u64) -> anyhow::Result<Verdict> {
    let traced = Traced::start(folder, binary)?;
    let arguments = traced.listeners.iter().map(|(wire, address)| format!("{wire}={address}"));
    run(Command::new(load).args(arguments).arg(format!("messages={messages}")))?;
    let ports = traced.ports()?;
    let text = traced.stop()?;
    judge::judge(&trace::read(&text)?, &ports)
}

/// A traced stele; dropping it kills it.
struct Traced {
    strace: Child,
    trace: PathBuf,
    listeners: Vec<(String, String)>,
}

impl Traced {
    fn start(folder: &Path, binary: &Path) -> anyhow::Result<Self> {
        let (trace, data) = (folder.join("trace"), folder.join("data"));
        let mut command = Command::new("strace");
        command.args(["-f", "-ttt", "-xx", "-v", "-s", trace::STRING_BYTES_MAX, "-e", "signal=none", "-e"]);
        command.arg(format!("trace={}", trace::CALLS)).arg("-o").arg(&trace);
        command.arg(binary).arg("serve").arg("--data").arg(data);
        for listener in ["nats", "kafka", "mqtt"] {
            command.arg(format!("--{listener}")).arg("127.0.0.1:0");
        }
        command.args(["--mqtt-ws", "off", "--http", "off"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut strace = command.spawn().context("starting strace")?;
        let output = strace.stdout.take().expect("stdout is piped");
        let mut traced = Self { strace, trace, listeners: Vec::new() };
        let mut ready = String::new();
        BufReader::new(output).read_line(&mut ready)?;
        let words = ready.strip_prefix("ready ").with_context(|| format!("stele said `{ready}`"))?;
        let pairs = words.split_whitespace().filter_map(|word| word.split_once('='));
        traced.listeners = pairs.map(|(name, address)| (name.to_owned(), address.to_owned())).collect();
        Ok(traced)
    }

    fn ports(&self) -> anyhow::Result<HashMap<u16, &'static str>> {
        let wires = ["nats", "kafka", "mqtt"].into_iter();
        let port = |wire: &'static str| {
            let (_, address) = self.listeners.iter().find(|(name, _)| name == wire).context(wire)?;
            Ok((address.parse::<std::net::SocketAddr>()?.port(), wire))
        };
        wires.map(port).collect()
    }

    /// Ends stele as an operator would, waits for the end of the trace, and returns it.
    fn stop(mut self) -> anyhow::Result<String> {
        self.signal("-TERM")?;
        self.strace.wait()?;
        Ok(std::fs::read_to_string(&self.trace)?)
    }

    /// Signals the traced process: the trace's first word is its id.
    fn signal(&self, which: &str) -> anyhow::Result<()> {
        let mut first = String::new();
        BufReader::new(std::fs::File::open(&self.trace)?).read_line(&mut first)?;
        let process = first.split(' ').next().context("the trace is empty")?;
        run(Command::new("kill").args([which, process]))
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        if matches!(self.strace.try_wait(), Ok(None)) {
            // Without its tracer the traced process would go on.
            let _ = self.signal("-KILL");
            let _ = self.strace.kill();
        }
        let _ = self.strace.wait();
    }
}
