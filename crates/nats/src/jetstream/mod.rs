//! JetStream: nothing is claimed yet.

use bumpalo::Bump;
use stele_model::{Conditions, Error, Now, Outcome, Publish, Ticket, Turn};

/// The JetStream side of one connection.
#[derive(Debug, Default)]
pub(crate) struct JetStream {}

/// Headers of which a stream must say that it refuses them.
#[derive(Debug)]
pub(crate) struct PublishFault(pub(crate) Error);

impl JetStream {
    /// Is this subject a request to JetStream?
    pub(crate) fn claims(_subject: &[u8]) -> bool {
        false
    }

    /// Answers a request.
    pub(crate) fn request<'a>(&mut self, _now: Now, _request: &Publish<'a>, _turn: &mut Turn<'a, '_>) {}

    /// Takes an answer of the core; gives it back when it asked nothing of this ticket.
    pub(crate) fn complete(
        &mut self,
        _now: Now,
        _ticket: Ticket,
        outcome: Outcome,
        _turn: &mut Turn<'_, '_>,
    ) -> Option<Outcome> {
        Some(outcome)
    }

    /// What a publisher's headers ask of the stream.
    pub(crate) fn conditions<'a>(
        _block: &'a [u8],
        _arena: &'a Bump,
    ) -> Result<Option<&'a Conditions<'a>>, PublishFault> {
        Ok(None)
    }

    /// The answer to a publish, as JSON.
    pub(crate) fn publish_ack(_reply: &[u8], outcome: &Outcome, out: &mut Vec<u8>) {
        if let Outcome::Appended(appended) = outcome
            && let Some(stream) = &appended.stream
        {
            let sequence = appended.first + 1;
            out.extend_from_slice(format!(r#"{{"stream":"{stream}","seq":{sequence}}}"#).as_bytes());
        }
    }
}
