//! From publish to receive, open loop: a message is due every millisecond, and its time counts from when it was due.

use crate::kafka_client::{self, Client, batches};
use crate::mqtt_client::{self, Packet};
use crate::nats;
use crate::peers::{self, Jetstream, Wire};
use crate::process::Server;
use crate::table::Common;
use anyhow::Context;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Flags of this verb.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Measured seconds of each run.
    #[arg(long, default_value_t = 10)]
    seconds: usize,
    /// Seconds before those, which are not measured.
    #[arg(long, default_value_t = 3)]
    warm_up: usize,
}

const PER_SECOND: usize = 1000;
const PAYLOAD_BYTES: usize = 128;
const KAFKA_VALUE_BYTES: usize = 100;
/// A batch of one record of this size without key and headers ends with its value and the count of its headers.
const KAFKA_STAMP_FROM_END: usize = KAFKA_VALUE_BYTES + 1;

/// How one wire is driven.
type Drive = fn(SocketAddr, usize) -> anyhow::Result<Vec<Sample>>;

/// Starts a server.
type Start<'s> = &'s dyn Fn() -> anyhow::Result<Server>;

/// A message's times, from when it was due.
#[derive(Clone, Copy)]
struct Sample {
    received_ns: u64,
    /// How late the client itself woke.
    sent_ns: u64,
}

pub(crate) fn run(common: &Common, arguments: &Arguments) -> anyhow::Result<()> {
    println!(
        "Publish to receive at {PER_SECOND}/s, open loop, {} s; times count from when a message was due, so that they \
         hold the client's own lateness. Medians of {} runs.",
        arguments.seconds,
        common.rounds * 2
    );
    println!(
        "| case | stele ms p50 / p95 / p99 | peer ms p50 / p95 / p99 | client woke late, ms p50 / p99 |"
    );
    println!("|---|---|---|---|");
    let stored = ["--stream", "BENCH=bench.>"];
    let stele = |wire, more: &'static [&'static str]| move || peers::stele(common, wire, more);
    let rows: [(&str, Drive, Start<'_>, Start<'_>); 4] = [
        ("core NATS, 128 B", over_nats, &stele(Wire::Nats, &[]), &|| peers::nats(common, Jetstream::Off)),
        ("Kafka, 100 B, acks=all, linger 0", over_kafka, &stele(Wire::Kafka, &[]), &|| peers::kafka(common)),
        ("MQTT QoS 1, 128 B, not stored", over_mqtt, &stele(Wire::Mqtt, &[]), &|| {
            peers::mosquitto(common, Wire::Mqtt)
        }),
        (
            "MQTT QoS 1, 128 B, stored by stele",
            over_mqtt,
            &|| peers::stele(common, Wire::Mqtt, &stored),
            &|| peers::mosquitto(common, Wire::Mqtt),
        ),
    ];
    for (name, drive, ours, peer) in rows {
        let measure = |start: Start<'_>| -> anyhow::Result<Vec<Sample>> {
            let server = start()?;
            let samples = drive(server.address, (arguments.seconds + arguments.warm_up) * PER_SECOND)?;
            Ok(samples[arguments.warm_up * PER_SECOND..].to_vec())
        };
        let (mut our_runs, mut peer_runs) = (Vec::new(), Vec::new());
        for _ in 0..common.rounds {
            our_runs.push(measure(ours)?);
            if !common.alone {
                peer_runs.push(measure(peer)?);
                peer_runs.push(measure(peer)?);
            }
            our_runs.push(measure(ours)?);
        }
        let row = |runs: &[Vec<Sample>], percents: &[usize], of: fn(&Sample) -> u64| {
            let texts = percents.iter().map(|percent| format!("{:.2}", percentile(runs, *percent, of)));
            texts.collect::<Vec<_>>().join(" / ")
        };
        println!(
            "| {name} | {} | {} | {} |",
            row(&our_runs, &[50, 95, 99], |sample| sample.received_ns),
            row(&peer_runs, &[50, 95, 99], |sample| sample.received_ns),
            row(&our_runs, &[50, 99], |sample| sample.sent_ns),
        );
    }
    Ok(())
}

/// The median over the runs of a percentile, in milliseconds.
fn percentile(runs: &[Vec<Sample>], percent: usize, of: fn(&Sample) -> u64) -> f64 {
    let mut values: Vec<u64> = runs
        .iter()
        .map(|run| {
            let mut times: Vec<u64> = run.iter().map(of).collect();
            times.sort_unstable();
            times[times.len() * percent / 100]
        })
        .collect();
    values.sort_unstable();
    values.get(values.len() / 2).map_or(f64::NAN, |ns| *ns as f64 / 1e6)
}

/// When each message is due, and what happened to it.
struct Schedule {
    start: Instant,
}

impl Schedule {
    fn soon() -> Self {
        Self { start: Instant::now() + Duration::from_millis(50) }
    }

    fn due(&self, index: usize) -> Instant {
        self.start + Duration::from_secs(1) / PER_SECOND as u32 * index as u32
    }

    /// Sends each message when it is due; returns how late each was.
    fn send(
        &self,
        count: usize,
        mut send: impl FnMut(usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<Vec<u64>> {
        let mut late = Vec::with_capacity(count);
        for index in 0..count {
            let due = self.due(index);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            late.push(due.elapsed().as_nanos() as u64);
            send(index)?;
        }
        Ok(late)
    }
}

/// A receiver's notes; messages say their number in the first bytes of their payload.
struct Received {
    schedule_start: Instant,
    times: Vec<u64>,
}

impl Received {
    fn new(schedule: &Schedule) -> Self {
        Self { schedule_start: schedule.start, times: Vec::new() }
    }

    fn note(&mut self, payload: &[u8], now: Instant) -> anyhow::Result<()> {
        let number = payload.first_chunk().context("a number in the payload")?;
        let index = u64::from_be_bytes(*number) as usize;
        anyhow::ensure!(index == self.times.len(), "message {index} came instead of {}", self.times.len());
        let due = Schedule { start: self.schedule_start }.due(index);
        self.times.push(now.saturating_duration_since(due).as_nanos() as u64);
        Ok(())
    }
}

fn join(
    receiver: std::thread::JoinHandle<anyhow::Result<Received>>,
    late: Vec<u64>,
) -> anyhow::Result<Vec<Sample>> {
    let received = receiver.join().map_err(|_| anyhow::anyhow!("the receiver panicked"))??;
    let sample = |(received_ns, sent_ns)| Sample { received_ns, sent_ns };
    Ok(received.times.into_iter().zip(late).map(sample).collect())
}

fn over_nats(address: SocketAddr, count: usize) -> anyhow::Result<Vec<Sample>> {
    let mut subscriber = nats::connect(address)?;
    nats::subscribe(&mut subscriber, "bench.latency")?;
    let mut publisher = nats::connect(address)?;
    let head = format!("MSG bench.latency 1 {PAYLOAD_BYTES}\r\n");
    let (payload_at, size) = (head.len(), head.len() + PAYLOAD_BYTES + 2);
    let schedule = Schedule::soon();
    let mut received = Received::new(&schedule);
    let receiver = std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        let mut filled = 0;
        while received.times.len() < count {
            let read = subscriber.read(&mut buffer[filled..])?;
            anyhow::ensure!(read > 0, "the server closed the connection");
            filled += read;
            let (now, mut at) = (Instant::now(), 0);
            loop {
                let rest = &buffer[at..filled];
                if rest.starts_with(nats::PING) {
                    at += nats::PING.len();
                } else if rest.len() >= size {
                    received.note(&rest[payload_at..], now)?;
                    at += size;
                } else {
                    break;
                }
            }
            buffer.copy_within(at..filled, 0);
            filled -= at;
        }
        Ok(received)
    });
    let head = format!("PUB bench.latency {PAYLOAD_BYTES}\r\n");
    let mut message = format!("{head}{}\r\n", "x".repeat(PAYLOAD_BYTES)).into_bytes();
    let late = schedule.send(count, |index| {
        message[head.len()..head.len() + 8].copy_from_slice(&(index as u64).to_be_bytes());
        Ok(publisher.write_all(&message)?)
    })?;
    join(receiver, late)
}

fn over_mqtt(address: SocketAddr, count: usize) -> anyhow::Result<Vec<Sample>> {
    let mut subscriber = mqtt_client::subscribe(address, 1)?;
    let mut publisher = mqtt_client::connect(address, "bench-publisher")?;
    let mut packet = Packet::publish(1, PAYLOAD_BYTES);
    let (size, id_at, payload_at) = (packet.bytes.len(), packet.id_at, packet.payload_at);
    let schedule = Schedule::soon();
    let mut received = Received::new(&schedule);
    let receiver = std::thread::spawn(move || {
        mqtt_client::receive(&mut subscriber, size, id_at, count, |packets| {
            let now = Instant::now();
            packets.chunks(size).try_for_each(|packet| received.note(&packet[payload_at..], now))
        })?;
        Ok(received)
    });
    let answers = drain_behind(publisher.try_clone()?);
    let late = schedule.send(count, |index| {
        let id = (index % 65_535) as u16 + 1;
        packet.bytes[id_at..id_at + 2].copy_from_slice(&id.to_be_bytes());
        packet.bytes[payload_at..payload_at + 8].copy_from_slice(&(index as u64).to_be_bytes());
        Ok(publisher.write_all(&packet.bytes)?)
    })?;
    let samples = join(receiver, late);
    publisher.shutdown(std::net::Shutdown::Both)?;
    let _ = answers.join();
    samples
}

fn over_kafka(address: SocketAddr, count: usize) -> anyhow::Result<Vec<Sample>> {
    const TOPIC: &str = "bench-latency";
    let mut client = Client::connect(address)?;
    client.greet()?;
    client.create(TOPIC)?;
    let mut consumer = Client::connect(address)?;
    consumer.greet()?;
    let schedule = Schedule::soon();
    let mut received = Received::new(&schedule);
    let receiver = std::thread::spawn(move || {
        while received.times.len() < count {
            let (code, bytes) = consumer.fetch(TOPIC, received.times.len(), 1)?;
            anyhow::ensure!(code == stele_kafka::codec::ErrorCode::None, "fetch: {code:?}");
            let now = Instant::now();
            for batch in batches(&bytes) {
                received.note(&batch[batch.len() - KAFKA_STAMP_FROM_END..], now)?;
            }
        }
        Ok(received)
    });
    // The checksum covers the number, so every request is made before the first is due.
    let requests = (0..count).map(|index| {
        let mut value = vec![b'x'; KAFKA_VALUE_BYTES];
        value[..8].copy_from_slice(&(index as u64).to_be_bytes());
        Ok(kafka_client::produce_request(TOPIC, &kafka_client::batch_of(&[value])?))
    });
    let requests: Vec<Vec<u8>> = requests.collect::<anyhow::Result<_>>()?;
    let mut producer = client.stream;
    let answers = drain_behind(producer.try_clone()?);
    let late = schedule.send(count, |index| Ok(producer.write_all(&requests[index])?))?;
    let samples = join(receiver, late);
    producer.shutdown(std::net::Shutdown::Both)?;
    let _ = answers.join();
    samples
}

/// Reads answers away until the connection ends.
fn drain_behind(mut stream: TcpStream) -> std::thread::JoinHandle<usize> {
    std::thread::spawn(move || nats::drain(&mut stream, usize::MAX, |_| 0))
}
