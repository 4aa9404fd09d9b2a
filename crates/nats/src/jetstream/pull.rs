//! CONSUMER.MSG.NEXT: pull requests, the same body after `+NXT`, and how a pull goes on and ends.
//!
//! Body: empty (one record), a bare number, or JSON. `group`, `min_pending`, `min_ack_pending` and `priority` belong to
//! priority groups, which this server does not offer.

use super::JetStream;
use super::deliver::{deliver, publish_status};
use super::status;
use super::subjects::AckSubject;
use stele_model::{
    AckKind, CursorCommand, CursorName, Delivery, DeliveryEnd, Error, Now, Order, Pull, Request, StreamName,
    Ticket, Turn,
};

/// A pull as a client asks for it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(from = "RawPull")]
pub(super) struct PullRequest {
    /// Records, ≥ 1.
    pub(super) batch: u64,
    /// ns; 0: for ever.
    pub(super) expires_ns: u64,
    /// As delivered; `None`: unbounded.
    pub(super) bytes_max: Option<u64>,
    /// Do not wait.
    pub(super) no_wait: bool,
    /// ns; 0: none.
    pub(super) heartbeat_ns: u64,
    /// A threshold of the overflow policy was given.
    thresholds: bool,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct RawPull {
    batch: Option<i64>,
    expires: Option<i64>,
    max_bytes: Option<i64>,
    no_wait: Option<bool>,
    idle_heartbeat: Option<i64>,
    min_pending: Option<i64>,
    min_ack_pending: Option<i64>,
}

impl From<RawPull> for PullRequest {
    fn from(raw: RawPull) -> Self {
        let positive = |value: Option<i64>| u64::try_from(value.unwrap_or(0)).unwrap_or(0);
        Self {
            batch: positive(raw.batch).max(1),
            expires_ns: positive(raw.expires),
            bytes_max: Some(positive(raw.max_bytes)).filter(|bytes| *bytes > 0),
            no_wait: raw.no_wait.unwrap_or(false),
            heartbeat_ns: positive(raw.idle_heartbeat),
            thresholds: positive(raw.min_pending) > 0 || positive(raw.min_ack_pending) > 0,
        }
    }
}

impl PullRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// The text after `400 Bad Request - `.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let body = body.trim_ascii();
        if body.first() != Some(&b'{') {
            let batch = std::str::from_utf8(body).ok().and_then(|text| text.parse().ok());
            return Ok(Self::from(RawPull { batch, ..RawPull::default() }));
        }
        let request: Self = serde_json::from_slice(body).map_err(|error| {
            // A header line must stay one line.
            error.to_string().replace(['\r', '\n'], " ")
        })?;
        if request.heartbeat_ns > 0 && request.heartbeat_ns.saturating_mul(2) > request.expires_ns {
            return Err("heartbeat value too large".to_owned());
        }
        if request.thresholds {
            return Err("Not a Overflow Priority consumer".to_owned());
        }
        Ok(request)
    }
}

/// A pull that waits at the core.
#[derive(Debug)]
pub(super) struct WaitingPull {
    stream: StreamName,
    consumer: CursorName,
    reply: Box<[u8]>,
    request: PullRequest,
    deadline_ns: Option<u64>,
    delivered: u64,
    bytes_left: Option<u64>,
}

/// Starts a pull for `reply`.
pub(super) fn start<'a>(
    jetstream: &mut JetStream,
    now: Now,
    (stream, consumer): (&str, &str),
    reply: &[u8],
    body: &[u8],
    turn: &mut Turn<'a, '_>,
) {
    let request = match PullRequest::parse(body) {
        Ok(request) => request,
        Err(text) => {
            publish_status(reply, &status::block(&format!("400 Bad Request - {text}"), &[]), turn);
            return;
        }
    };
    let deadline_ns = (request.expires_ns > 0).then(|| now.monotonic_ns.saturating_add(request.expires_ns));
    let waiting = WaitingPull {
        stream: StreamName::new(stream),
        consumer: CursorName::new(consumer),
        reply: reply.into(),
        bytes_left: request.bytes_max,
        deadline_ns,
        delivered: 0,
        request,
    };
    let no_wait = waiting.request.no_wait;
    submit(jetstream, waiting, no_wait, turn);
}

fn submit(jetstream: &mut JetStream, waiting: WaitingPull, no_wait: bool, turn: &mut Turn<'_, '_>) {
    let pull = Pull {
        stream: waiting.stream.clone(),
        name: waiting.consumer.clone(),
        batch: waiting.request.batch,
        bytes_max: waiting.request.bytes_max,
        deadline_ns: waiting.deadline_ns,
        no_wait,
        heartbeat_ns: waiting.request.heartbeat_ns,
        push: false,
    };
    let ticket = turn.request(Request::Cursor(CursorCommand::Pull(pull)), Order::Free);
    jetstream.pulls.insert(ticket, Box::new(waiting));
}

/// Records, a heartbeat or the end of a pull.
pub(super) fn go_on<'a>(
    jetstream: &mut JetStream,
    now: Now,
    ticket: Ticket,
    delivery: Delivery,
    turn: &mut Turn<'a, '_>,
) {
    let Some(mut waiting) = jetstream.pulls.remove(&ticket) else { return };
    let mut gone = false;
    for delivered in &delivery.records {
        let (received, bytes) = deliver(
            &waiting.stream,
            &waiting.consumer,
            delivered,
            delivery.headers_only,
            &waiting.reply,
            turn,
        );
        waiting.bytes_left = waiting.bytes_left.map(|left| left.saturating_sub(bytes));
        waiting.delivered += 1;
        gone |= !received;
        if gone {
            // The client unsubscribed its inbox: the record goes to the next pull.
            give_back(&waiting, delivered.record.offset, delivered.delivery, turn);
        }
    }
    if gone {
        if delivery.end.is_none() {
            turn.cancel(ticket);
        }
        return;
    }
    match &delivery.end {
        Some(end) => finish(jetstream, now, *waiting, end, turn),
        None => {
            if delivery.records.is_empty() {
                let block = status::heartbeat_block(delivery.last_delivery, delivery.last_sequence);
                publish_status(&waiting.reply, &block, turn);
            }
            jetstream.pulls.insert(ticket, waiting);
        }
    }
}

fn give_back(waiting: &WaitingPull, offset: u64, delivery: u64, turn: &mut Turn<'_, '_>) {
    let command = CursorCommand::Ack {
        stream: waiting.stream.clone(),
        name: waiting.consumer.clone(),
        offset,
        delivery,
        kind: AckKind::Again(None),
        confirm: false,
    };
    turn.request(Request::Cursor(command), Order::Free);
}

fn finish(
    jetstream: &mut JetStream,
    now: Now,
    waiting: WaitingPull,
    end: &DeliveryEnd,
    turn: &mut Turn<'_, '_>,
) {
    let left =
        |batch_left: u64, bytes_left: u64| (batch_left, waiting.bytes_left.map_or(bytes_left, |own| own));
    let block = match *end {
        DeliveryEnd::Complete => match waiting.bytes_left {
            Some(bytes_left) => status::pending_block(status::BATCH_COMPLETED, 0, bytes_left),
            None => return,
        },
        // With both `no_wait` and `expires`, a client takes what is there or waits for the first.
        DeliveryEnd::Empty
            if waiting.delivered == 0
                && waiting.request.no_wait
                && waiting.deadline_ns.is_some_and(|deadline| deadline > now.monotonic_ns) =>
        {
            submit(jetstream, waiting, false, turn);
            return;
        }
        DeliveryEnd::Empty => status::block(status::NO_MESSAGES, &[]),
        DeliveryEnd::Expired { batch_left, bytes_left } => {
            let (batch_left, bytes_left) = left(batch_left, bytes_left);
            status::pending_block(status::REQUEST_TIMEOUT, batch_left, bytes_left)
        }
        DeliveryEnd::TooLarge { batch_left, bytes_left } => {
            let (batch_left, bytes_left) = left(batch_left, bytes_left);
            status::pending_block(status::TOO_LARGE, batch_left, bytes_left)
        }
        DeliveryEnd::CursorDeleted => status::block(status::CONSUMER_DELETED, &[]),
        DeliveryEnd::Shutdown => {
            let batch_left = waiting.request.batch.saturating_sub(waiting.delivered);
            status::pending_block(status::SERVER_SHUTDOWN, batch_left, waiting.bytes_left.unwrap_or(0))
        }
    };
    publish_status(&waiting.reply, &block, turn);
}

/// A pull that the core refused.
pub(super) fn fail(jetstream: &mut JetStream, ticket: Ticket, error: &Error, turn: &mut Turn<'_, '_>) {
    let Some(waiting) = jetstream.pulls.remove(&ticket) else { return };
    let block = match error {
        Error::CursorNotFound | Error::StreamNotFound(_) => {
            let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", waiting.stream, waiting.consumer);
            status::no_responders_block(subject.as_bytes())
        }
        // A client with heartbeats tries again by itself.
        Error::PullsExceeded if waiting.request.heartbeat_ns > 0 => return,
        Error::PullsExceeded => status::block(status::MAX_WAITING, &[]),
        Error::NotAllowed(_) => status::block(status::PUSH_BASED, &[]),
        // The core names the limit: `Exceeded MaxRequestBatch of 10`.
        Error::InvalidSpec(text) => status::block(&format!("409 {}", text.replace(['\r', '\n'], " ")), &[]),
        other => {
            status::block(&format!("400 Bad Request - {}", other.to_string().replace(['\r', '\n'], " ")), &[])
        }
    };
    publish_status(&waiting.reply, &block, turn);
}

/// `+NXT`: the acknowledgement also pulls, for its own reply subject.
pub(super) fn next_after_ack<'a>(
    jetstream: &mut JetStream,
    now: Now,
    ack: &AckSubject<'_>,
    reply: &[u8],
    body: &[u8],
    turn: &mut Turn<'a, '_>,
) {
    if !reply.is_empty() {
        start(jetstream, now, (ack.stream, ack.consumer), reply, body, turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_in_all_forms() {
        let plain = |batch| PullRequest::from(RawPull { batch: Some(batch), ..RawPull::default() });
        for (body, expected) in [
            ("", Ok(plain(1))),
            ("7", Ok(plain(7))),
            ("junk", Ok(plain(1))),
            ("{\"batch\":-1}", Ok(plain(1))),
            ("{\"batch\":3,\"expires\":0,\"group\":\"g\",\"no_wait\":null}", Ok(plain(3))),
            (
                "{\"batch\":1,\"idle_heartbeat\":300000000,\"expires\":500000000}",
                Err("heartbeat value too large".to_owned()),
            ),
            ("{\"min_pending\":4}", Err("Not a Overflow Priority consumer".to_owned())),
        ] {
            assert_eq!(PullRequest::parse(body.as_bytes()), expected, "{body}");
        }
        assert!(PullRequest::parse(b"{bad").is_err());
    }
}
