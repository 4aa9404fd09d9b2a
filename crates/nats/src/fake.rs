//! A broker for tests: sessions joined in memory, subscriptions in a list, one stream that acknowledges.

use crate::{NatsSession, NatsSettings};
use bumpalo::Bump;
use std::sync::Arc;
use stele_model::{
    AppendReply, Close, ConnectionId, Error, Filter, Format, Message, Now, Order, Outcome, Port, Publish,
    Published, Request, Session, StreamName, Subscribe, SubscribeDelivery, SubscriptionId, Ticket, Turn,
};

/// The sessions and what they share.
pub(crate) struct World {
    pub(crate) now: Now,
    sessions: Vec<NatsSession>,
    /// Bytes that a session has not used yet.
    carried: Vec<Vec<u8>>,
    pub(crate) shared: Shared,
}

/// What the port reaches.
#[derive(Default)]
pub(crate) struct Shared {
    subscriptions: Vec<Subscription>,
    out: Vec<Vec<u8>>,
    pub(crate) published: Vec<String>,
    /// Subjects that a stream stores, and its name; `None`: stored without an acknowledging stream.
    pub(crate) capture: Option<(Filter, Option<StreamName>)>,
    tickets: u64,
    stored: u64,
    open: Vec<(usize, Ticket, Outcome)>,
}

struct Subscription {
    connection: usize,
    id: SubscriptionId,
    filter: Filter,
    group: Option<Arc<[u8]>>,
    format: Arc<dyn Format>,
    delivered: u64,
    deliveries_max: u64,
}

impl World {
    /// So many open connections, INFO already read.
    pub(crate) fn new(connections: usize) -> Self {
        Self::with(connections, NatsSettings::default())
    }

    pub(crate) fn with(connections: usize, settings: NatsSettings) -> Self {
        let settings = Arc::new(settings);
        let peer = std::net::IpAddr::from([127, 0, 0, 1]);
        let mut world = Self {
            now: Now::default(),
            sessions: (0..connections).map(|_| NatsSession::new(settings.clone(), peer)).collect(),
            carried: vec![Vec::new(); connections],
            shared: Shared { out: vec![Vec::new(); connections], ..Shared::default() },
        };
        for connection in 0..connections {
            world.drive(connection, |session, now, turn| session.open(now, turn)).expect("a session opens");
            let info = world.heard(connection);
            assert!(info.starts_with(b"INFO {") && info.ends_with(b"} \r\n"));
        }
        world
    }

    /// Bytes from the peer; says how the connection ended, if it did.
    pub(crate) fn say(&mut self, connection: usize, bytes: &[u8]) -> Result<(), Close> {
        let mut input = std::mem::take(&mut self.carried[connection]);
        input.extend_from_slice(bytes);
        if input.len() < self.sessions[connection].wants() {
            self.carried[connection] = input;
            return Ok(());
        }
        let arena = Bump::new();
        let mut port = FakePort { shared: &mut self.shared, connection };
        let session = &mut self.sessions[connection];
        let used = session.receive(self.now, &input, &mut Turn::new(&arena, &mut port))?;
        assert!(used <= input.len());
        assert!(used == input.len() || session.wants() > input.len() - used, "the session waits for more");
        self.carried[connection] = input.split_off(used);
        Ok(())
    }

    /// What the peer was sent since it was last asked.
    pub(crate) fn heard(&mut self, connection: usize) -> Vec<u8> {
        std::mem::take(&mut self.shared.out[connection])
    }

    /// The stream's answers come.
    pub(crate) fn complete(&mut self) {
        for (connection, ticket, outcome) in std::mem::take(&mut self.shared.open) {
            self.drive(connection, |session, now, turn| session.complete(now, ticket, outcome, turn))
                .expect("an acknowledgement ends nothing");
        }
    }

    /// Any other input of a session.
    pub(crate) fn drive<R>(
        &mut self,
        connection: usize,
        call: impl FnOnce(&mut NatsSession, Now, &mut Turn<'_, '_>) -> R,
    ) -> R {
        let arena = Bump::new();
        let mut port = FakePort { shared: &mut self.shared, connection };
        call(&mut self.sessions[connection], self.now, &mut Turn::new(&arena, &mut port))
    }
}

struct FakePort<'w> {
    shared: &'w mut Shared,
    connection: usize,
}

impl<'a> Port<'a> for FakePort<'_> {
    fn send(&mut self) -> &mut Vec<u8> {
        &mut self.shared.out[self.connection]
    }

    fn send_shared(&mut self, bytes: bytes::Bytes) {
        self.send().extend_from_slice(&bytes);
    }

    fn publish(&mut self, publish: Publish<'a>) -> Published {
        let Shared { subscriptions, out, published, .. } = &mut *self.shared;
        published.push(format!("{} {:?}", publish.subject.escape_ascii(), publish.headers));
        let message = Message {
            subject: publish.subject,
            reply: publish.reply,
            headers: publish.headers,
            payload: publish.payload,
            quality: publish.quality,
            retain: publish.retain,
            from: ConnectionId(self.connection as u64),
        };
        let mut received = publish.answered;
        let mut groups: Vec<Arc<[u8]>> = Vec::new();
        for subscription in subscriptions.iter_mut() {
            let own = publish.no_echo && subscription.connection == self.connection;
            if own || !subscription.filter.matches(publish.subject) {
                continue;
            }
            if let Some(group) = &subscription.group {
                if groups.contains(group) {
                    continue;
                }
                groups.push(group.clone());
            }
            received = true;
            subscription.delivered += 1;
            subscription.format.encode(&[message], &mut out[subscription.connection]);
        }
        subscriptions.retain(|subscription| subscription.delivered < subscription.deliveries_max);
        Published { received, ticket: self.store(&publish) }
    }

    fn request(&mut self, _request: Request, _order: Order) -> Ticket {
        self.shared.tickets += 1;
        Ticket(self.shared.tickets)
    }

    fn cancel(&mut self, _ticket: Ticket) {}

    fn subscribe(&mut self, subscribe: Subscribe) {
        self.unsubscribe(subscribe.id);
        let SubscribeDelivery::Encoded(format) = subscribe.delivery else { panic!("NATS is always encoded") };
        self.shared.subscriptions.push(Subscription {
            connection: self.connection,
            id: subscribe.id,
            filter: subscribe.filter,
            group: subscribe.group,
            format,
            delivered: 0,
            deliveries_max: u64::MAX,
        });
    }

    fn unsubscribe(&mut self, id: SubscriptionId) {
        let connection = self.connection;
        self.shared.subscriptions.retain(|one| one.connection != connection || one.id != id);
    }

    fn unsubscribe_after(&mut self, id: SubscriptionId, deliveries: u64) {
        let connection = self.connection;
        for one in &mut self.shared.subscriptions {
            if one.connection == connection && one.id == id {
                one.deliveries_max = deliveries;
            }
        }
        self.shared.subscriptions.retain(|one| one.delivered < one.deliveries_max);
    }

    fn is_subscribed(&mut self, id: SubscriptionId) -> bool {
        self.own().any(|one| one.id == id)
    }

    fn subscriptions(&mut self) -> usize {
        self.own().count()
    }

    fn own_subscription(&mut self, subject: &[u8]) -> Option<SubscriptionId> {
        self.own().find(|one| one.group.is_none() && one.filter.matches(subject)).map(|one| one.id)
    }

    fn has_receivers(&mut self, subject: &[u8]) -> bool {
        self.shared.subscriptions.iter().any(|one| one.filter.matches(subject))
    }

    fn watch(&mut self, _subject: &[u8], _on: bool) {}

    fn random(&mut self) -> u64 {
        7
    }

    fn connection(&self) -> ConnectionId {
        ConnectionId(self.connection as u64)
    }
}

impl FakePort<'_> {
    fn own(&self) -> impl Iterator<Item = &Subscription> {
        self.shared.subscriptions.iter().filter(|one| one.connection == self.connection)
    }

    fn store(&mut self, publish: &Publish<'_>) -> Option<Ticket> {
        let (filter, stream) = self.shared.capture.as_ref()?;
        if !publish.ack || !filter.matches(publish.subject) {
            return None;
        }
        let outcome = if publish.payload == Some(b"refuse") {
            Outcome::Failed(Error::DiskFull)
        } else {
            Outcome::Appended(AppendReply {
                stream: stream.clone(),
                first: self.shared.stored,
                ..AppendReply::default()
            })
        };
        self.shared.stored += 1;
        self.shared.tickets += 1;
        let ticket = Ticket(self.shared.tickets);
        self.shared.open.push((self.connection, ticket, outcome));
        Some(ticket)
    }
}
