//! The raw-socket blaster: it costs next to nothing itself, and counts every delivered byte.

use anyhow::{Context, bail};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) subscribers: usize,
    pub(crate) messages: usize,
    pub(crate) payload_bytes: usize,
    /// Bytes of one write of the publisher.
    pub(crate) burst_bytes: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) seconds: f64,
    pub(crate) deliveries: usize,
}

const SUBJECT: &str = "bench.live";
const SILENCE: Duration = Duration::from_secs(20);

/// One publisher to all subscribers; every delivery is counted and its bytes are compared in length.
pub(crate) fn blast(address: SocketAddr, load: Load) -> anyhow::Result<Outcome> {
    let message = format!("PUB {SUBJECT} {}\r\n{}\r\n", load.payload_bytes, "x".repeat(load.payload_bytes));
    let delivery =
        format!("MSG {SUBJECT} 1 {}\r\n{}\r\n", load.payload_bytes, "x".repeat(load.payload_bytes));
    let expected = delivery.len() * load.messages;
    let failed = Arc::new(AtomicBool::new(false));
    let mut receivers = Vec::new();
    for _ in 0..load.subscribers {
        let mut stream = connect(address)?;
        stream.write_all(format!("SUB {SUBJECT} 1\r\nPING\r\n").as_bytes())?;
        expect(&mut stream, b"PONG\r\n")?;
        let failed = failed.clone();
        receivers.push(std::thread::spawn(move || {
            let received = drain(&mut stream, expected);
            failed.fetch_or(received != expected, Ordering::AcqRel);
        }));
    }
    let mut publisher = connect(address)?;
    let per_burst = (load.burst_bytes / message.len()).max(1);
    let burst = message.repeat(per_burst);
    let start = Instant::now();
    let mut left = load.messages;
    while left > 0 {
        let count = left.min(per_burst);
        publisher.write_all(&burst.as_bytes()[..count * message.len()])?;
        left -= count;
    }
    for receiver in receivers {
        receiver.join().map_err(|_| anyhow::anyhow!("a receiver panicked"))?;
    }
    if failed.load(Ordering::Acquire) {
        bail!("a receiver did not get everything");
    }
    Ok(Outcome { seconds: start.elapsed().as_secs_f64(), deliveries: load.messages * load.subscribers })
}

fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n")?;
    expect(&mut stream, b"PONG\r\n").context("the server answers")?;
    Ok(stream)
}

/// Reads until the bytes come; what is before them is the greeting.
fn expect(stream: &mut TcpStream, bytes: &[u8]) -> anyhow::Result<()> {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    while !seen.ends_with(bytes) {
        match stream.read(&mut buffer)? {
            0 => bail!("the server closed the connection"),
            read => seen.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(())
}

fn drain(stream: &mut TcpStream, expected: usize) -> usize {
    let mut buffer = vec![0; 256 << 10];
    let mut received = 0;
    while received < expected {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => received += read,
            _ => break,
        }
    }
    received
}
