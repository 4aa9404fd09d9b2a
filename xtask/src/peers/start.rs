//! Starts and ends the real servers. Each keeps its data in an empty folder of its own.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::{folder, install};
use crate::root;

/// A JVM on two busy cores takes a while.
const START_TIME_MAX: Duration = Duration::from_secs(120);

pub(super) fn nats(address: SocketAddr) -> anyhow::Result<()> {
    let data = empty_folder("nats-data")?;
    let mut command = Command::new(install::nats_server());
    command
        .args(["-a", &address.ip().to_string(), "-p", &address.port().to_string(), "-js", "-sd"])
        .arg(data);
    spawn("nats", &mut command, address)
}

pub(super) fn mosquitto(address: SocketAddr) -> anyhow::Result<()> {
    let configuration = empty_folder("mosquitto")?.join("mosquitto.conf");
    std::fs::write(&configuration, mosquitto_configuration(address))?;
    spawn("mosquitto", Command::new(install::mosquitto()).arg("-c").arg(configuration), address)
}

/// One listener on loopback, everybody welcome, nothing kept.
fn mosquitto_configuration(address: SocketAddr) -> String {
    format!("listener {} {}\nallow_anonymous true\n", address.port(), address.ip())
}

pub(super) fn kafka(address: SocketAddr, controller: SocketAddr) -> anyhow::Result<()> {
    let data = empty_folder("kafka-data")?;
    let templates = root().join("conformance/peers");
    let properties = folder().join("kafka.properties");
    let text = std::fs::read_to_string(templates.join("server.properties"))?
        .replace("@PORT@", &address.port().to_string())
        .replace("@CONTROLLER_PORT@", &controller.port().to_string())
        .replace("@DATA@", &data.display().to_string());
    std::fs::write(&properties, text)?;
    let java = |heap: &str| {
        let mut command = Command::new("java");
        command.arg(format!("-Xmx{heap}")).arg("-cp").arg(install::kafka_jars().join("*"));
        command.arg(format!("-Dlog4j2.configurationFile={}", templates.join("log4j2.xml").display()));
        command
    };
    let id = "c3RlbGVzdGVsZXN0ZWxlcw";
    let format =
        java("256m").args(["kafka.tools.StorageTool", "format", "-t", id, "-c"]).arg(&properties).output()?;
    anyhow::ensure!(format.status.success(), "kafka storage: {}", String::from_utf8_lossy(&format.stdout));
    spawn("kafka", java("768m").arg("kafka.Kafka").arg(&properties), address)
}

/// Starts a process that outlives this one, writes its id down, and waits until it accepts a connection.
fn spawn(name: &str, command: &mut Command, address: SocketAddr) -> anyhow::Result<()> {
    let log = folder().join(format!("{name}.log"));
    let output = std::fs::File::create(&log)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let mut list = OpenOptions::new().create(true).append(true).open(folder().join("running.txt"))?;
    writeln!(list, "{name} {}", child.id())?;
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        anyhow::ensure!(child.try_wait()?.is_none(), "{name} ended at once, see {}", log.display());
        anyhow::ensure!(began.elapsed() < START_TIME_MAX, "{name} does not listen, see {}", log.display());
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Asks a process to end, and makes it end after ten seconds.
pub(super) fn end(process: u32) -> anyhow::Result<()> {
    signal("-TERM", process)?;
    for _ in 0..100 {
        if !alive(process) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    signal("-KILL", process)
}

/// Whether a process still runs. A child that ended but was not collected does not.
pub(super) fn alive(process: u32) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &process.to_string()]).output();
    state.is_ok_and(|state| state.status.success() && !state.stdout.starts_with(b"Z"))
}

fn signal(which: &str, process: u32) -> anyhow::Result<()> {
    // A process that has ended already is what was wanted.
    Command::new("kill").args([which, &process.to_string()]).output()?;
    Ok(())
}

fn empty_folder(name: &str) -> anyhow::Result<PathBuf> {
    let path = folder().join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path)?;
    }
    std::fs::create_dir_all(&path)?;
    Ok(path)
}
