//! One request on its way: what a handler may do, and how it goes on when the core has answered.

use super::KafkaService;
use crate::codec::{RequestHeader, ResponseBody};
use std::net::{IpAddr, SocketAddr};
use stele_model::{Now, Order, Outcome, Request, Turn};

/// Where the client is, and which of our addresses it reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) peer: IpAddr,
    pub(super) local: SocketAddr,
}

/// What goes on with a request when all its questions are answered, in their order.
pub(super) type Then = Box<dyn FnOnce(Vec<Outcome>, &mut Call<'_, '_, '_>) + Send>;

/// Questions that are out.
pub(super) struct Waiting {
    pub(super) left: usize,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) then: Then,
}

/// A request being handled. A handler either responds or asks; [`Call::ask`] is the last thing that it does.
pub(super) struct Call<'c, 'a, 't> {
    pub(super) now: Now,
    pub(super) service: &'c KafkaService,
    pub(super) ends: Ends,
    pub(super) header: RequestHeader<'static>,
    pub(super) waiting: Option<Waiting>,
    turn: &'c mut Turn<'a, 't>,
}

impl<'c, 'a, 't> Call<'c, 'a, 't> {
    pub(super) fn new(
        now: Now,
        service: &'c KafkaService,
        ends: Ends,
        header: RequestHeader<'static>,
        turn: &'c mut Turn<'a, 't>,
    ) -> Self {
        Self { now, service, ends, header, waiting: None, turn }
    }

    /// The version of the request.
    pub(super) fn version(&self) -> i16 {
        self.header.version
    }

    /// Sends the response.
    pub(super) fn respond<'b, B: ResponseBody<'b>>(&mut self, body: &B) {
        self.header.respond(body, self.turn.send());
    }

    /// Sends the response; record bytes in it are not copied.
    pub(super) fn respond_shared<'b, B: ResponseBody<'b>>(&mut self, body: &B) {
        for piece in self.header.respond_in_pieces(body).into_bytes() {
            if piece.len() <= COPIED_BYTES_MAX {
                self.turn.send().extend_from_slice(&piece);
            } else {
                self.turn.send_shared(piece);
            }
        }
    }

    /// Asks the core; `then` gets one outcome per request, in their order.
    pub(super) fn ask(
        &mut self,
        requests: Vec<Request>,
        then: impl FnOnce(Vec<Outcome>, &mut Call<'_, '_, '_>) + Send + 'static,
    ) {
        debug_assert!(self.waiting.is_none(), "a request asks one round at a time");
        let left = requests.len();
        if left == 0 {
            return then(Vec::new(), self);
        }
        for request in requests {
            self.turn.request(request, Order::InTurn);
        }
        self.waiting = Some(Waiting { left, outcomes: Vec::with_capacity(left), then: Box::new(then) });
    }

    /// Asks the core one thing.
    pub(super) fn ask_one(
        &mut self,
        request: Request,
        then: impl FnOnce(Outcome, &mut Call<'_, '_, '_>) + Send + 'static,
    ) {
        self.ask(vec![request], |outcomes, call| {
            if let Some(outcome) = outcomes.into_iter().next() {
                then(outcome, call);
            }
        });
    }
}

/// Smaller pieces are copied: a vectored write of many crumbs costs more.
const COPIED_BYTES_MAX: usize = 4 << 10;
