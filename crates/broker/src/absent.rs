//! The durable side of a broker that stores nothing: no streams, so nothing is ever captured.

use stele_core::Durable;
use stele_core::Lsn;
use stele_core::store::{Answer, Caller, Capture, Stored};
use stele_model::{ConnectionId, Error, Now, Outcome, Request, StreamName, Ticket};

pub(crate) struct Absent;

const REFUSAL: Error = Error::NotAllowed("this broker stores nothing");

impl Durable for Absent {
    fn capture(
        &self,
        _: Now,
        _: &StreamName,
        messages: &[Capture<'_>],
        results: &mut Vec<Result<Stored, Error>>,
    ) -> Lsn {
        results.extend(messages.iter().map(|_| Err(REFUSAL)));
        Lsn(0)
    }

    fn enqueue(&self, _: Now, messages: &[Capture<'_>], results: &mut Vec<Result<Stored, Error>>) -> Lsn {
        results.extend(messages.iter().map(|_| Err(REFUSAL)));
        Lsn(0)
    }

    fn request(&self, _: Now, _: &Caller, _: Request) -> Answer {
        Answer::Ready { lsn: Lsn(0), outcome: Outcome::Failed(REFUSAL) }
    }

    fn cancel(&self, _: ConnectionId, _: Ticket) {}

    fn detach(&self, _: ConnectionId) {}
}
