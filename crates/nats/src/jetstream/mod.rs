//! JetStream's wire side: API requests, acknowledgements, deliveries (nats-server's `$JS.` subjects, ADR-1, 13, 31).
//!
//! ```text
//!  session ─ PUB $JS.API.… ─→ JetStream::request ─→ Turn::request ─→ core
//!          ─ PUB $JS.ACK.… ─┘                                        │
//!  inbox  ←─ Turn::publish ←─ JetStream::complete ←── Outcome ───────┘
//! ```
//!
//! A [`JetStream`] belongs to one connection and keeps what its requests wait for. [`PushSession`] delivers for push
//! consumers, one for the broker. Invariant: nothing here reads a clock, a socket or a source of randomness, and no
//! byte of a peer panics or allocates more than a small multiple of itself.
//!
//! Limits: API level of a 2.10 server, without mirrors, sources, republish, transforms, compression, sampling,
//! snapshots; they are refused, never ignored. `$JS.FC.` is no business of a connection: flow-control answers are
//! published, and the push session subscribes to them.

mod ack;
mod conditions;
mod consumer_config;
mod consumer_spec;
mod consumers;
mod deliver;
mod direct;
mod errors;
pub mod fuzzing;
mod headers;
mod messages;
mod puback;
mod pull;
mod push;
mod replies;
mod settings;
mod status;
mod stream_config;
mod stream_spec;
mod streams;
mod subjects;
mod time;

#[cfg(test)]
mod tests;

pub use conditions::{PublishFault, conditions};
pub use errors::ApiError;
pub use headers::write_record_block;
pub use puback::publish_ack;
pub use push::PushSession;
pub use settings::Settings;

use bumpalo::Bump;
use deliver::{publish_reply, publish_status};
use errors::REQUIRED_API_LEVEL;
use std::collections::BTreeMap;
use std::sync::Arc;
use stele_model::{Conditions, Error, Now, Order, Outcome, Publish, Request, Ticket, Turn};
use subjects::Call;

/// API requests that may wait for the core per connection; more are answered with 429 / 10167.
pub const REQUESTS_MAX: usize = 4096;
/// Requests with a body beyond this are answered with 400 / 10003, because reading them costs a multiple of it.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;

/// One connection's JetStream requests that wait for the core.
///
/// Driven by its session: [`JetStream::request`] for publishes that [`JetStream::claims`] claims,
/// [`JetStream::complete`] for every outcome.
#[derive(Debug)]
pub struct JetStream {
    settings: Arc<Settings>,
    waiting: BTreeMap<Ticket, Box<Waiting>>,
    pulls: BTreeMap<Ticket, Box<pull::WaitingPull>>,
}

/// A request that waits for the core.
#[derive(Debug)]
struct Waiting {
    reply: Box<[u8]>,
    kind: &'static str,
    step: Step,
}

/// What happens with the core's answer.
#[derive(Debug)]
enum Step {
    Streams(streams::Step),
    Messages(messages::Step),
    Direct(direct::Step),
    Consumers(consumers::Step),
    Ack { subject: Box<[u8]> },
}

/// What a step needs of its surroundings.
struct Context<'c> {
    settings: &'c Settings,
    now: Now,
}

/// What a step comes to.
enum Progress {
    /// Answer with this JSON.
    Answer(Vec<u8>),
    /// Everything was published already.
    Silent,
    /// Refuse.
    Refuse(ApiError),
    /// Ask the core this, then go on there.
    Ask(Request, Step),
}

impl Default for JetStream {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl JetStream {
    /// For a fresh connection.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self { settings, waiting: BTreeMap::new(), pulls: BTreeMap::new() }
    }

    /// Is a publish on this subject for JetStream itself, and not for the router? Costs one comparison for others.
    pub fn claims(subject: &[u8]) -> bool {
        subjects::is_claimed(subject)
    }

    /// See [`conditions()`].
    ///
    /// # Errors
    /// As there.
    pub fn conditions<'a>(
        block: &'a [u8],
        arena: &'a Bump,
    ) -> Result<Option<&'a Conditions<'a>>, PublishFault> {
        conditions(block, arena)
    }

    /// Requests of this connection that wait for the core, pulls included.
    pub fn waiting(&self) -> usize {
        self.waiting.len() + self.pulls.len()
    }

    /// Takes a publish that it claims. The answer is published to the message's reply subject, now or later.
    /// Nobody answers an unknown API subject, as with nats-server.
    pub fn request<'a>(&mut self, now: Now, message: &Publish<'a>, turn: &mut Turn<'a, '_>) {
        if subjects::is_ack(message.subject) {
            ack::acknowledge(self, now, message, turn);
            return;
        }
        let domain = self.settings.domain.as_deref();
        if !subjects::is_our_api(message.subject, domain) {
            if !message.reply.is_empty() {
                publish_status(message.reply, &status::no_responders_block(message.subject), turn);
            }
            return;
        }
        let Some(call) = subjects::parse_call(message.subject, domain) else { return };
        let payload = message.payload.unwrap_or_default();
        if let Call::ConsumerNext(stream, consumer) = call {
            if !message.reply.is_empty() {
                pull::start(self, now, (stream, consumer), message.reply, payload, turn);
            }
            return;
        }
        if let Call::DirectGet { stream, last_of } = call {
            direct::request(self, message, stream, last_of, payload, turn);
            return;
        }
        let kind = kind_of(&call);
        let progress = if self.requires_more(message) {
            Progress::Refuse(REQUIRED_API_LEVEL)
        } else if self.waiting.len() >= REQUESTS_MAX {
            Progress::Refuse(ApiError::from(&Error::Overloaded))
        } else if payload.len() > REQUEST_BYTES_MAX {
            Progress::Refuse(errors::BAD_REQUEST)
        } else {
            begin(&call, payload, turn)
        };
        self.proceed(message.reply, kind, progress, turn);
    }

    /// Takes an outcome; gives it back when its ticket is not one of JetStream's.
    pub fn complete(
        &mut self,
        now: Now,
        ticket: Ticket,
        outcome: Outcome,
        turn: &mut Turn<'_, '_>,
    ) -> Option<Outcome> {
        if self.pulls.contains_key(&ticket) {
            match outcome {
                Outcome::Delivered(delivery) => pull::go_on(self, now, ticket, delivery, turn),
                Outcome::Failed(error) => pull::fail(self, ticket, &error, turn),
                _ => pull::fail(self, ticket, &Error::Internal("a delivery was expected"), turn),
            }
            return None;
        }
        let Some(waiting) = self.waiting.remove(&ticket) else { return Some(outcome) };
        let Waiting { reply, kind, step } = *waiting;
        let settings = Arc::clone(&self.settings);
        let context = Context { settings: &settings, now };
        let progress = match step {
            Step::Streams(step) => step.advance(outcome, &context),
            Step::Messages(step) => step.advance(outcome),
            Step::Direct(step) => step.advance(outcome, &reply, turn),
            Step::Consumers(step) => step.advance(outcome, &context, turn),
            Step::Ack { subject } => {
                ack::confirm(&outcome, &subject, &reply, turn);
                Progress::Silent
            }
        };
        self.proceed(&reply, kind, progress, turn);
        None
    }

    fn proceed(&mut self, reply: &[u8], kind: &'static str, progress: Progress, turn: &mut Turn<'_, '_>) {
        match progress {
            Progress::Answer(json) => publish_reply(reply, &json, turn),
            Progress::Refuse(error) => publish_reply(reply, &replies::failure(kind, &error), turn),
            Progress::Silent => {}
            Progress::Ask(request, step) => self.ask(reply, kind, request, step, turn),
        }
    }

    fn ask(
        &mut self,
        reply: &[u8],
        kind: &'static str,
        request: Request,
        step: Step,
        turn: &mut Turn<'_, '_>,
    ) {
        let ticket = turn.request(request, Order::Free);
        self.waiting.insert(ticket, Box::new(Waiting { reply: reply.into(), kind, step }));
    }

    /// Does the request name an API level above ours?
    fn requires_more(&self, message: &Publish<'_>) -> bool {
        if message.headers.is_empty() {
            return false;
        }
        let Some(Some(value)) = message.headers.get(b"Nats-Required-Api-Level") else { return false };
        let level = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u32>().ok());
        level.is_none_or(|level| level > self.settings.api_level.unwrap_or(0))
    }
}

/// Reads the body and says what to ask first.
fn begin(call: &Call<'_>, payload: &[u8], turn: &mut Turn<'_, '_>) -> Progress {
    let begun = match *call {
        Call::ClusterOnly(_) => Err(errors::CLUSTER_REQUIRED),
        Call::NotOffered(_) => Err(ApiError::new(501, 10003, "snapshots are not supported by this server")),
        Call::MessageGet(stream) => messages::begin_get(stream, payload),
        Call::MessageDelete(stream) => messages::begin_delete(stream, payload),
        Call::ConsumerCreate { .. }
        | Call::ConsumerInfo(..)
        | Call::ConsumerDelete(..)
        | Call::ConsumerNames(_)
        | Call::ConsumerList(_)
        | Call::ConsumerPause(..) => consumers::begin(call, payload, turn),
        // Pulls and direct gets were taken before.
        Call::ConsumerNext(..) | Call::DirectGet { .. } => return Progress::Silent,
        _ => streams::begin(call, payload),
    };
    begun.unwrap_or_else(Progress::Refuse)
}

/// The name of the reply's type.
fn kind_of(call: &Call<'_>) -> &'static str {
    match call {
        Call::AccountInfo => "account_info_response",
        Call::StreamCreate(_) => "stream_create_response",
        Call::StreamUpdate(_) => "stream_update_response",
        Call::StreamInfo(_) => "stream_info_response",
        Call::StreamNames => "stream_names_response",
        Call::StreamList => "stream_list_response",
        Call::StreamDelete(_) => "stream_delete_response",
        Call::StreamPurge(_) => "stream_purge_response",
        Call::MessageGet(_) | Call::DirectGet { .. } => "stream_msg_get_response",
        Call::MessageDelete(_) => "stream_msg_delete_response",
        Call::ConsumerCreate { .. } | Call::ConsumerNext(..) => "consumer_create_response",
        Call::ConsumerInfo(..) => "consumer_info_response",
        Call::ConsumerDelete(..) => "consumer_delete_response",
        Call::ConsumerNames(_) => "consumer_names_response",
        Call::ConsumerList(_) => "consumer_list_response",
        Call::ConsumerPause(..) => "consumer_pause_response",
        Call::ClusterOnly(kind) | Call::NotOffered(kind) => kind,
    }
}

/// Reads a JSON body.
fn read_json<T: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(payload).map_err(|error| ApiError::invalid_json(&error))
}

/// Nothing, or an object without members, as some clients write nothing.
fn expect_no_body(payload: &[u8]) -> Result<(), ApiError> {
    let inner = payload.trim_ascii().strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    let empty = payload.is_empty() || inner.is_some_and(|inner| inner.trim_ascii().is_empty());
    if empty { Ok(()) } else { Err(errors::NOT_EMPTY_REQUEST) }
}

/// Reads a JSON body that may be empty.
fn read_optional_json<T: serde::de::DeserializeOwned + Default>(payload: &[u8]) -> Result<T, ApiError> {
    if payload.trim_ascii().is_empty() { Ok(T::default()) } else { read_json(payload) }
}

/// An outcome of another kind than the request's is a bug of the core: the client is told, nothing panics.
fn unexpected(outcome: &Outcome) -> Progress {
    match outcome {
        Outcome::Failed(error) => Progress::Refuse(ApiError::from(error)),
        _ => Progress::Refuse(ApiError::from(&Error::Internal("another kind of answer was expected"))),
    }
}
