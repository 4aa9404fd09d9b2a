//! Clients of every wire that go about their business meanwhile: each does one exchange after the other, and none may fail
//! or take long.

use crate::binary::Binary;
use crate::mqtt::{Mqtt, Packet};
use crate::nats::Nats;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest exchange, also on a machine that builds something else.
const EXCHANGE_TIME_MAX: Duration = Duration::from_secs(10);
/// Between two exchanges.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) struct Witnesses {
    stop: Arc<AtomicBool>,
    all: Vec<Witness>,
}

struct Witness {
    name: &'static str,
    exchanges: Arc<AtomicU64>,
    /// Returns the longest exchange.
    thread: JoinHandle<Duration>,
}

impl Witnesses {
    pub(super) fn start(binary: &Binary) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let all = vec![
            Witness::start("NATS", &stop, nats(binary.address("nats"))),
            Witness::start("Kafka", &stop, kafka(binary.address("kafka"))),
            Witness::start("MQTT", &stop, mqtt(binary.address("mqtt"))),
            Witness::start("HTTP", &stop, http(binary.address("http"))),
        ];
        Self { stop, all }
    }

    /// Until each has done this many more exchanges.
    pub(super) fn wait_for(&self, more: u64) {
        for witness in &self.all {
            let until = witness.exchanges.load(Ordering::Relaxed) + more;
            while witness.exchanges.load(Ordering::Relaxed) < until {
                assert!(!witness.thread.is_finished(), "the witness on {} gave up", witness.name);
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Ends them; says what they did.
    pub(super) fn finish(self) -> String {
        self.stop.store(true, Ordering::Release);
        let end = |witness: Witness| {
            let longest = witness.thread.join().unwrap_or_else(|_| panic!("{} was harmed", witness.name));
            format!(
                "{}: {} exchanges, longest {longest:?}",
                witness.name,
                witness.exchanges.load(Ordering::Relaxed)
            )
        };
        self.all.into_iter().map(end).collect::<Vec<_>>().join("; ")
    }
}

impl Witness {
    fn start(
        name: &'static str,
        stop: &Arc<AtomicBool>,
        mut exchange: impl FnMut() + Send + 'static,
    ) -> Self {
        let (stop, exchanges) = (stop.clone(), Arc::new(AtomicU64::new(0)));
        let count = exchanges.clone();
        let thread = std::thread::spawn(move || {
            let mut longest = Duration::ZERO;
            while !stop.load(Ordering::Acquire) {
                let began = Instant::now();
                exchange();
                longest = longest.max(began.elapsed());
                assert!(longest < EXCHANGE_TIME_MAX, "an exchange on {name} took {longest:?}");
                count.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(PAUSE);
            }
            longest
        });
        Self { name, exchanges, thread }
    }
}

/// A message to oneself.
fn nats(address: SocketAddr) -> impl FnMut() + Send {
    let mut nats = Nats::connect(address).expect("it accepts");
    move || {
        nats.ask("in.1", "to myself").expect("it reads");
        assert_eq!(nats.answer().expect("it comes back").2, "to myself");
    }
}

/// A durable record.
fn kafka(address: SocketAddr) -> impl FnMut() + Send {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", address.to_string())
        .set("linger.ms", "0")
        .set("message.send.max.retries", "0")
        .create()
        .expect("a producer");
    move || {
        let record: BaseRecord<'_, str, str> = BaseRecord::to("witness").payload("a record");
        producer.send(record).map_err(|(error, _)| error).expect("the queue has room");
        producer.flush(EXCHANGE_TIME_MAX).expect("it is stored");
    }
}

/// A message with QoS 1.
fn mqtt(address: SocketAddr) -> impl FnMut() + Send {
    let (mut mqtt, _) = Mqtt::connect(address, "witness").expect("it accepts");
    move || {
        let publish = Packet::Publish {
            topic: "witness/mqtt".into(),
            quality: 1,
            again: false,
            id: 1,
            payload: "a message".into(),
        };
        mqtt.send(&publish).expect("it reads");
        let answer = mqtt.receive(EXCHANGE_TIME_MAX).expect("it answers");
        assert!(matches!(answer, Some(Packet::PubAck(1))), "{answer:?}");
    }
}

/// Is it well?
fn http(address: SocketAddr) -> impl FnMut() + Send {
    move || {
        let mut socket = TcpStream::connect(address).expect("it accepts");
        socket.set_read_timeout(Some(EXCHANGE_TIME_MAX)).expect("a time");
        socket
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("it reads");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
