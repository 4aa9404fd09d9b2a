//! A session fed with arbitrary bytes, by a core that answers anything.

use crate::{KafkaService, KafkaSession, KafkaSettings};
use bumpalo::Bump;
use std::collections::VecDeque;
use std::sync::Arc;
use stele_model::{
    AppendReply, Close, ConnectionId, Error, GroupReply, Now, Order, Outcome, Port, Publish, Published,
    ReadReply, Request, Session, StreamCommand, StreamReply, Subscribe, SubscriptionId, Ticket, Turn,
};

/// Bytes of responses after which the target ends: a short input may ask for many.
const OUT_BYTES_MAX: usize = 64 << 20;

/// A core that stores nothing.
#[derive(Default)]
struct Core {
    out: Vec<u8>,
    asked: VecDeque<(Ticket, Outcome)>,
    tickets: u64,
    /// Decides between success and failure.
    mood: u8,
}

/// Feeds a session: the first byte seeds the core's answers and how the rest is cut.
pub fn fuzz_session(data: &[u8]) {
    let Some((seed, input)) = data.split_first() else { return };
    let settings =
        KafkaSettings { produce_bytes_max: 1 << 20, request_bytes_max: 1 << 20, ..Default::default() };
    let bound = settings.request_bytes_max.max(settings.produce_bytes_max) + 4;
    let local = ([127, 0, 0, 1], 9092).into();
    let mut session = KafkaSession::new(Arc::new(KafkaService::new(settings)), [127, 0, 0, 1].into(), local);
    let mut core = Core { mood: *seed, ..Core::default() };
    let step = usize::from(*seed) + 1;
    let (mut from, mut to) = (0, 0);
    while to < input.len() && core.out.len() < OUT_BYTES_MAX {
        to = (to + step).min(input.len());
        let arena = Bump::new();
        let used = session.receive(now(), &input[from..to], &mut Turn::new(&arena, &mut core));
        let Ok(used) = used else { return close(session, core) };
        from += used;
        assert!(from <= to, "more was used than there was");
        assert!(session.wants() <= bound, "no frame may be so large");
        if answer(&mut session, &mut core).is_err() {
            return close(session, core);
        }
    }
    close(session, core);
}

/// Answers what was asked, some of it later.
fn answer(session: &mut KafkaSession, core: &mut Core) -> Result<(), Close> {
    while let Some((ticket, outcome)) = core.asked.pop_front() {
        let arena = Bump::new();
        session.complete(now(), ticket, outcome, &mut Turn::new(&arena, core))?;
        core.mood = core.mood.wrapping_mul(5).wrapping_add(1);
        if core.mood & 0x70 == 0 {
            break;
        }
    }
    Ok(())
}

fn close(mut session: KafkaSession, mut core: Core) {
    let arena = Bump::new();
    session.close(now(), &Close::Lost, &mut Turn::new(&arena, &mut core));
}

fn now() -> Now {
    Now { monotonic_ns: 1, wall_ns: 1_700_000_000_000_000_000 }
}

fn outcome(request: &Request, mood: u8) -> Outcome {
    if mood & 3 == 0 {
        return Outcome::Failed(Error::Storage);
    }
    match request {
        Request::Stream(StreamCommand::List) => Outcome::Stream(StreamReply::List(Vec::new())),
        Request::Stream(_) => Outcome::Stream(StreamReply::Done),
        Request::Append(_) => Outcome::Appended(AppendReply::default()),
        Request::Read(_) => Outcome::Read(ReadReply::default()),
        Request::Lookup(_) => Outcome::Found((mood & 4 == 0).then_some((1, 1))),
        _ => Outcome::Group(match mood & 12 {
            0 => GroupReply::Done,
            4 => GroupReply::Offsets(Vec::new()),
            8 => GroupReply::Described(Vec::new()),
            _ => GroupReply::Producer(1),
        }),
    }
}

impl<'a> Port<'a> for Core {
    fn send(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }
    fn send_shared(&mut self, bytes: bytes::Bytes) {
        self.out.extend_from_slice(&bytes);
    }
    fn publish(&mut self, _: Publish<'a>) -> Published {
        Published { received: false, ticket: None }
    }
    fn request(&mut self, request: Request, _: Order) -> Ticket {
        self.tickets += 1;
        let mood = self.mood.wrapping_add(self.tickets as u8);
        self.asked.push_back((Ticket(self.tickets), outcome(&request, mood)));
        Ticket(self.tickets)
    }
    fn cancel(&mut self, _: Ticket) {}
    fn subscribe(&mut self, _: Subscribe) {}
    fn unsubscribe(&mut self, _: SubscriptionId) {}
    fn unsubscribe_after(&mut self, _: SubscriptionId, _: u64) {}
    fn has_receivers(&mut self, _: &[u8]) -> bool {
        false
    }
    fn watch(&mut self, _: &[u8], _: bool) {}
    fn random(&mut self) -> u64 {
        4
    }
    fn connection(&self) -> ConnectionId {
        ConnectionId(1)
    }
}
