//! A server under test: started on a free port of loopback, watched through /proc, stopped by its process id.

use anyhow::{Context, bail};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A JVM on two busy cores takes a while.
const START_TIME_MAX: Duration = Duration::from_secs(120);

/// The kernel's unit in /proc/PID/stat, fixed for user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// Removed with the server.
    _data: tempfile::TempDir,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a program that says on its first line `ready WIRE=ADDRESS`, and reads that.
    pub(crate) fn announced(
        mut command: Command,
        wire: &str,
        data: tempfile::TempDir,
    ) -> anyhow::Result<Self> {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("stele does not start")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("its output was asked for")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix(wire).and_then(|rest| rest.strip_prefix('=')));
        let address = port.context("stele says where it listens")?.parse()?;
        Ok(Self { child, address, _data: data })
    }

    /// Starts a program that listens on this address soon.
    pub(crate) fn awaited(
        mut command: Command,
        address: SocketAddr,
        data: tempfile::TempDir,
    ) -> anyhow::Result<Self> {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{:?} does not start", command.get_program()))?;
        let mut server = Self { child, address, _data: data };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if server.child.try_wait()?.is_some() || start.elapsed() > START_TIME_MAX {
                bail!("{:?} does not listen", command.get_program());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// User and system seconds so far.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        // Nanoseconds on a run queue's CPU: finer than the ticks of stat, but without threads that have ended.
        let mut living = 0.0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let stat = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            living +=
                stat.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e9;
        }
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // proc(5): behind the name in parentheses, utime and stime are the 12th and 13th words.
        let words = stat.rsplit_once(')').context("a name in parentheses")?.1.split_whitespace().skip(11);
        let ticks: f64 = words.take(2).filter_map(|word| word.parse::<f64>().ok()).sum();
        Ok(living.max(ticks / TICKS_PER_SECOND))
    }

    /// Peak resident memory in MiB.
    pub(crate) fn peak_mib(&self) -> anyhow::Result<f64> {
        Ok(self.status_kib("VmHWM:")? / 1024.0)
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> anyhow::Result<f64> {
        self.status_kib("VmRSS:")
    }

    fn status_kib(&self, name: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(name)).context("the kernel says it")?;
        Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address of loopback that was free a moment ago.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
