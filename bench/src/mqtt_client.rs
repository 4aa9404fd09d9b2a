//! MQTT 3.1.1 over raw sockets, with prepared packets of one size.

use crate::nats::{SILENCE, drain};
use crate::table::Outcome;
use anyhow::{Context, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

/// The topic of all measurements; as a NATS subject it is `bench.mqtt`.
pub(crate) const TOPIC: &str = "bench/mqtt";

/// A publish of these bytes as this client sends it, and as a 3.1.1 subscriber receives it.
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    /// Where the packet id is, for QoS 1.
    pub(crate) id_at: usize,
    /// Where the payload begins.
    pub(crate) payload_at: usize,
}

impl Packet {
    pub(crate) fn publish(qos: u8, payload_bytes: usize) -> Self {
        let id_bytes = if qos > 0 { 2 } else { 0 };
        let remaining = 2 + TOPIC.len() + id_bytes + payload_bytes;
        let mut bytes = vec![0x30 | qos << 1, (remaining % 128) as u8 | 0x80, (remaining / 128) as u8];
        bytes.extend((TOPIC.len() as u16).to_be_bytes());
        bytes.extend(TOPIC.as_bytes());
        let id_at = bytes.len();
        bytes.resize(id_at + id_bytes, 0);
        let payload_at = bytes.len();
        bytes.resize(payload_at + payload_bytes, b'x');
        Self { bytes, id_at, payload_at }
    }
}

/// A connection with a clean session.
pub(crate) fn connect(address: SocketAddr, client_id: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE))?;
    greet(&mut stream, client_id)?;
    Ok(stream)
}

/// CONNECT, and its CONNACK.
pub(crate) fn greet(stream: &mut TcpStream, client_id: &str) -> anyhow::Result<()> {
    stream.write_all(&connect_packet(client_id))?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    ensure!(answer == [0x20, 2, 0, 0], "CONNACK {answer:?}");
    Ok(())
}

/// A clean session without keep-alive.
pub(crate) fn connect_packet(client_id: &str) -> Vec<u8> {
    let mut packet = vec![0x10, 12 + client_id.len() as u8, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];
    packet.extend((client_id.len() as u16).to_be_bytes());
    packet.extend(client_id.as_bytes());
    packet
}

/// A subscriber.
pub(crate) fn subscribe(address: SocketAddr, qos: u8) -> anyhow::Result<TcpStream> {
    let mut stream = connect(address, "bench-subscriber")?;
    let mut packet = vec![0x82, 5 + TOPIC.len() as u8, 0, 1];
    packet.extend((TOPIC.len() as u16).to_be_bytes());
    packet.extend(TOPIC.as_bytes());
    packet.push(qos);
    stream.write_all(&packet)?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    ensure!(answer == [0x90, 3, 0, 1, qos], "SUBACK {answer:?}");
    Ok(stream)
}

/// QoS 0 as fast as the sockets take it; every delivered byte is counted.
pub(crate) fn blast(
    address: SocketAddr,
    messages: usize,
    payload_bytes: usize,
    burst_bytes: usize,
) -> anyhow::Result<Outcome> {
    let packet = Packet::publish(0, payload_bytes).bytes;
    let expected = packet.len() * messages;
    let mut subscriber = subscribe(address, 0)?;
    let receiver = std::thread::spawn(move || drain(&mut subscriber, expected, |_| 0));
    let mut publisher = connect(address, "bench-publisher")?;
    let per_burst = (burst_bytes / packet.len()).max(1);
    let burst = packet.repeat(per_burst);
    let start = Instant::now();
    let mut left = messages;
    while left > 0 {
        let count = left.min(per_burst);
        publisher.write_all(&burst[..count * packet.len()])?;
        left -= count;
    }
    let received = receiver.join().map_err(|_| anyhow::anyhow!("the receiver panicked"))?;
    ensure!(received == expected, "{received} of {expected} bytes came");
    Ok(Outcome { seconds: start.elapsed().as_secs_f64(), count: messages })
}

/// QoS 1 with `window` publishes that are not acknowledged or not received yet, because both brokers acknowledge at
/// once and drop what piles up before a subscriber. The subscriber acknowledges what it gets.
pub(crate) fn assured(
    address: SocketAddr,
    messages: usize,
    payload_bytes: usize,
    window: usize,
) -> anyhow::Result<Outcome> {
    let packet = Packet::publish(1, payload_bytes);
    let mut subscriber = subscribe(address, 1)?;
    let (size, id_at) = (packet.bytes.len(), packet.id_at);
    let received = Arc::new((Mutex::new(0), Condvar::new()));
    let progress = received.clone();
    let receiver = std::thread::spawn(move || {
        let mut count = 0;
        let result = receive(&mut subscriber, size, id_at, messages, |packets| {
            count += packets.len() / size;
            *progress.0.lock().expect("no panic holds the lock") = count;
            progress.1.notify_one();
            Ok(())
        });
        // Whoever waits for more sees that none will come.
        *progress.0.lock().expect("no panic holds the lock") = usize::MAX;
        progress.1.notify_one();
        result.map(|()| count)
    });
    let mut publisher = connect(address, "bench-publisher")?;
    let mut ring = packet.bytes.repeat(window);
    for (message, id) in ring.chunks_mut(size).zip(1u16..) {
        message[id_at..id_at + 2].copy_from_slice(&id.to_be_bytes());
    }
    let start = Instant::now();
    let (mut sent, mut answered_bytes) = (0, 0);
    let mut buffer = [0; 16 << 10];
    while answered_bytes / 4 < messages {
        let seen = *received.0.lock().expect("no panic holds the lock");
        let mut room = (window - (sent - seen.min(answered_bytes / 4))).min(messages - sent);
        if room == 0 && answered_bytes / 4 == sent {
            let guard = received.0.lock().expect("no panic holds the lock");
            drop(received.1.wait_while(guard, |count| *count == seen));
            continue;
        }
        while room > 0 {
            let slot = sent % window;
            let run = room.min(window - slot);
            publisher.write_all(&ring[slot * size..(slot + run) * size])?;
            sent += run;
            room -= run;
        }
        let read = publisher.read(&mut buffer)?;
        ensure!(read > 0, "the server closed the connection");
        answered_bytes += read;
    }
    let received = receiver.join().map_err(|_| anyhow::anyhow!("the receiver panicked"))??;
    ensure!(received == messages, "{received} of {messages} came");
    Ok(Outcome { seconds: start.elapsed().as_secs_f64(), count: messages })
}

/// Reads this many publishes of one size and acknowledges them, all of one read together.
pub(crate) fn receive(
    stream: &mut TcpStream,
    packet_bytes: usize,
    id_at: usize,
    count: usize,
    mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    let (mut filled, mut received, mut answers) = (0, 0, Vec::new());
    while received < count {
        let read = stream.read(&mut buffer[filled..]).context("the subscriber waits")?;
        ensure!(read > 0, "the server closed the connection");
        filled += read;
        answers.clear();
        let whole = filled - filled % packet_bytes;
        for packet in buffer[..whole].chunks(packet_bytes) {
            ensure!(packet[0] & 0xf6 == 0x32, "packet type {:#x}", packet[0]);
            answers.extend([0x40, 2, packet[id_at], packet[id_at + 1]]);
        }
        take(&buffer[..whole])?;
        received += whole / packet_bytes;
        stream.write_all(&answers)?;
        buffer.copy_within(whole..filled, 0);
        filled -= whole;
    }
    Ok(())
}
