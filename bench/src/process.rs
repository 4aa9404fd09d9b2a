//! A server under test: started on a free port of loopback, watched through /proc, stopped by its process id.

use anyhow::{Context, bail};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// Removed with the server.
    _data: Option<tempfile::TempDir>,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// `stele serve` with NATS alone.
    pub(crate) fn stele(binary: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command.args(["serve", "--nats", "127.0.0.1:0"]);
        command.args(["--kafka", "off", "--mqtt", "off", "--mqtt-ws", "off", "--http", "off"]);
        let data = tempfile::tempdir()?;
        command.arg("--data").arg(data.path());
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("stele does not start")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("its output was asked for")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line.split_whitespace().find_map(|word| word.strip_prefix("nats="));
        let address = port.context("stele says where it listens")?.parse()?;
        Ok(Self { child, address, _data: Some(data) })
    }

    /// nats-server without JetStream.
    pub(crate) fn nats(binary: &Path) -> anyhow::Result<Self> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = Command::new(binary);
        command.args(["-a", "127.0.0.1", "-p", &address.port().to_string()]);
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("nats-server does not start")?;
        let server = Self { child, address, _data: None };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if start.elapsed() > Duration::from_secs(5) {
                bail!("nats-server does not listen");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// User and system seconds so far.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        // Nanoseconds on a run queue's CPU: finer than the ticks of stat, and per thread.
        let mut total = 0.0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let stat = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            total +=
                stat.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e9;
        }
        Ok(total)
    }

    /// Peak resident memory in MiB.
    pub(crate) fn peak_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line =
            status.lines().find(|line| line.starts_with("VmHWM:")).context("the kernel says the peak")?;
        Ok(line.split_whitespace().nth(1).context("a number")?.parse::<f64>()? / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
