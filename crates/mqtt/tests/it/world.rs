//! Sessions joined in memory over the real core: router, store, a journal whose durability is moved by hand.

use std::fmt::Write;
use std::io::IoSlice;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use stele_core::store::{Answer, Caller, Settings, Store};
use stele_core::{Attended, Connection, Core, MemoryJournal, Nowhere, Outlet, Router, Scratch};
use stele_model::{
    Close, Now, Outcome, Request, Session, StreamCommand, StreamName, StreamReply, StreamSpec, Ticket,
};
use stele_mqtt::codec::{Connect, Decoder, Packet, Properties, Property, PropertyBuffer, Step};
use stele_mqtt::{MqttSession, MqttSettings, Version, WillSession};

pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) settings: Arc<MqttSettings>,
    pub(crate) journal: Arc<MemoryJournal>,
    store: Arc<Store>,
    core: Arc<Core>,
    clients: Vec<Client>,
    scratch: Scratch,
}

struct Client {
    connection: Connection,
    outlet: Arc<Buffer>,
    decoder: Option<Decoder>,
    version: Version,
    carried: Vec<u8>,
    closed: Option<Close>,
}

#[derive(Default)]
struct Buffer(Mutex<Vec<u8>>);

impl Outlet for Buffer {
    fn send(&self, bytes: &[u8]) -> usize {
        self.0.lock().expect("no panic holds the lock").extend_from_slice(bytes);
        0
    }

    fn send_pieces(&self, pieces: &[IoSlice<'_>]) -> usize {
        pieces.iter().for_each(|piece| {
            self.send(piece);
        });
        0
    }

    fn wake(&self) {}

    fn queued(&self) -> usize {
        0
    }

    fn await_room(&self, _: &Waker) -> bool {
        false
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(MqttSettings::default())
    }

    pub(crate) fn with(settings: MqttSettings) -> Self {
        let now = Now { monotonic_ns: 1_000_000_000, wall_ns: 1_700_000_000_000_000_000 };
        Self::over(Arc::new(MemoryJournal::default()), now, settings)
    }

    fn over(journal: Arc<MemoryJournal>, now: Now, settings: MqttSettings) -> Self {
        let router = Arc::new(Router::default());
        let replay = journal.replay();
        let store = Store::open(journal.clone(), router.clone(), Settings::default(), now, replay)
            .expect("what was written can be replayed");
        let store = Arc::new(store);
        let core = Arc::new(Core::new(router, store.clone(), journal.clone(), Box::new(|| 7)));
        let settings = Arc::new(settings);
        let mut world =
            Self { now, settings, journal, store, core, clients: Vec::new(), scratch: Scratch::new(1) };
        world.attach(Box::new(WillSession::default()), Version::V5);
        world.settle();
        world
    }

    /// The process ends without a word, and starts again with what was durable.
    pub(crate) fn crash(self) -> Self {
        let settings = (*self.settings).clone();
        Self::over(self.journal, self.now, settings)
    }

    fn attach(&mut self, session: Box<dyn Session>, version: Version) -> usize {
        let outlet = Arc::new(Buffer::default());
        let link = self.core.link(outlet.clone());
        let connection = Connection::new(self.core.clone(), link, session);
        let client = Client { connection, outlet, decoder: None, version, carried: Vec::new(), closed: None };
        self.clients.push(client);
        let index = self.clients.len() - 1;
        self.scratch.reset();
        let opened = self.clients[index].connection.open(self.now, &mut self.scratch);
        assert_eq!(opened, Ok(()));
        self.flush(index);
        index
    }

    /// A connection that has said nothing yet.
    pub(crate) fn join(&mut self, version: Version) -> usize {
        let session = Box::new(MqttSession::new(self.settings.clone()));
        self.attach(session, version)
    }

    /// A client after CONNACK; `properties` are those of CONNECT.
    pub(crate) fn connect(
        &mut self,
        id: &str,
        version: Version,
        clean: bool,
        properties: &[Property<'_>],
    ) -> usize {
        let index = self.join(version);
        let properties = list(properties);
        self.say(index, &Packet::Connect(connect(id, version, clean, properties.as_properties())));
        index
    }

    pub(crate) fn say(&mut self, index: usize, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.clients[index].version, &mut bytes).expect("it fits");
        self.say_bytes(index, &bytes);
    }

    /// What the client says arrives, and nothing is committed yet.
    pub(crate) fn say_uncommitted(&mut self, index: usize, packet: &Packet<'_>) {
        let client = &mut self.clients[index];
        packet.encode(client.version, &mut client.carried).expect("it fits");
        self.feed(index);
    }

    pub(crate) fn create(&mut self, spec: StreamSpec) {
        self.command(StreamCommand::Create(Box::new(spec)));
    }

    pub(crate) fn purge(&mut self, name: &str) {
        let (stream, partition, filter, below, keep) = (StreamName::new(name), None, None, None, None);
        self.command(StreamCommand::Purge { stream, partition, filter, below, keep, by_client: false });
    }

    /// How many records the stream has ever had.
    pub(crate) fn end_of(&mut self, name: &str) -> u64 {
        let info = self.command(StreamCommand::Info(StreamName::new(name))).into_info().expect("a stream");
        info.partitions[0].end
    }

    fn command(&mut self, command: StreamCommand) -> StreamReply {
        let caller = Caller { link: self.core.link(Arc::new(Nowhere)), ticket: Ticket(1) };
        let answer = self.store.request(self.now, &caller, Request::Stream(command));
        self.settle();
        match answer {
            Answer::Ready { outcome: Outcome::Stream(reply), .. } => reply,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn say_bytes(&mut self, index: usize, bytes: &[u8]) {
        if self.clients[index].closed.is_some() {
            return;
        }
        self.clients[index].carried.extend_from_slice(bytes);
        self.feed(index);
        self.settle();
    }

    fn feed(&mut self, index: usize) {
        self.scratch.reset();
        let client = &mut self.clients[index];
        let input = std::mem::take(&mut client.carried);
        let (used, _) = client.connection.receive(self.now, &input, &mut self.scratch);
        self.flush(index);
        match used {
            Ok(used) => self.clients[index].carried = input[used..].to_vec(),
            Err(close) => self.end(index, close),
        }
    }

    /// The connection is lost, or ended by its session.
    pub(crate) fn end(&mut self, index: usize, why: Close) {
        if self.clients[index].closed.is_some() {
            return;
        }
        self.scratch.reset();
        self.clients[index].connection.close(self.now, &why, &mut self.scratch);
        self.flush(index);
        self.clients[index].closed = Some(why);
        self.settle();
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now.monotonic_ns += seconds * 1_000_000_000;
        self.now.wall_ns += seconds * 1_000_000_000;
        self.store.wake(self.now);
        self.settle();
    }

    /// Commits, and lets everybody look, until nothing happens any more.
    pub(crate) fn settle(&mut self) {
        for _ in 0..20 {
            self.journal.sync();
            self.store.settle(self.now);
            self.core.committed();
            for index in 0..self.clients.len() {
                if self.clients[index].closed.is_some() {
                    continue;
                }
                self.scratch.reset();
                let attended = self.clients[index].connection.attend(self.now, &mut self.scratch);
                self.flush(index);
                match attended {
                    Ok(Attended::Settled | Attended::More) => {
                        if !self.clients[index].carried.is_empty()
                            && self.clients[index].connection.is_ready()
                        {
                            self.feed(index);
                        }
                    }
                    Err(close) => self.end(index, close),
                }
            }
        }
    }

    fn flush(&mut self, index: usize) {
        let pieces = self.scratch.output.pieces();
        if !pieces.is_empty() {
            self.clients[index].outlet.send_pieces(&pieces);
        }
        self.scratch.output.clear();
    }

    pub(crate) fn closed(&self, index: usize) -> Option<&Close> {
        self.clients[index].closed.as_ref()
    }

    /// What the client got since it was asked last, a line for each packet.
    pub(crate) fn heard(&mut self, index: usize) -> String {
        let client = &mut self.clients[index];
        let bytes = std::mem::take(&mut *client.outlet.0.lock().expect("no panic holds the lock"));
        let version = client.version;
        let decoder = client.decoder.get_or_insert_with(|| Decoder::for_client(version, u32::MAX));
        let mut text = String::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            match decoder.next(rest) {
                Ok(Step::Packet { packet, consumed }) => {
                    show(&packet, &mut text);
                    text.push('\n');
                    rest = &rest[consumed..];
                }
                other => panic!("the broker sent {rest:?}: {other:?}"),
            }
        }
        text
    }
}

pub(crate) fn connect<'a>(
    id: &'a str,
    version: Version,
    clean: bool,
    properties: Properties<'a>,
) -> Connect<'a> {
    Connect {
        version,
        clean_start: clean,
        keep_alive_seconds: 0,
        client_id: id,
        will: None,
        user_name: None,
        password: None,
        properties,
    }
}

pub(crate) fn list(properties: &[Property<'_>]) -> PropertyBuffer {
    let mut buffer = PropertyBuffer::new();
    for property in properties {
        buffer.push(*property).expect("a good property");
    }
    buffer
}

fn show(packet: &Packet<'_>, out: &mut String) {
    let properties =
        |list: Properties<'_>| -> String { list.iter().map(|property| format!(" {property:?}")).collect() };
    let written = match packet {
        Packet::ConnAck(packet) => write!(
            out,
            "CONNACK {:02x} present={}{}",
            packet.reason.0,
            packet.session_present,
            properties(packet.properties)
        ),
        Packet::Publish(packet) => write!(
            out,
            "PUBLISH {} q{}{}{}{} {:?}{}",
            packet.topic.map_or("-", |topic| topic.as_str()),
            packet.qos.bits(),
            packet.packet_id.map(|id| format!(" #{id}")).unwrap_or_default(),
            if packet.duplicate { " dup" } else { "" },
            if packet.retain { " retain" } else { "" },
            String::from_utf8_lossy(packet.payload),
            properties(packet.properties)
        ),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            write!(out, "{:?} #{} {:02x}", packet.packet_type(), ack.packet_id, ack.reason.0)
        }
        Packet::SubAck(packet) => write!(out, "SUBACK #{} {:02x?}", packet.packet_id, packet.codes),
        Packet::UnsubAck(packet) => write!(out, "UNSUBACK #{} {:02x?}", packet.packet_id, packet.codes),
        Packet::Disconnect(packet) => write!(out, "DISCONNECT {:02x}", packet.reason.0),
        other => write!(out, "{:?}", other.packet_type()),
    };
    written.expect("writing to a string does not fail");
}
