//! The JSON of API replies: one envelope, and the parts that several replies share.

use super::consumer_config::ConsumerConfigReply;
use super::consumer_spec::{self, ConsumerExtras};
use super::errors::ApiError;
use super::settings::Settings;
use super::stream_config::{StreamConfigReply, is_zero};
use super::stream_spec::{self, StreamExtras};
use super::time::{ZERO_TIME, rfc3339};
use serde::Serialize;
use std::collections::BTreeMap;
use stele_model::{CursorInfo, Now, StreamInfo, SubjectCount};

/// An answer that worked: its type in front, then the body's own fields.
#[derive(Serialize)]
struct Envelope<'a, T: Serialize> {
    r#type: String,
    #[serde(flatten)]
    body: &'a T,
}

fn type_name(kind: &str) -> String {
    format!("io.nats.jetstream.api.v1.{kind}")
}

/// The JSON of a reply of this kind (`stream_info_response` …).
pub(super) fn success<T: Serialize>(kind: &str, body: &T) -> Vec<u8> {
    // The bodies below are plain structs with string keys, which always become JSON.
    serde_json::to_vec(&Envelope { r#type: type_name(kind), body }).unwrap_or_default()
}

/// The JSON of a refusal; some kinds carry their empty fields beside the error.
pub(super) fn failure(kind: &str, error: &ApiError) -> Vec<u8> {
    let rest = match kind {
        "stream_info_response" => r#","total":0,"offset":0,"limit":0"#,
        "consumer_names_response" | "consumer_list_response" => {
            r#","total":0,"offset":0,"limit":0,"consumers":[]"#
        }
        "stream_purge_response" => r#","purged":0"#,
        "consumer_pause_response" => r#","paused":false,"pause_until":"0001-01-01T00:00:00Z""#,
        _ => "",
    };
    let error = serde_json::to_string(error).unwrap_or_default();
    format!(r#"{{"type":"{}","error":{error}{rest}}}"#, type_name(kind)).into_bytes()
}

/// `{"success":true}`.
#[derive(Serialize)]
pub(super) struct Success {
    /// Always true.
    pub(super) success: bool,
    /// Purge only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purged: Option<u64>,
}

/// One page of a list.
#[derive(Serialize)]
pub(super) struct Page {
    /// Of all that match.
    pub(super) total: usize,
    /// Where this page begins.
    pub(super) offset: usize,
    /// How many a page holds.
    pub(super) limit: usize,
}

/// A stream as STREAM.CREATE, UPDATE, INFO and LIST show it.
#[derive(Serialize)]
pub(super) struct StreamReplyBody<'a> {
    /// INFO: the page of subjects.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) page: Option<Page>,
    config: StreamConfigReply<'a>,
    created: String,
    state: StreamState<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<Cluster<'a>>,
    ts: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    did_create: Option<bool>,
}

#[derive(Serialize)]
struct Cluster<'a> {
    leader: &'a str,
}

#[derive(Serialize)]
struct StreamState<'a> {
    messages: u64,
    bytes: u64,
    first_seq: u64,
    first_ts: String,
    last_seq: u64,
    last_ts: String,
    #[serde(skip_serializing_if = "is_zero")]
    num_subjects: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    subjects: BTreeMap<&'a str, u64>,
    #[serde(skip_serializing_if = "is_zero")]
    num_deleted: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deleted: Vec<u64>,
    consumer_count: u64,
}

/// What a reply about a stream adds to the stream itself.
#[derive(Default)]
pub(super) struct StreamDetails<'a> {
    /// Name the sequences that are gone.
    pub(super) deleted: bool,
    /// Subjects with their counts.
    pub(super) subjects: &'a [SubjectCount],
    /// INFO: name the leader, show the page.
    pub(super) page: Option<Page>,
    /// CREATE.
    pub(super) did_create: Option<bool>,
}

/// Builds a stream's body.
pub(super) fn stream_body<'a>(
    info: &'a StreamInfo,
    extras: &'a StreamExtras,
    details: StreamDetails<'a>,
    settings: &'a Settings,
    now: Now,
) -> StreamReplyBody<'a> {
    // JetStream sees partition 0 of a topic with several.
    let partition = info.partitions.first().cloned().unwrap_or_default();
    let time = |ns: u64| if ns == 0 { ZERO_TIME.to_owned() } else { rfc3339(ns) };
    let state = StreamState {
        messages: partition.records,
        bytes: partition.bytes,
        first_seq: match (partition.records, partition.end) {
            (0, 0) => 0,
            (0, end) => end + 1,
            _ => partition.first + 1,
        },
        first_ts: time(if partition.records == 0 { 0 } else { partition.first_time_ns }),
        last_seq: partition.end,
        last_ts: time(partition.last_time_ns),
        num_subjects: partition.subjects,
        subjects: details
            .subjects
            .iter()
            .filter_map(|subject| Some((std::str::from_utf8(&subject.subject).ok()?, subject.count)))
            .collect(),
        num_deleted: partition.gone,
        deleted: if details.deleted {
            partition.gone_offsets.iter().map(|at| at + 1).collect()
        } else {
            Vec::new()
        },
        consumer_count: info.cursors,
    };
    let leader = details.page.as_ref().map(|_| settings.server_name.as_str()).filter(|name| !name.is_empty());
    StreamReplyBody {
        page: details.page,
        config: stream_spec::to_reply(&info.spec, extras, settings),
        created: rfc3339(info.created_ns),
        state,
        cluster: leader.map(|leader| Cluster { leader }),
        ts: rfc3339(now.wall_ns),
        did_create: details.did_create,
    }
}

/// A consumer as CREATE, INFO and LIST show it.
#[derive(Serialize)]
pub(super) struct ConsumerReplyBody<'a> {
    stream_name: &'a str,
    name: &'a str,
    created: String,
    config: ConsumerConfigReply<'a>,
    delivered: Position,
    ack_floor: Position,
    num_ack_pending: u64,
    num_redelivered: u64,
    num_waiting: u64,
    num_pending: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<Cluster<'a>>,
    #[serde(skip_serializing_if = "super::stream_config::is_false")]
    push_bound: bool,
    #[serde(skip_serializing_if = "super::stream_config::is_false")]
    paused: bool,
    #[serde(skip_serializing_if = "is_zero")]
    pause_remaining: u64,
    ts: String,
}

#[derive(Serialize)]
struct Position {
    consumer_seq: u64,
    stream_seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_active: Option<String>,
}

impl Position {
    fn new((consumer_seq, stream_seq, wall_ns): (u64, u64, u64)) -> Self {
        Self { consumer_seq, stream_seq, last_active: (wall_ns > 0).then(|| rfc3339(wall_ns)) }
    }
}

/// Builds a consumer's body. `push_bound`: somebody listens on its deliver subject.
pub(super) fn consumer_body<'a>(
    info: &'a CursorInfo,
    extras: &'a ConsumerExtras,
    push_bound: bool,
    settings: &'a Settings,
    now: Now,
) -> ConsumerReplyBody<'a> {
    let pause_remaining = info.spec.paused_until_ns.saturating_sub(now.wall_ns);
    ConsumerReplyBody {
        stream_name: info.stream.as_str(),
        name: info.spec.name.as_str(),
        created: rfc3339(info.created_ns),
        config: consumer_spec::to_reply(&info.spec, extras, settings),
        delivered: Position::new(info.delivered),
        ack_floor: Position::new(info.floor),
        num_ack_pending: info.ack_pending,
        num_redelivered: info.redelivered,
        num_waiting: if info.spec.push.is_some() { 0 } else { info.waiting },
        num_pending: info.pending,
        cluster: Some(settings.server_name.as_str())
            .filter(|name| !name.is_empty())
            .map(|leader| Cluster { leader }),
        push_bound,
        paused: pause_remaining > 0,
        pause_remaining,
        ts: rfc3339(now.wall_ns),
    }
}
