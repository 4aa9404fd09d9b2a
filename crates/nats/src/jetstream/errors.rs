//! The table of JetStream errors: code, err_code and text as clients compare them.
//!
//! Neutral errors of the core come in through [`ApiError::from`]; what only JetStream knows stands as constants.

use std::borrow::Cow;
use stele_model::Error;

/// One row: HTTP-like code, JetStream's own number, text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ApiError {
    /// In the manner of HTTP.
    pub code: u16,
    /// JetStream's number, by which clients tell errors apart.
    pub err_code: u16,
    /// The text; some clients parse it.
    pub description: Cow<'static, str>,
}

impl ApiError {
    /// A row with a fixed text.
    pub const fn new(code: u16, err_code: u16, description: &'static str) -> Self {
        Self { code, err_code, description: Cow::Borrowed(description) }
    }

    /// A row whose text depends on the request.
    pub fn with_text(code: u16, err_code: u16, description: String) -> Self {
        Self { code, err_code, description: Cow::Owned(description) }
    }

    /// 10052: the stream configuration is not possible.
    pub const fn stream_config(description: &'static str) -> Self {
        Self::new(500, 10052, description)
    }

    /// 10012: the consumer cannot be made or changed so.
    pub const fn consumer_config(description: &'static str) -> Self {
        Self::new(500, 10012, description)
    }

    /// 10094: the delivery policy contradicts the other fields.
    pub const fn deliver_policy(description: &'static str) -> Self {
        Self::new(400, 10094, description)
    }

    /// 10025: the request cannot be read.
    pub fn invalid_json(error: &serde_json::Error) -> Self {
        Self::with_text(400, 10025, format!("invalid JSON: {error}"))
    }
}

/// Something contradicts itself in the request.
pub(super) const BAD_REQUEST: ApiError = ApiError::new(400, 10003, "bad request");
/// The operation needs a cluster.
pub(super) const CLUSTER_REQUIRED: ApiError =
    ApiError::new(503, 10010, "JetStream clustering support required");
/// The body must be empty.
pub(super) const NOT_EMPTY_REQUEST: ApiError = ApiError::new(400, 10038, "expected an empty request payload");
/// No such stream.
pub(super) const STREAM_NOT_FOUND: ApiError = ApiError::new(404, 10059, "stream not found");
/// The subject names another stream than the body.
pub(super) const STREAM_MISMATCH: ApiError =
    ApiError::new(400, 10056, "stream name in subject does not match request");
/// There is one server only.
pub(super) const REPLICAS_NOT_SUPPORTED: ApiError =
    ApiError::new(500, 10074, "replicas > 1 not supported in non-clustered mode");
/// The client wants a newer server.
pub(super) const REQUIRED_API_LEVEL: ApiError =
    ApiError::new(412, 10185, "JetStream minimum api level required");
/// No such message.
pub(super) const NO_MESSAGE: ApiError = ApiError::new(404, 10037, "no message found");
/// No such consumer.
pub(super) const CONSUMER_NOT_FOUND: ApiError = ApiError::new(404, 10014, "consumer not found");
/// `action: create` on an existing consumer.
pub(super) const CONSUMER_EXISTS: ApiError = ApiError::new(400, 10148, "consumer already exists");
/// `action: update` without a consumer.
pub(super) const CONSUMER_DOES_NOT_EXIST: ApiError = ApiError::new(400, 10149, "consumer does not exist");
/// A second consumer without a filter on a work queue.
pub(super) const WORK_QUEUE_UNFILTERED: ApiError =
    ApiError::new(400, 10099, "multiple non-filtered consumers not allowed on workqueue stream");

impl From<&Error> for ApiError {
    fn from(error: &Error) -> Self {
        let text = || error.to_string();
        match error {
            Error::StreamNotFound(_) | Error::PartitionNotFound(..) => STREAM_NOT_FOUND,
            Error::StreamExists(_) => {
                Self::new(400, 10058, "stream name already in use with a different configuration")
            }
            Error::SubjectsOverlap(_) => Self::new(400, 10065, "subjects overlap with an existing stream"),
            Error::NameCollision(_) => {
                Self::with_text(400, 10058, format!("stream name already in use: {error}"))
            }
            Error::NotAllowed(reason) => not_allowed(reason),
            Error::InvalidSpec(reason) => Self::with_text(500, 10052, reason.clone()),
            Error::OffsetOutOfRange | Error::RecordNotFound => NO_MESSAGE,
            Error::RecordsExceeded | Error::BytesExceeded | Error::SubjectRecordsExceeded => {
                Self::with_text(503, 10077, text())
            }
            Error::MessageTooLarge => Self::new(400, 10054, "message size exceeds maximum allowed"),
            Error::WrongExpectedStream => Self::new(400, 10060, "expected stream does not match"),
            Error::WrongLastSequence(_) => Self::with_text(400, 10071, text()),
            Error::WrongLastMessageId(_) => Self::with_text(400, 10070, text()),
            Error::DedupWindowFull | Error::Overloaded => Self::new(429, 10167, "too many requests"),
            Error::FeatureNotAllowed(feature) => feature_not_allowed(feature),
            Error::InvalidHeader(header) => invalid_header(header),
            Error::CursorNotFound => CONSUMER_NOT_FOUND,
            Error::CursorExists => Self::new(400, 10013, "consumer name already in use"),
            Error::CursorsExceeded => Self::new(400, 10026, "maximum consumers limit reached"),
            Error::CursorNotUnique => {
                Self::new(400, 10100, "filtered consumer not unique on workqueue stream")
            }
            Error::QuotaExceeded => Self::new(400, 10002, "resource limits exceeded for account"),
            Error::NotAuthorized => Self::new(403, 10003, "not authorized"),
            Error::DiskFull => Self::new(500, 10047, "insufficient storage resources available"),
            Error::Storage | Error::Quarantined => Self::with_text(503, 10077, text()),
            Error::NotOwner(_) => Self::new(503, 10008, "JetStream system temporarily unavailable"),
            Error::InvalidRecord(_) | Error::CorruptBatch(_) | Error::BadRequest(_) => {
                Self::with_text(400, 10003, text())
            }
            // The rest belongs to groups, sessions and producers of other wires: a wire that gets one asked wrongly.
            _ => Self::with_text(500, 10051, text()),
        }
    }
}

/// What a stream forbids, by the words that the core uses.
fn not_allowed(reason: &'static str) -> ApiError {
    match reason {
        _ if reason.contains("sealed") => ApiError::new(400, 10109, "invalid operation on sealed stream"),
        _ if reason.contains("purge") => ApiError::new(500, 10110, "stream purge not permitted"),
        _ if reason.contains("delete") => ApiError::new(500, 10057, "message delete not permitted"),
        _ => ApiError::new(400, 10003, reason),
    }
}

/// A header asks for what the stream does not do. The names are those that `conditions` and the core use.
fn feature_not_allowed(feature: &'static str) -> ApiError {
    match feature {
        "Nats-Rollup" | "rollup" => ApiError::new(500, 10111, "rollup not permitted"),
        "Nats-TTL" | "per-message TTL" => ApiError::new(400, 10166, "per-message TTL is disabled"),
        "Nats-Incr" => ApiError::new(400, 10168, "message counters is disabled"),
        "Nats-Batch-Id" => ApiError::new(400, 10174, "atomic publish is disabled"),
        "Nats-Schedule" => ApiError::new(400, 10188, "message schedules is disabled"),
        other => ApiError::with_text(400, 10003, format!("{other} is not allowed by the stream")),
    }
}

fn invalid_header(header: &'static str) -> ApiError {
    match header {
        "Nats-TTL" => ApiError::new(400, 10165, "invalid per-message TTL"),
        "Nats-Rollup" => ApiError::new(500, 10111, "rollup value invalid"),
        "Nats-Expected-Last-Subject-Sequence" => {
            ApiError::new(400, 10193, "missing sequence for expected last sequence per subject")
        }
        other => ApiError::with_text(400, 10003, format!("invalid value of {other}")),
    }
}
