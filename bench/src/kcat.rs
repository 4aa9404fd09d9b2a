//! librdkafka as users meet it: kcat reads lines and produces them, or consumes and is counted.

use crate::kafka_client::random_byte;
use crate::table::Outcome;
use anyhow::Context;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const VALUE_BYTES: usize = 100;

/// Produces lines of 100 random letters with `acks=all`.
pub(crate) fn produce(
    kcat: &Path,
    address: SocketAddr,
    topic: &str,
    records: usize,
) -> anyhow::Result<Outcome> {
    let mut file = tempfile::NamedTempFile::new()?;
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut text = Vec::with_capacity(records * (VALUE_BYTES + 1));
    for _ in 0..records {
        text.extend((0..VALUE_BYTES).map(|_| b'@' + random_byte(&mut state) % 64));
        text.push(b'\n');
    }
    file.write_all(&text)?;
    drop(text);
    let start = Instant::now();
    let status = Command::new(kcat)
        .args(["-P", "-q", "-b", &address.to_string(), "-t", topic, "-p", "0"])
        .args(["-X", "acks=all", "-X", "linger.ms=5", "-X", "queue.buffering.max.messages=1000000", "-l"])
        .arg(file.path())
        .stdout(Stdio::null())
        .status()
        .context("kcat does not start; --no-kcat leaves it out")?;
    anyhow::ensure!(status.success(), "kcat: {status}");
    Ok(Outcome { seconds: start.elapsed().as_secs_f64(), count: records })
}

/// Consumes from the beginning to the end, and compares the number of bytes.
pub(crate) fn consume(
    kcat: &Path,
    address: SocketAddr,
    topic: &str,
    records: usize,
) -> anyhow::Result<Outcome> {
    let start = Instant::now();
    let mut child = Command::new(kcat)
        .args(["-C", "-q", "-e", "-b", &address.to_string(), "-t", topic, "-p", "0", "-o", "beginning"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("kcat does not start")?;
    let mut output = child.stdout.take().context("its output was asked for")?;
    let (mut buffer, mut bytes) = (vec![0; 256 << 10], 0);
    loop {
        match output.read(&mut buffer)? {
            0 => break,
            read => bytes += read,
        }
    }
    anyhow::ensure!(child.wait()?.success(), "kcat failed");
    anyhow::ensure!(bytes == records * (VALUE_BYTES + 1), "kcat read {bytes} bytes");
    Ok(Outcome { seconds: start.elapsed().as_secs_f64(), count: records })
}
