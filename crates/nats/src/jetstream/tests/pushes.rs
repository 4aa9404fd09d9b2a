//! Push consumers: interest, window, heartbeats.

use super::super::PushSession;
use super::{FakePort, NOW, cursor_info, delivered, plain_cursor};
use bumpalo::Bump;
use bytes::Bytes;
use std::sync::Arc;
use stele_model::{
    ConnectionId, CursorReply, CursorSpec, Delivered, Delivery, DeliveryEnd, Handed, Message, Now, Outcome,
    Publish, Push, Quality, Session, Ticket, Turn,
};

struct World {
    session: PushSession,
    port: FakePort,
    now: Now,
}

impl World {
    /// A broker with one push consumer.
    fn new(push: Push, deaf: bool) -> Self {
        let mut world =
            Self { session: PushSession::new(), port: FakePort { deaf, ..FakePort::default() }, now: NOW };
        world.call(|session, now, turn| session.open(now, turn));
        let spec = CursorSpec { push: Some(push), ..plain_cursor("P") };
        let reply = CursorReply::Push { info: Box::new(cursor_info(spec)), alive: true };
        world.call(|session, now, turn| session.complete(now, Ticket(1), Outcome::Cursor(reply), turn));
        world
    }

    fn call(
        &mut self,
        input: impl FnOnce(&mut PushSession, Now, &mut Turn<'_, '_>) -> Result<(), stele_model::Close>,
    ) -> Vec<String> {
        let arena = Bump::new();
        input(&mut self.session, self.now, &mut Turn::new(&arena, &mut self.port)).expect("it lives on");
        std::mem::take(&mut self.port.published)
    }

    fn deliver(&mut self, records: Vec<Delivered>, end: Option<DeliveryEnd>) -> Vec<String> {
        let ticket = self.port.requests.last().expect("a pull").0;
        let delivery = Delivery { records, end, ..Delivery::default() };
        self.call(|session, now, turn| session.complete(now, ticket, Outcome::Delivered(delivery), turn))
    }

    fn pulls(&self) -> usize {
        self.port.requests.iter().filter(|(_, request)| format!("{request:?}").contains("Pull(")).count()
    }

    fn wake(&mut self, later_ns: u64) -> Vec<String> {
        self.now.monotonic_ns += later_ns;
        self.call(|session, now, turn| session.wake(now, turn))
    }
}

fn push(flow_control: bool, heartbeat_ns: u64) -> Push {
    Push { subject: b"dl.1".to_vec(), group: None, flow_control, heartbeat_ns, rate_bps: 0 }
}

fn large(number: u64) -> Delivered {
    let mut large = delivered(number - 1, number, 0);
    large.record.value = Some(Bytes::from(vec![b'x'; 1 << 20]));
    large
}

#[test]
fn waits_for_a_receiver() {
    let mut world = World::new(push(false, 0), true);
    assert_eq!(world.pulls(), 0);
    assert_eq!(world.session.deadline(), None);
    world.port.deaf = false;
    world.wake(1);
    assert_eq!(world.pulls(), 1);
    let published = world.deliver(vec![delivered(0, 1, 3)], None);
    assert_eq!(published, ["dl.1 => s.a $JS.ACK.S.P.1.1.1.1795354188943185102.3  m0"]);
    world.port.deaf = true;
    world.deliver(vec![delivered(1, 2, 2)], None);
    assert_eq!(world.port.cancelled.len(), 1, "the receiver left");
    assert!(format!("{:?}", world.port.requests.last()).contains("Again(None)"), "and its record goes back");
}

#[test]
fn heartbeats_tell_the_last_delivery() {
    let mut world = World::new(push(false, 500), false);
    world.deliver(vec![delivered(3, 4, 0)], None);
    assert_eq!(world.session.deadline(), Some(world.now.monotonic_ns + 500));
    assert!(world.wake(499).is_empty());
    let beat = "dl.1  NATS/1.0 100 Idle Heartbeat|Nats-Last-Consumer: 4|Nats-Last-Stream: 4||";
    assert_eq!(world.wake(1), [beat]);
    assert_eq!(world.wake(500), [beat]);
}

#[test]
fn a_full_window_waits_for_its_answer() {
    let mut world = World::new(push(true, 500), false);
    let first = world.deliver(vec![large(1)], None);
    assert_eq!(first.len(), 2, "the record, and a request at half a window");
    assert_eq!(first[1], "dl.1 $JS.FC.S.P.1 NATS/1.0 100 FlowControl Request||");
    let pulls = world.pulls();
    world.deliver(vec![large(2)], Some(DeliveryEnd::Complete));
    assert_eq!(world.pulls(), pulls, "nothing more is pulled");
    let stalled = world.wake(500);
    assert!(stalled[0].ends_with("|Nats-Consumer-Stalled: $JS.FC.S.P.1||"), "{stalled:?}");
    let answer = Publish::new(b"$JS.FC.S.P.1", b"");
    let message = Message {
        subject: answer.subject,
        reply: answer.reply,
        headers: answer.headers,
        payload: answer.payload,
        quality: Quality::AtMostOnce,
        retain: false,
        from: ConnectionId(3),
    };
    let handed = Arc::new(Handed::new(&message, 0));
    world.call(|session, now, turn| session.deliver(now, &handed, &[], turn));
    assert_eq!(world.pulls(), pulls + 1, "the answer frees the window");
}

#[test]
fn a_rate_spaces_the_pulls() {
    let mut world = World::new(Push { rate_bps: 8_000, ..push(false, 0) }, false);
    world.deliver(vec![delivered(0, 1, 1)], Some(DeliveryEnd::Complete));
    assert_eq!(world.pulls(), 1);
    let due = world.session.deadline().expect("it goes on later");
    assert!(due > world.now.monotonic_ns + 40_000_000, "about 45 bytes at 1000 bytes/s");
    world.wake(due - world.now.monotonic_ns);
    assert_eq!(world.pulls(), 2);
}

#[test]
fn a_cursor_that_goes_is_forgotten() {
    let mut world = World::new(push(false, 500), false);
    let spec = CursorSpec { push: Some(push(false, 500)), ..plain_cursor("P") };
    let reply = CursorReply::Push { info: Box::new(cursor_info(spec)), alive: false };
    world.call(|session, now, turn| session.complete(now, Ticket(1), Outcome::Cursor(reply), turn));
    assert_eq!(world.session.deadline(), None);
    assert_eq!(world.port.cancelled.len(), 1);
}
