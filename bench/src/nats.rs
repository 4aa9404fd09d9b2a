//! NATS over raw sockets: the blaster, and what other measurements need of the protocol.

use crate::table::Outcome;
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

const SUBJECT: &str = "bench.live";

/// A server that says nothing for this long has failed.
pub(crate) const SILENCE: Duration = Duration::from_secs(20);

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
        subscribe(&mut stream, SUBJECT)?;
        let failed = failed.clone();
        receivers.push(std::thread::spawn(move || {
            let received = drain(&mut stream, expected, pings);
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
    Ok(Outcome { seconds: start.elapsed().as_secs_f64(), count: load.messages * load.subscribers })
}

/// A connection that has shaken hands.
pub(crate) fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE))?;
    greet(&mut stream)?;
    Ok(stream)
}

/// CONNECT, and a PING that is answered.
pub(crate) fn greet(stream: &mut TcpStream) -> anyhow::Result<()> {
    stream.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\nPING\r\n")?;
    expect(stream, b"PONG\r\n").context("the server answers")
}

/// Subscribes with the id 1, for certain.
pub(crate) fn subscribe(stream: &mut TcpStream, filter: &str) -> anyhow::Result<()> {
    stream.write_all(format!("SUB {filter} 1\r\nPING\r\n").as_bytes())?;
    expect(stream, b"PONG\r\n")
}

/// Asks and returns the payload of the answer. The connection must have no subscription yet.
pub(crate) fn request(address: SocketAddr, subject: &str, body: &str) -> anyhow::Result<String> {
    let mut stream = connect(address)?;
    subscribe(&mut stream, "_INBOX.bench.answer")?;
    let length = body.len();
    stream.write_all(format!("PUB {subject} _INBOX.bench.answer {length}\r\n{body}\r\n").as_bytes())?;
    // The answer's JSON has no line end, so that it ends with the second one.
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    while memchr::memchr_iter(b'\n', &seen).count() < 2 {
        match stream.read(&mut buffer)? {
            0 => bail!("the server closed the connection"),
            read => seen.extend_from_slice(&buffer[..read]),
        }
    }
    let text = String::from_utf8(seen)?;
    let payload = text.split("\r\n").nth(1).context("a payload")?;
    anyhow::ensure!(!payload.contains("\"error\""), "{subject}: {payload}");
    Ok(payload.to_owned())
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

/// Reads this many bytes, or until the stream ends; returns how many came. `extra` of those just read do not count.
pub(crate) fn drain(stream: &mut TcpStream, expected: usize, extra: fn(&[u8]) -> usize) -> usize {
    let mut buffer = vec![0; 256 << 10];
    let mut received = 0;
    while received < expected {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => received += read - extra(&buffer[..read]).min(read),
            _ => break,
        }
    }
    received
}

/// Bytes of the server's PINGs. Nothing else that a measurement receives has a `P`.
pub(crate) fn pings(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'P', bytes).count() * PING.len()
}

/// What a server says now and then between messages.
pub(crate) const PING: &[u8] = b"PING\r\n";
