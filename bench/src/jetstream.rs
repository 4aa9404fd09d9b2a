//! JetStream publishes: many in flight on one connection, a reply subject of its own for each, every acknowledgement
//! counted, and the stream's count compared at the end.

use crate::nats;
use crate::peers::{self, Jetstream, Wire};
use crate::table::{Common, Figure, Outcome, compare, head, measure};
use anyhow::bail;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

const PAYLOAD_BYTES: usize = 128;
const SUBJECT: &str = "bench.stored";
const INBOX: &str = "_INBOX.bench.";
/// Digits of a message's number in its reply subject.
const DIGITS: usize = 8;

pub(crate) fn run(common: &Common) -> anyhow::Result<()> {
    head("Publishes of 128 B, each acknowledged. stele: fdatasync before every ack.", "nats-server", common);
    let messages = common.count(1_000_000);
    let names =
        ["500 in flight; nats-server syncs every 2 min", "4,000 in flight; nats-server syncs every 2 min"];
    let windows = [500, 4000];
    compare(
        common,
        &names,
        || all(&|| peers::stele(common, Wire::Nats, &[]), &windows, messages),
        || all(&|| peers::nats(common, Jetstream::Interval), &windows, messages),
    )?;
    let (few, windows) = (common.count(5_000), [500]);
    compare(
        common,
        &["500 in flight; nats-server with `sync_interval: always`"],
        || all(&|| peers::stele(common, Wire::Nats, &[]), &windows, few),
        || all(&|| peers::nats(common, Jetstream::Always), &windows, few),
    )
}

fn all(
    start: &dyn Fn() -> anyhow::Result<crate::process::Server>,
    windows: &[usize],
    messages: usize,
) -> anyhow::Result<Vec<Figure>> {
    let one = |window: &usize| measure(&start()?, |server| publish(server.address, messages, *window));
    windows.iter().map(one).collect()
}

/// Publishes with at most `window` messages unacknowledged.
pub(crate) fn publish(address: SocketAddr, messages: usize, window: usize) -> anyhow::Result<Outcome> {
    let body = format!("{{\"name\":\"BENCH\",\"subjects\":[\"{SUBJECT}\"],\"storage\":\"file\"}}");
    nats::request(address, "$JS.API.STREAM.CREATE.BENCH", &body)?;
    let mut stream = nats::connect(address)?;
    nats::subscribe(&mut stream, &format!("{INBOX}*"))?;
    let mut ring = Ring::new(window);
    let start = Instant::now();
    let (mut sent, mut lines) = (0, 0);
    let mut buffer = vec![0; 256 << 10];
    // An acknowledgement is two lines: its head and its JSON.
    while lines / 2 < messages {
        let room = (window - (sent - lines / 2)).min(messages - sent);
        ring.send(&mut stream, sent, room)?;
        sent += room;
        let read = stream.read(&mut buffer)?;
        if read == 0 || memchr::memmem::find(&buffer[..read], b"error").is_some() {
            bail!("refused: {}", String::from_utf8_lossy(&buffer[..read.min(300)]));
        }
        lines += memchr::memchr_iter(b'\n', &buffer[..read]).count();
        lines -= nats::pings(&buffer[..read]) / nats::PING.len();
    }
    let seconds = start.elapsed().as_secs_f64();
    let info = nats::request(address, "$JS.API.STREAM.INFO.BENCH", "")?;
    anyhow::ensure!(info.contains(&format!("\"messages\":{messages},")), "not all is stored: {info}");
    Ok(Outcome { seconds, count: messages })
}

/// Prepared messages, one after the other; only the number in the reply subject changes.
struct Ring {
    bytes: Vec<u8>,
    message_bytes: usize,
    slots: usize,
}

impl Ring {
    fn new(slots: usize) -> Self {
        let number = "0".repeat(DIGITS);
        let message =
            format!("PUB {SUBJECT} {INBOX}{number} {PAYLOAD_BYTES}\r\n{}\r\n", "x".repeat(PAYLOAD_BYTES));
        Self { bytes: message.repeat(slots).into_bytes(), message_bytes: message.len(), slots }
    }

    /// Sends messages with the numbers from `first` on.
    fn send(&mut self, to: &mut impl Write, first: usize, count: usize) -> anyhow::Result<()> {
        let place = "PUB ".len() + SUBJECT.len() + 1 + INBOX.len();
        let mut left = first..first + count;
        while !left.is_empty() {
            let slot = left.start % self.slots;
            let run = left.len().min(self.slots - slot);
            let block = &mut self.bytes[slot * self.message_bytes..(slot + run) * self.message_bytes];
            for (message, number) in block.chunks_mut(self.message_bytes).zip(left.start..) {
                write_digits(&mut message[place..place + DIGITS], number);
            }
            to.write_all(block)?;
            left.start += run;
        }
        Ok(())
    }
}

fn write_digits(place: &mut [u8], mut number: usize) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}
