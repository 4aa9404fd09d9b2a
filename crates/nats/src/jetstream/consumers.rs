//! `$JS.API.CONSUMER.…` but pulls.

use super::consumer_config::{ConsumerAction, ConsumerCreateRequest};
use super::consumer_spec::{AskedLimits, ConsumerExtras, check_against_stream, check_update, to_spec};
use super::errors::{
    ApiError, CONSUMER_DOES_NOT_EXIST, CONSUMER_EXISTS, STREAM_MISMATCH, WORK_QUEUE_UNFILTERED,
};
use super::replies::{ConsumerReplyBody, Page, Success, consumer_body, success};
use super::streams::{LIST_PAGE, NAMES_PAGE, page_offset};
use super::subjects::Call;
use super::time::{ZERO_TIME, parse_rfc3339, rfc3339};
use super::{Context, Progress, read_json, read_optional_json, unexpected};
use serde::{Deserialize, Serialize};
use stele_model::{
    CursorCommand, CursorInfo, CursorName, CursorReply, CursorSpec, Error, Outcome, PutMode, Request,
    StreamCommand, StreamName, StreamReply, Turn,
};

/// What waits for the core.
#[derive(Debug)]
pub(super) enum Step {
    /// The stream of a consumer to make.
    Stream(Box<Creation>),
    /// A consumer of this name, if there is one.
    Existing(Box<Creation>),
    Put {
        mode: PutMode,
        unfiltered: bool,
    },
    Info,
    Deleted,
    Names {
        offset: usize,
    },
    List {
        offset: usize,
    },
    Paused {
        until_ns: u64,
    },
}

/// A consumer on its way to the core.
#[derive(Debug)]
pub(super) struct Creation {
    stream: StreamName,
    spec: CursorSpec,
    mode: PutMode,
    asked: AskedLimits,
    /// Its name is new for certain.
    generated: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PageRequest {
    offset: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PauseRequest {
    pause_until: Option<String>,
}

/// Reads the body and says what to ask first.
pub(super) fn begin(call: &Call<'_>, payload: &[u8], turn: &mut Turn<'_, '_>) -> Result<Progress, ApiError> {
    let names = |stream: &str, name: &str| (StreamName::new(stream), CursorName::new(name));
    let empty = || super::expect_no_body(payload);
    let (command, step) = match *call {
        Call::ConsumerInfo(stream, name) => {
            empty()?;
            let (stream, name) = names(stream, name);
            (CursorCommand::Info { stream, name }, Step::Info)
        }
        Call::ConsumerDelete(stream, name) => {
            empty()?;
            let (stream, name) = names(stream, name);
            (CursorCommand::Delete { stream, name }, Step::Deleted)
        }
        Call::ConsumerPause(stream, name) => {
            let request: PauseRequest = read_optional_json(payload)?;
            let time = request.pause_until.as_deref().filter(|text| !text.is_empty());
            let until_ns = time.map_or(Some(0), parse_rfc3339);
            let until_ns = until_ns.ok_or_else(|| {
                ApiError::new(400, 10025, "invalid JSON: pause_until is not an RFC 3339 time")
            })?;
            let (stream, name) = names(stream, name);
            (CursorCommand::Pause { stream, name, until_ns }, Step::Paused { until_ns })
        }
        Call::ConsumerNames(stream) | Call::ConsumerList(stream) => {
            let request: PageRequest = read_optional_json(payload)?;
            let offset = page_offset(request.offset);
            let step = match call {
                Call::ConsumerNames(_) => Step::Names { offset },
                _ => Step::List { offset },
            };
            (CursorCommand::List(StreamName::new(stream)), step)
        }
        Call::ConsumerCreate { stream, name, filter, durable } => {
            let creation = read_creation((stream, name, filter, durable), payload, turn)?;
            let command = StreamCommand::Info(StreamName::new(stream));
            let step = super::Step::Consumers(Step::Stream(Box::new(creation)));
            return Ok(Progress::Ask(Request::Stream(command), step));
        }
        _ => return Ok(Progress::Silent),
    };
    Ok(ask(command, step))
}

fn ask(command: CursorCommand, step: Step) -> Progress {
    Progress::Ask(Request::Cursor(command), super::Step::Consumers(step))
}

/// Reads one of the three forms of CREATE.
fn read_creation(
    (stream, subject_name, filter, durable): (&str, Option<&str>, Option<&str>, bool),
    payload: &[u8],
    turn: &mut Turn<'_, '_>,
) -> Result<Creation, ApiError> {
    let request: ConsumerCreateRequest =
        if payload.trim_ascii().is_empty() { ConsumerCreateRequest::default() } else { read_json(payload)? };
    if request.stream_name.as_deref() != Some(stream) {
        return Err(STREAM_MISMATCH);
    }
    let config = request.config.unwrap_or_default();
    let durable_name = config.durable_name.as_deref().filter(|name| !name.is_empty());
    match (subject_name, durable_name) {
        (None, Some(_)) => {
            return Err(ApiError::new(
                400,
                10020,
                "consumer expected to be ephemeral but a durable name was set in request",
            ));
        }
        (Some(_), None) if durable => {
            return Err(ApiError::new(
                400,
                10018,
                "consumer expected to be durable but a durable name was not set",
            ));
        }
        (Some(name), Some(durable_name)) if name != durable_name => {
            return Err(ApiError::new(
                400,
                10017,
                "consumer name in subject does not match durable name in request",
            ));
        }
        _ => {}
    }
    if let Some(filter) = filter {
        if config.filter_subjects.as_ref().is_some_and(|filters| !filters.is_empty()) {
            return Err(ApiError::new(
                400,
                10137,
                "consumer with multiple subject filters cannot use subject based API",
            ));
        }
        if config.filter_subject.as_deref() != Some(filter) {
            return Err(ApiError::new(
                400,
                10131,
                "Consumer create request did not match filtered subject from create subject",
            ));
        }
    }
    let generated = subject_name.is_none();
    let name = subject_name.map_or_else(|| generate_name(turn.random()), str::to_owned);
    let asked = AskedLimits::of(&config);
    let mode = match request.action {
        Some(ConsumerAction::Create) => PutMode::Create,
        Some(ConsumerAction::Update) => PutMode::Update,
        _ => PutMode::CreateOrUpdate,
    };
    let spec = to_spec(config, &name, !generated)?;
    Ok(Creation { stream: StreamName::new(stream), spec, mode, asked, generated })
}

/// Eight letters and digits, as nats-server names ephemeral consumers.
fn generate_name(mut random: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    (0..8)
        .map(|_| {
            let digit = DIGITS[(random % 62) as usize];
            random /= 62;
            char::from(digit)
        })
        .collect()
}

impl Step {
    /// Takes the core's answer.
    pub(super) fn advance(
        self,
        outcome: Outcome,
        context: &Context<'_>,
        turn: &mut Turn<'_, '_>,
    ) -> Progress {
        match (self, outcome) {
            (Self::Stream(mut creation), Outcome::Stream(StreamReply::Info { info, .. })) => {
                match check_against_stream(&mut creation.spec, &info.spec, creation.asked) {
                    Ok(()) if creation.generated => put(*creation),
                    Ok(()) => {
                        let (stream, name) = (creation.stream.clone(), creation.spec.name.clone());
                        ask(CursorCommand::Info { stream, name }, Self::Existing(creation))
                    }
                    Err(error) => Progress::Refuse(error),
                }
            }
            (Self::Existing(creation), Outcome::Cursor(CursorReply::Info(info))) => {
                if creation.mode == PutMode::Create && info.spec != creation.spec {
                    return Progress::Refuse(CONSUMER_EXISTS);
                }
                let active = info.spec.push.as_ref().is_some_and(|push| turn.has_receivers(&push.subject));
                match check_update(&info.spec, &creation.spec, active) {
                    Ok(()) => put(*creation),
                    Err(error) => Progress::Refuse(error),
                }
            }
            (Self::Existing(creation), Outcome::Failed(Error::CursorNotFound)) => match creation.mode {
                PutMode::Update => Progress::Refuse(CONSUMER_DOES_NOT_EXIST),
                _ => put(*creation),
            },
            (Self::Put { mode, unfiltered }, Outcome::Failed(error)) => put_failed(&error, mode, unfiltered),
            (Self::Put { .. }, Outcome::Cursor(CursorReply::Info(info))) => {
                describe("consumer_create_response", &info, context, turn)
            }
            (Self::Info, Outcome::Cursor(CursorReply::Info(info))) => {
                describe("consumer_info_response", &info, context, turn)
            }
            (Self::Deleted, Outcome::Cursor(CursorReply::Done)) => Progress::Answer(success(
                "consumer_delete_response",
                &Success { success: true, purged: None },
            )),
            (Self::Names { offset }, Outcome::Cursor(CursorReply::List(cursors))) => names(&cursors, offset),
            (Self::List { offset }, Outcome::Cursor(CursorReply::List(cursors))) => {
                list(&cursors, offset, context, turn)
            }
            (Self::Paused { until_ns }, Outcome::Cursor(CursorReply::Info(_))) => paused(until_ns, context),
            (_, outcome) => unexpected(&outcome),
        }
    }
}

fn put(creation: Creation) -> Progress {
    let step = Step::Put { mode: creation.mode, unfiltered: creation.spec.filters.is_empty() };
    let command =
        CursorCommand::Put { stream: creation.stream, spec: Box::new(creation.spec), mode: creation.mode };
    ask(command, step)
}

fn put_failed(error: &Error, mode: PutMode, unfiltered: bool) -> Progress {
    Progress::Refuse(match error {
        Error::CursorExists if mode == PutMode::Create => CONSUMER_EXISTS,
        Error::CursorNotFound => CONSUMER_DOES_NOT_EXIST,
        Error::CursorNotUnique if unfiltered => WORK_QUEUE_UNFILTERED,
        Error::InvalidSpec(text) => ApiError::with_text(500, 10012, text.clone()),
        Error::NotAllowed(text) => ApiError::consumer_config(text),
        other => ApiError::from(other),
    })
}

fn is_bound(info: &CursorInfo, turn: &mut Turn<'_, '_>) -> bool {
    info.spec.push.as_ref().is_some_and(|push| turn.has_receivers(&push.subject))
}

fn describe(kind: &str, info: &CursorInfo, context: &Context<'_>, turn: &mut Turn<'_, '_>) -> Progress {
    let extras = ConsumerExtras::of(&info.spec);
    let bound = is_bound(info, turn);
    Progress::Answer(success(kind, &consumer_body(info, &extras, bound, context.settings, context.now)))
}

fn names(cursors: &[CursorInfo], offset: usize) -> Progress {
    #[derive(Serialize)]
    struct Names<'a> {
        #[serde(flatten)]
        page: Page,
        consumers: Vec<&'a str>,
    }
    let offset = offset.min(cursors.len());
    let body = Names {
        page: Page { total: cursors.len(), offset, limit: NAMES_PAGE },
        consumers: cursors[offset..].iter().take(NAMES_PAGE).map(|info| info.spec.name.as_str()).collect(),
    };
    Progress::Answer(success("consumer_names_response", &body))
}

fn list(cursors: &[CursorInfo], offset: usize, context: &Context<'_>, turn: &mut Turn<'_, '_>) -> Progress {
    #[derive(Serialize)]
    struct List<'a> {
        #[serde(flatten)]
        page: Page,
        consumers: Vec<ConsumerReplyBody<'a>>,
    }
    let offset = offset.min(cursors.len());
    let shown: Vec<(&CursorInfo, ConsumerExtras, bool)> = cursors[offset..]
        .iter()
        .take(LIST_PAGE)
        .map(|info| (info, ConsumerExtras::of(&info.spec), is_bound(info, turn)))
        .collect();
    let consumers = shown
        .iter()
        .map(|(info, extras, bound)| consumer_body(info, extras, *bound, context.settings, context.now))
        .collect();
    let body = List { page: Page { total: cursors.len(), offset, limit: LIST_PAGE }, consumers };
    Progress::Answer(success("consumer_list_response", &body))
}

fn paused(until_ns: u64, context: &Context<'_>) -> Progress {
    #[derive(Serialize)]
    struct Paused {
        paused: bool,
        pause_until: String,
        #[serde(skip_serializing_if = "super::stream_config::is_zero")]
        pause_remaining: u64,
    }
    let remaining = until_ns.saturating_sub(context.now.wall_ns);
    let body = Paused {
        paused: remaining > 0,
        pause_until: if until_ns == 0 { ZERO_TIME.to_owned() } else { rfc3339(until_ns) },
        pause_remaining: remaining,
    };
    Progress::Answer(success("consumer_pause_response", &body))
}
