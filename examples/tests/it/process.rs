//! Server processes of one test: nats-server, Mosquitto, or stele. Ended by their handle when the test is over.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A running server; dropping it kills it.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts nats-server with JetStream on `address`.
pub(crate) fn nats_server(address: SocketAddr, data: &Path) -> Process {
    let mut command = Command::new(peer("STELE_PEER_NATS_SERVER"));
    command.args(["-a", "127.0.0.1", "-p", &address.port().to_string(), "-js", "-sd"]).arg(data);
    listening(&mut command, address)
}

/// Starts Mosquitto on `address`.
pub(crate) fn mosquitto(address: SocketAddr, data: &Path) -> Process {
    let configuration = data.join("mosquitto.conf");
    let text = format!("listener {} 127.0.0.1\nallow_anonymous true\n", address.port());
    std::fs::write(&configuration, text).unwrap();
    listening(Command::new(peer("STELE_PEER_MOSQUITTO")).arg("-c").arg(configuration), address)
}

/// Starts stele with the listeners that `addresses` gives (`127.0.0.1:0` picks a free port), and returns it with the
/// addresses of its ready line.
pub(crate) fn stele(addresses: &[(&str, String)], data: &Path) -> (Process, Vec<(String, String)>) {
    let binary = stele_binary();
    let mut command = Command::new(&binary);
    command.arg("serve").arg("--data").arg(data);
    for (name, address) in addresses.iter().filter(|(name, _)| has_listener(&binary, name)) {
        command.arg(format!("--{name}")).arg(address);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let process = Process(child);
    let ready = lines.next().expect("stele prints a ready line").unwrap();
    let words = ready.strip_prefix("ready ").unwrap_or_else(|| panic!("not a ready line: {ready}"));
    let pair = |word: &str| {
        let (name, address) = word.split_once('=').unwrap_or_else(|| panic!("not a listener: {word}"));
        (name.to_owned(), address.to_owned())
    };
    (process, words.split_whitespace().map(pair).collect())
}

/// A wire that the binary does not have yet has no flag, either.
fn has_listener(binary: &Path, name: &str) -> bool {
    static HELP: OnceLock<String> = OnceLock::new();
    let ask = || {
        let output = Command::new(binary).args(["serve", "--help"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    HELP.get_or_init(ask).contains(&format!("--{name} <"))
}

/// A port of loopback that was free a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn listening(command: &mut Command, address: SocketAddr) -> Process {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Process(quiet.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")));
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "nothing listens on {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
    process
}

/// The binary that `cargo xtask test` names, else the one beside this test, built anew so that it is never stale.
fn stele_binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        if let Some(binary) = std::env::var_os("STELE_BIN") {
            return binary.into();
        }
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "-p", "stele-cli", "--bin", "stele"]);
        // What cargo told this test about its own package would make some build scripts run again.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(&name);
            }
        }
        let status = cargo.status();
        assert!(status.unwrap().success(), "the stele binary builds");
        let test = std::env::current_exe().unwrap();
        test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").join("stele")
    };
    BUILT.get_or_init(build).clone()
}

fn peer(variable: &str) -> std::ffi::OsString {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} names a real server: use cargo xtask peers test"))
}
