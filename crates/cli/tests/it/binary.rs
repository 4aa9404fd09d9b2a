//! Runs the binary on free ports and stops it by its process id.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running `stele serve`.
pub(crate) struct Binary {
    child: Child,
    addresses: BTreeMap<String, SocketAddr>,
}

/// Free ports everywhere.
pub(crate) const FREE_PORTS: [&str; 10] = [
    "--nats",
    "127.0.0.1:0",
    "--kafka",
    "127.0.0.1:0",
    "--mqtt",
    "127.0.0.1:0",
    "--mqtt-ws",
    "127.0.0.1:0",
    "--http",
    "127.0.0.1:0",
];

impl Binary {
    pub(crate) fn start(data: &Path) -> Self {
        Self::launch(command(data).args(FREE_PORTS))
    }

    /// Runs a `stele serve` and waits until it is ready.
    pub(crate) fn launch(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output was asked for");
        BufReader::new(stdout).read_line(&mut line).expect("its output can be read");
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some("ready"), "{line:?}");
        let addresses = words
            .map(|word| word.split_once('=').expect("wire=address"))
            .map(|(wire, address)| (wire.to_owned(), address.parse().expect("an address")))
            .collect();
        Self { child, addresses }
    }

    pub(crate) fn address(&self, wire: &str) -> SocketAddr {
        self.addresses[wire]
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// As a power switch for the process; others may be talking to it.
    pub(crate) fn kill_now(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::KILL).expect("it can be killed");
    }

    /// As an operator does it.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it can be signalled");
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "it does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `stele serve` with this data directory.
pub(crate) fn command(data: &Path) -> Command {
    let mut command = Command::new(binary());
    command.arg("serve").arg("--data").arg(data).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// The one that cargo built with these tests, or another that a verb of xtask names: the release build.
pub(crate) fn binary() -> OsString {
    std::env::var_os("STELE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_stele").into())
}
