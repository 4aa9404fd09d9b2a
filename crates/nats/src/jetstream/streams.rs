//! `$JS.API.INFO` and `$JS.API.STREAM.…` but single messages.

use super::errors::{ApiError, BAD_REQUEST, STREAM_MISMATCH};
use super::replies::{Page, StreamDetails, Success, stream_body, success};
use super::stream_config::StreamConfigRequest;
use super::stream_spec::{StreamExtras, check_create, check_update, is_name, to_spec};
use super::subjects::Call;
use super::{Context, Progress, read_optional_json, unexpected};
use serde::{Deserialize, Serialize};
use stele_model::{
    Filter, Outcome, Request, StreamCommand, StreamInfo, StreamName, StreamReply, StreamSpec, Wire,
};

/// Names on one page of STREAM.NAMES and CONSUMER.NAMES.
pub(super) const NAMES_PAGE: usize = 1024;
/// Descriptions on one page of STREAM.LIST and CONSUMER.LIST.
pub(super) const LIST_PAGE: usize = 256;
/// Subjects on one page of STREAM.INFO.
const SUBJECTS_PAGE: usize = 100_000;

/// What waits for the core.
#[derive(Debug)]
pub(super) enum Step {
    Account,
    Created,
    /// The old configuration, for the rules of updates.
    Updating(Box<StreamSpec>),
    Updated,
    Info(InfoRequest),
    Subjects {
        info: Box<StreamInfo>,
        request: InfoRequest,
    },
    Names {
        offset: usize,
        filter: Option<Filter>,
    },
    List {
        offset: usize,
        filter: Option<Filter>,
    },
    Deleted,
    Purged,
}

/// The body of STREAM.INFO.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct InfoRequest {
    deleted_details: Option<bool>,
    subjects_filter: Option<String>,
    offset: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ListRequest {
    offset: Option<i64>,
    subject: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PurgeRequest {
    filter: Option<String>,
    seq: Option<u64>,
    keep: Option<u64>,
}

/// An offset of a page, never negative.
pub(super) fn page_offset(offset: Option<i64>) -> usize {
    usize::try_from(offset.unwrap_or(0)).unwrap_or(0)
}

/// Reads the body and says what to ask first.
pub(super) fn begin(call: &Call<'_>, payload: &[u8]) -> Result<Progress, ApiError> {
    let (command, step) = match *call {
        Call::StreamCreate(name) => {
            let spec = read_spec(name, payload)?;
            check_create(&spec)?;
            (StreamCommand::Create(Box::new(spec)), Step::Created)
        }
        Call::StreamUpdate(name) => {
            let spec = read_spec(name, payload)?;
            (StreamCommand::Info(StreamName::new(name)), Step::Updating(Box::new(spec)))
        }
        Call::StreamInfo(name) => {
            // nats-server answers also where the body is no JSON.
            let request = serde_json::from_slice(payload).unwrap_or_default();
            (StreamCommand::Info(StreamName::new(name)), Step::Info(request))
        }
        Call::StreamNames | Call::StreamList => {
            let request: ListRequest = read_optional_json(payload)?;
            let offset = page_offset(request.offset);
            let filter = read_filter(request.subject.as_deref())?;
            let step = match call {
                Call::StreamNames => Step::Names { offset, filter },
                _ => Step::List { offset, filter },
            };
            (StreamCommand::List, step)
        }
        Call::StreamDelete(name) => {
            super::expect_no_body(payload)?;
            (StreamCommand::Delete(StreamName::new(name)), Step::Deleted)
        }
        Call::StreamPurge(name) => (purge(name, payload)?, Step::Purged),
        _ => (StreamCommand::List, Step::Account),
    };
    Ok(ask(command, step))
}

fn ask(command: StreamCommand, step: Step) -> Progress {
    Progress::Ask(Request::Stream(command), super::Step::Streams(step))
}

fn read_spec(name: &str, payload: &[u8]) -> Result<StreamSpec, ApiError> {
    let request: StreamConfigRequest = read_optional_json(payload)?;
    if request.name.as_deref() != Some(name) {
        return Err(STREAM_MISMATCH);
    }
    to_spec(request)
}

fn read_filter(subject: Option<&str>) -> Result<Option<Filter>, ApiError> {
    match subject.filter(|subject| !subject.is_empty()) {
        Some(subject) => Filter::new(subject.as_bytes()).map(Some).map_err(|_| BAD_REQUEST),
        None => Ok(None),
    }
}

fn purge(name: &str, payload: &[u8]) -> Result<StreamCommand, ApiError> {
    // An unreadable body must not become a purge of everything, as it does at nats-server.
    let request: PurgeRequest = read_optional_json(payload)?;
    let (sequence, keep) = (request.seq.filter(|seq| *seq > 0), request.keep.filter(|keep| *keep > 0));
    if sequence.is_some() && keep.is_some() {
        return Err(BAD_REQUEST);
    }
    Ok(StreamCommand::Purge {
        stream: StreamName::new(name),
        partition: Some(0),
        filter: read_filter(request.filter.as_deref())?,
        below: sequence.map(|sequence| sequence - 1),
        keep,
        by_client: true,
    })
}

impl Step {
    /// Takes the core's answer.
    pub(super) fn advance(self, outcome: Outcome, context: &Context<'_>) -> Progress {
        let Outcome::Stream(reply) = outcome else { return unexpected(&outcome) };
        match (self, reply) {
            (Self::Account, StreamReply::List(streams)) => account(&streams, context),
            (Self::Created, StreamReply::Info { info, .. }) => {
                // nats-server says so also when an equal stream was there.
                let details = StreamDetails { did_create: Some(true), ..StreamDetails::default() };
                describe("stream_create_response", &info, details, context)
            }
            (Self::Updating(mut spec), StreamReply::Info { info, .. }) => {
                match check_update(&info.spec, &mut spec) {
                    Ok(()) => ask(StreamCommand::Update(spec), Self::Updated),
                    Err(error) => Progress::Refuse(error),
                }
            }
            (Self::Updated, StreamReply::Info { info, .. }) => {
                describe("stream_update_response", &info, StreamDetails::default(), context)
            }
            (Self::Info(request), StreamReply::Info { info, .. }) => describe_or_ask(info, request, context),
            (Self::Subjects { info, request }, StreamReply::Subjects(subjects)) => {
                let offset = page_offset(request.offset).min(subjects.len());
                let total = subjects.len();
                let page = Page { total, offset, limit: SUBJECTS_PAGE };
                let details = StreamDetails {
                    deleted: request.deleted_details == Some(true),
                    subjects: &subjects[offset..],
                    page: Some(page),
                    did_create: None,
                };
                describe("stream_info_response", &info, details, context)
            }
            (Self::Names { offset, filter }, StreamReply::List(streams)) => {
                names(&streams, offset, filter.as_ref())
            }
            (Self::List { offset, filter }, StreamReply::List(streams)) => {
                list(&streams, offset, filter.as_ref(), context)
            }
            (Self::Deleted, StreamReply::Done) => {
                Progress::Answer(success("stream_delete_response", &Success { success: true, purged: None }))
            }
            (Self::Purged, StreamReply::Purged(count)) => Progress::Answer(success(
                "stream_purge_response",
                &Success { success: true, purged: Some(count) },
            )),
            (_, reply) => unexpected(&Outcome::Stream(reply)),
        }
    }
}

fn describe(kind: &str, info: &StreamInfo, details: StreamDetails<'_>, context: &Context<'_>) -> Progress {
    let extras = StreamExtras::of(&info.spec);
    Progress::Answer(success(kind, &stream_body(info, &extras, details, context.settings, context.now)))
}

fn describe_or_ask(info: Box<StreamInfo>, request: InfoRequest, context: &Context<'_>) -> Progress {
    let filter = request.subjects_filter.as_deref().filter(|filter| !filter.is_empty());
    // A filter that is none matches no subject.
    let filter = filter.and_then(|filter| Filter::new(filter.as_bytes()).ok());
    let Some(filter) = filter else {
        let details = StreamDetails {
            deleted: request.deleted_details == Some(true),
            page: Some(Page { total: 0, offset: 0, limit: 0 }),
            ..StreamDetails::default()
        };
        return describe("stream_info_response", &info, details, context);
    };
    let command = StreamCommand::Subjects {
        stream: info.spec.name.clone(),
        filter,
        after: None,
        count_max: page_offset(request.offset).saturating_add(SUBJECTS_PAGE),
    };
    ask(command, Step::Subjects { info, request })
}

/// Streams that JetStream can address and the filter wants; those that JetStream made come first (semantics 24).
fn visible<'s>(streams: &'s [StreamInfo], filter: Option<&Filter>) -> Vec<&'s StreamInfo> {
    let wanted = |info: &&StreamInfo| {
        is_name(info.spec.name.as_str())
            && filter.is_none_or(|filter| info.spec.subjects.iter().any(|subject| subject.overlaps(filter)))
    };
    let mut found: Vec<&StreamInfo> = streams.iter().filter(wanted).collect();
    if filter.is_some() {
        found.sort_by_key(|info| info.spec.made_by != Wire::Nats);
    }
    found
}

fn names(streams: &[StreamInfo], offset: usize, filter: Option<&Filter>) -> Progress {
    #[derive(Serialize)]
    struct Names<'a> {
        #[serde(flatten)]
        page: Page,
        // nats-server answers null for none, and clients read either.
        streams: Option<Vec<&'a str>>,
    }
    let found = visible(streams, filter);
    let offset = offset.min(found.len());
    let names: Vec<&str> =
        found[offset..].iter().take(NAMES_PAGE).map(|info| info.spec.name.as_str()).collect();
    let page = Page { total: found.len(), offset, limit: NAMES_PAGE };
    let body = Names { page, streams: Some(names).filter(|names| !names.is_empty()) };
    Progress::Answer(success("stream_names_response", &body))
}

fn list(streams: &[StreamInfo], offset: usize, filter: Option<&Filter>, context: &Context<'_>) -> Progress {
    #[derive(Serialize)]
    struct List<'a> {
        #[serde(flatten)]
        page: Page,
        streams: Vec<super::replies::StreamReplyBody<'a>>,
    }
    let found = visible(streams, filter);
    let offset = offset.min(found.len());
    let shown: Vec<(&StreamInfo, StreamExtras)> =
        found[offset..].iter().take(LIST_PAGE).map(|info| (*info, StreamExtras::of(&info.spec))).collect();
    let streams = shown
        .iter()
        .map(|(info, extras)| {
            stream_body(info, extras, StreamDetails::default(), context.settings, context.now)
        })
        .collect();
    let body = List { page: Page { total: found.len(), offset, limit: LIST_PAGE }, streams };
    Progress::Answer(success("stream_list_response", &body))
}

fn account(streams: &[StreamInfo], context: &Context<'_>) -> Progress {
    #[derive(Serialize)]
    struct Limits {
        max_memory: i64,
        max_storage: i64,
        max_streams: i64,
        max_consumers: i64,
        max_ack_pending: i64,
        memory_max_stream_bytes: i64,
        storage_max_stream_bytes: i64,
        max_bytes_required: bool,
    }
    #[derive(Serialize)]
    struct Api {
        #[serde(skip_serializing_if = "Option::is_none")]
        level: Option<u32>,
        total: u64,
        errors: u64,
    }
    #[derive(Serialize)]
    struct Account<'a> {
        memory: u64,
        storage: u64,
        reserved_memory: u64,
        reserved_storage: u64,
        streams: usize,
        consumers: u64,
        limits: Limits,
        #[serde(skip_serializing_if = "Option::is_none")]
        domain: Option<&'a str>,
        api: Api,
    }
    let found = visible(streams, None);
    let bytes = |storage| {
        let of = |info: &&&StreamInfo| info.spec.storage == storage;
        found.iter().filter(of).flat_map(|info| &info.partitions).map(|partition| partition.bytes).sum()
    };
    let reserved = |storage| {
        let of = |info: &&&StreamInfo| info.spec.storage == storage;
        found.iter().filter(of).filter_map(|info| info.spec.limits.bytes_max).fold(0, u64::saturating_add)
    };
    let body = Account {
        memory: bytes(stele_model::Storage::Memory),
        storage: bytes(stele_model::Storage::File),
        reserved_memory: reserved(stele_model::Storage::Memory),
        reserved_storage: reserved(stele_model::Storage::File),
        streams: found.len(),
        consumers: found.iter().map(|info| info.cursors).sum(),
        limits: Limits {
            max_memory: -1,
            max_storage: -1,
            max_streams: -1,
            max_consumers: -1,
            max_ack_pending: -1,
            memory_max_stream_bytes: -1,
            storage_max_stream_bytes: -1,
            max_bytes_required: false,
        },
        domain: context.settings.domain.as_deref(),
        api: Api { level: context.settings.api_level, total: 0, errors: 0 },
    };
    Progress::Answer(success("account_info_response", &body))
}
