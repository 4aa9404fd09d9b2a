//! Acknowledgements: publishes on the reply subject of a delivery (ADR-13).
//!
//! `+ACK`, `+OK` or empty: done. `-NAK [delay]`: again. `+WPI`: still working. `+NXT [pull]`: done, and pull.
//! `+TERM [reason]`: never again. With a reply subject the answer is empty, once it is durable.

use super::deliver::{publish_reply, publish_status};
use super::subjects::AckSubject;
use super::time::parse_go_duration;
use super::{JetStream, REQUESTS_MAX, Step, pull, status};
use stele_model::{
    AckKind, CursorCommand, CursorName, Error, Now, Order, Outcome, Publish, Request, StreamName, Turn,
};

/// What an acknowledgement's payload says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AckBody<'a> {
    /// Told to the core.
    Kind(AckKind),
    /// Done, and a pull with this body.
    Next(&'a [u8]),
    /// Not one of the words: nothing happens, a waiting client is answered.
    Unknown,
}

impl<'a> AckBody<'a> {
    /// Reads a payload.
    pub(super) fn parse(payload: &'a [u8]) -> Self {
        match payload {
            b"" | b"+ACK" | b"+OK" => return Self::Kind(AckKind::Done),
            b"+WPI" => return Self::Kind(AckKind::Progress),
            _ => {}
        }
        if let Some(delay) = payload.strip_prefix(b"-NAK") {
            return Self::Kind(AckKind::Again(parse_delay(delay.trim_ascii())));
        }
        if let Some(body) = payload.strip_prefix(b"+NXT") {
            return Self::Next(body);
        }
        if let Some(reason) = payload.strip_prefix(b"+TERM") {
            let reason = String::from_utf8_lossy(reason.trim_ascii());
            let reason = reason.chars().take(1024).collect::<String>();
            return Self::Kind(AckKind::Terminate(Some(reason).filter(|reason| !reason.is_empty())));
        }
        Self::Unknown
    }
}

/// `{"delay": ns}` or a Go duration; what cannot be read means at once, as with nats-server.
fn parse_delay(text: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Delay {
        delay: i64,
    }
    let ns = if text.first() == Some(&b'{') {
        serde_json::from_slice::<Delay>(text).ok()?.delay
    } else {
        parse_go_duration(std::str::from_utf8(text).ok()?)?
    };
    u64::try_from(ns).ok().filter(|delay| *delay > 0)
}

/// Takes a publish on an acknowledgement's subject.
pub(super) fn acknowledge<'a>(
    jetstream: &mut JetStream,
    now: Now,
    message: &Publish<'a>,
    turn: &mut Turn<'a, '_>,
) {
    let Some(ack) = AckSubject::parse(message.subject) else {
        if !message.reply.is_empty() {
            publish_status(message.reply, &status::no_responders_block(message.subject), turn);
        }
        return;
    };
    let (kind, next) = match AckBody::parse(message.payload.unwrap_or_default()) {
        AckBody::Kind(kind) => (kind, None),
        AckBody::Next(body) => (AckKind::Done, Some(body)),
        AckBody::Unknown => {
            if !message.reply.is_empty() {
                publish_reply(message.reply, b"", turn);
            }
            return;
        }
    };
    // The reply of `+NXT` receives the next records, not a confirmation.
    let confirm = next.is_none() && !message.reply.is_empty() && jetstream.waiting.len() < REQUESTS_MAX;
    let command = CursorCommand::Ack {
        stream: StreamName::new(ack.stream),
        name: CursorName::new(ack.consumer),
        offset: ack.offset,
        delivery: ack.delivery,
        kind,
        confirm,
    };
    if confirm {
        let step = Step::Ack { subject: message.subject.into() };
        jetstream.ask(message.reply, "ack", Request::Cursor(command), step, turn);
    } else {
        turn.request(Request::Cursor(command), Order::Free);
    }
    if let Some(body) = next {
        pull::next_after_ack(jetstream, now, &ack, message.reply, body, turn);
    }
}

/// The acknowledgement is durable, or could not be taken.
pub(super) fn confirm(outcome: &Outcome, subject: &[u8], reply: &[u8], turn: &mut Turn<'_, '_>) {
    match outcome {
        Outcome::Failed(Error::CursorNotFound | Error::StreamNotFound(_)) => {
            publish_status(reply, &status::no_responders_block(subject), turn);
        }
        // The client's wait runs out: it must not believe that the acknowledgement was taken.
        Outcome::Failed(_) => {}
        _ => publish_reply(reply, b"", turn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_in_all_forms() {
        for (payload, expected) in [
            ("", AckBody::Kind(AckKind::Done)),
            ("+ACK", AckBody::Kind(AckKind::Done)),
            ("+OK", AckBody::Kind(AckKind::Done)),
            ("+WPI", AckBody::Kind(AckKind::Progress)),
            ("-NAK", AckBody::Kind(AckKind::Again(None))),
            ("-NAK {\"delay\": 5}", AckBody::Kind(AckKind::Again(Some(5)))),
            ("-NAK 5s", AckBody::Kind(AckKind::Again(Some(5_000_000_000)))),
            ("-NAK x", AckBody::Kind(AckKind::Again(None))),
            ("+TERM", AckBody::Kind(AckKind::Terminate(None))),
            ("+TERM bad order", AckBody::Kind(AckKind::Terminate(Some("bad order".to_owned())))),
            ("+NXT {\"batch\":2}", AckBody::Next(b" {\"batch\":2}")),
            ("hello", AckBody::Unknown),
        ] {
            assert_eq!(AckBody::parse(payload.as_bytes()), expected, "{payload}");
        }
    }
}
