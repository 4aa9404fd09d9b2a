//! From a stream's JSON configuration to what the core acts on, and back; the rules of create and update.
//!
//! What the core has no field for is kept as JSON in the spec's NATS document ([`StreamExtras`]).

use super::errors::{ApiError, CLUSTER_REQUIRED, REPLICAS_NOT_SUPPORTED};
use super::settings::Settings;
use super::stream_config::{
    CompressionName, ConsumerLimits, DiscardName, RetentionName, StorageName, StreamConfigReply,
    StreamConfigRequest, Unhandled,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stele_model::{
    CleanupPolicy, Discard, Document, Filter, Limits, Retention, Storage, StreamName, StreamSpec, Wire,
};

/// Names of streams and consumers have at most this many bytes.
pub(super) const NAME_BYTES_MAX: usize = 255;
/// Descriptions have at most this many bytes.
pub(super) const DESCRIPTION_BYTES_MAX: usize = 4096;
/// Metadata keys and values together have at most this many bytes.
pub(super) const METADATA_BYTES_MAX: usize = 128 << 10;
const REPLICAS_MAX: i64 = 5;
/// The shortest age and window.
const HUNDRED_MS: i64 = 100_000_000;
const SECOND: i64 = 1_000_000_000;
const DUPLICATE_WINDOW_DEFAULT: i64 = 120 * SECOND;

/// Fields of a stream's configuration that only this wire acts on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct StreamExtras {
    /// The user's words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    /// The user's pairs, without those of the server.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: BTreeMap<String, String>,
    /// DIRECT.GET is answered.
    pub(super) allow_direct: bool,
    /// Checked when a consumer is made.
    pub(super) consumer_limits: ConsumerLimits,
}

impl StreamExtras {
    /// Reads them back; a stream of another wire has none.
    pub(super) fn of(spec: &StreamSpec) -> Self {
        spec.documents
            .iter()
            .find(|document| document.wire == Wire::Nats)
            .and_then(|document| serde_json::from_slice(&document.bytes).ok())
            .unwrap_or_default()
    }

    fn document(&self) -> Document {
        // Plain strings, maps and numbers always become JSON.
        Document { wire: Wire::Nats, bytes: serde_json::to_vec(self).unwrap_or_default() }
    }
}

/// Can JetStream clients address a stream or consumer of this name?
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name
            .bytes()
            .any(|byte| matches!(byte, b'.' | b'*' | b'>' | b'/' | b'\\') || byte <= b' ' || byte == 127)
}

/// Checks a configuration by itself and translates it.
///
/// # Errors
/// As nats-server answers, where it has such an error; 10052 for what this server does not offer.
pub(super) fn to_spec(request: StreamConfigRequest) -> Result<StreamSpec, ApiError> {
    let name = request.name.clone().unwrap_or_default();
    check_words(&name, &request)?;
    refuse_unhandled(&request.unhandled, request.compression, request.mirror_direct)?;
    let limits = to_limits(&request);
    let dedup_window_ns = to_duplicate_window(&request)?;
    let (delete_marker_ttl_ns, allow_message_ttl, allow_rollup) = to_marker_rules(&request)?;
    if limits.discard_new_per_subject {
        if limits.discard != Discard::New {
            return Err(ApiError::stream_config(
                "discard new per subject requires discard new policy to be set",
            ));
        }
        if limits.records_per_subject_max.is_none() {
            return Err(ApiError::stream_config("discard new per subject requires max msgs per subject > 0"));
        }
    }
    let acknowledges = !request.no_ack.unwrap_or(false);
    let subjects = to_subjects(&name, request.subjects.unwrap_or_default(), acknowledges)?;
    let sealed = request.sealed.unwrap_or(false);
    let extras = StreamExtras {
        description: request.description.unwrap_or_default(),
        metadata: user_metadata(request.metadata.unwrap_or_default()),
        allow_direct: request.allow_direct.unwrap_or(false),
        consumer_limits: request.consumer_limits.unwrap_or_default(),
    };
    Ok(StreamSpec {
        name: StreamName::new(&name),
        made_by: Wire::Nats,
        subjects,
        partitions: 1,
        acknowledges,
        storage: match request.storage {
            Some(StorageName::Memory) => Storage::Memory,
            _ => Storage::File,
        },
        retention: match request.retention {
            Some(RetentionName::Interest) => Retention::Interest,
            Some(RetentionName::WorkQueue) => Retention::WorkQueue,
            _ => Retention::Limits,
        },
        limits,
        cleanup: CleanupPolicy::Delete,
        dedup_window_ns,
        deny_delete: request.deny_delete.unwrap_or(false) || sealed,
        deny_purge: request.deny_purge.unwrap_or(false) || sealed,
        allow_rollup: allow_rollup && !sealed,
        allow_message_ttl,
        delete_marker_ttl_ns,
        sealed,
        first_offset: request.first_seq.unwrap_or(0).saturating_sub(1),
        stamps_time: false,
        documents: vec![extras.document()],
    })
}

fn check_words(name: &str, request: &StreamConfigRequest) -> Result<(), ApiError> {
    if name.len() > NAME_BYTES_MAX {
        return Err(ApiError::stream_config("stream name is too long, maximum allowed is 255"));
    }
    if !is_name(name) {
        return Err(ApiError::stream_config(
            "stream name is required and can not contain '.', '*', '>', '\\', '/'",
        ));
    }
    if request.description.as_ref().is_some_and(|text| text.len() > DESCRIPTION_BYTES_MAX) {
        return Err(ApiError::stream_config("stream description is too long, maximum allowed is 4096"));
    }
    if request.metadata.as_ref().is_some_and(|metadata| metadata_bytes(metadata) > METADATA_BYTES_MAX) {
        return Err(ApiError::stream_config("stream metadata exceeds maximum size of 131072 bytes"));
    }
    match request.num_replicas.unwrap_or(0) {
        ..0 => Err(ApiError::new(400, 10133, "replicas count cannot be negative")),
        0 | 1 => Ok(()),
        2..=REPLICAS_MAX => Err(REPLICAS_NOT_SUPPORTED),
        _ => Err(ApiError::stream_config("maximum replicas is 5")),
    }
}

fn refuse_unhandled(
    unhandled: &Unhandled,
    compression: Option<CompressionName>,
    mirror_direct: Option<bool>,
) -> Result<(), ApiError> {
    let Unhandled { sources, allow_msg_counter, allow_atomic, allow_batched, allow_msg_schedules, .. } =
        unhandled;
    let rows = [
        (unhandled.mirror.is_some(), "stream mirrors are not supported by this server"),
        (
            sources.as_ref().is_some_and(|list| !list.is_empty()),
            "stream sources are not supported by this server",
        ),
        (unhandled.republish.is_some(), "republish is not supported by this server"),
        (unhandled.subject_transform.is_some(), "subject transforms are not supported by this server"),
        (*allow_msg_counter == Some(true), "message counters are not supported by this server"),
        (*allow_atomic == Some(true), "atomic batch publish is not supported by this server"),
        (*allow_batched == Some(true), "batch publish is not supported by this server"),
        (*allow_msg_schedules == Some(true), "message schedules are not supported by this server"),
        (
            unhandled.persist_mode.as_ref().is_some_and(|mode| !mode.is_empty() && mode != "default"),
            "async persist mode is not supported by this server",
        ),
        (
            unhandled.template_owner.as_ref().is_some_and(|owner| !owner.is_empty()),
            "stream templates are not supported by this server",
        ),
        (compression == Some(CompressionName::S2), "compression s2 is not supported by this server"),
        (mirror_direct == Some(true), "stream has no mirror but does have mirror direct"),
    ];
    if let Some((_, text)) = rows.into_iter().find(|(present, _)| *present) {
        return Err(ApiError::stream_config(text));
    }
    if unhandled.placement.as_ref().is_some_and(is_meaningful) { Err(CLUSTER_REQUIRED) } else { Ok(()) }
}

/// An empty placement, as clients send it from a default struct, asks for nothing.
fn is_meaningful(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => map.values().any(is_meaningful),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn to_limits(request: &StreamConfigRequest) -> Limits {
    let positive =
        |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).filter(|value| *value > 0);
    Limits {
        records_max: positive(request.max_msgs),
        bytes_max: positive(request.max_bytes),
        age_max_ns: positive(request.max_age),
        records_per_subject_max: positive(request.max_msgs_per_subject),
        message_bytes_max: positive(request.max_msg_size.map(i64::from)),
        batch_bytes_max: None,
        cursors_max: positive(request.max_consumers),
        discard: match request.discard {
            Some(DiscardName::New) => Discard::New,
            _ => Discard::Old,
        },
        discard_new_per_subject: request.discard_new_per_subject.unwrap_or(false),
    }
}

fn to_duplicate_window(request: &StreamConfigRequest) -> Result<u64, ApiError> {
    let age_max = request.max_age.unwrap_or(0);
    match age_max {
        ..0 => return Err(ApiError::stream_config("max age can not be negative")),
        0 => {}
        1..HUNDRED_MS => return Err(ApiError::stream_config("max age needs to be >= 100ms")),
        _ => {}
    }
    let window = match request.duplicate_window.unwrap_or(0) {
        ..0 => return Err(ApiError::stream_config("duplicates window can not be negative")),
        0 if age_max > 0 => age_max.min(DUPLICATE_WINDOW_DEFAULT),
        0 => DUPLICATE_WINDOW_DEFAULT,
        window if age_max > 0 && window > age_max => {
            return Err(ApiError::stream_config("duplicates window can not be larger then max age"));
        }
        1..HUNDRED_MS => return Err(ApiError::stream_config("duplicates window needs to be >= 100ms")),
        window => window,
    };
    Ok(window.unsigned_abs())
}

/// Delete markers imply per-message TTL and roll-ups: (marker TTL, TTL allowed, roll-up allowed).
fn to_marker_rules(request: &StreamConfigRequest) -> Result<(u64, bool, bool), ApiError> {
    let deny_purge = request.deny_purge.unwrap_or(false);
    let rollup = request.allow_rollup_hdrs.unwrap_or(false);
    if deny_purge && rollup {
        return Err(ApiError::stream_config("roll-ups require the purge permission"));
    }
    match request.subject_delete_marker_ttl.unwrap_or(0) {
        ..0 => Err(ApiError::stream_config("subject delete marker TTL must not be negative")),
        0 => Ok((0, request.allow_msg_ttl.unwrap_or(false), rollup)),
        1..SECOND => Err(ApiError::stream_config("subject delete marker TTL must be at least 1 second")),
        _ if deny_purge => Err(ApiError::stream_config("roll-ups require the purge permission")),
        ttl => Ok((ttl.unsigned_abs(), true, true)),
    }
}

fn to_subjects(name: &str, subjects: Vec<String>, acknowledges: bool) -> Result<Vec<Filter>, ApiError> {
    if subjects.is_empty() {
        // A name has no dots, spaces or wildcards, so it is a subject.
        return Filter::new(name.as_bytes())
            .map(|filter| vec![filter])
            .map_err(|_| ApiError::stream_config("invalid subject"));
    }
    let overlaps =
        |filter: &Filter, other: &str| Filter::new(other.as_bytes()).is_ok_and(|o| filter.overlaps(&o));
    let mut filters: Vec<Filter> = Vec::with_capacity(subjects.len());
    for subject in &subjects {
        let filter =
            Filter::new(subject.as_bytes()).map_err(|_| ApiError::stream_config("invalid subject"))?;
        if acknowledges && subject == ">" {
            return Err(ApiError::stream_config("capturing all subjects requires no-ack to be true"));
        }
        // A filter that starts with a wildcard token `*` cannot reach `$JS.API.>` by accident: nats-server allows it.
        if acknowledges && subject.starts_with('$') {
            if ["$JS.>", "$JSC.>", "$NRG.>"].iter().any(|api| overlaps(&filter, api))
                && !subject.starts_with("$JS.EVENT.")
            {
                return Err(ApiError::stream_config(
                    "subjects that overlap with jetstream api require no-ack to be true",
                ));
            }
            if overlaps(&filter, "$SYS.>") && !subject.starts_with("$SYS.ACCOUNT.") {
                return Err(ApiError::stream_config(
                    "subjects that overlap with system api require no-ack to be true",
                ));
            }
        }
        filters.push(filter);
    }
    if let Some((left, right)) = first_overlap(&filters) {
        return Err(ApiError::with_text(500, 10052, format!("subject \"{left}\" overlaps with \"{right}\"")));
    }
    Ok(filters)
}

/// The first two filters that share a subject. Literal duplicates are found by sorting; only wildcards are compared
/// with all, so that a stream of many literal subjects costs n log n.
pub(super) fn first_overlap(filters: &[Filter]) -> Option<(&Filter, &Filter)> {
    let mut sorted: Vec<&Filter> = filters.iter().collect();
    sorted.sort();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Some((pair[0], pair[1]));
    }
    let wildcards = filters.iter().enumerate().filter(|(_, filter)| !filter.is_literal());
    for (index, wildcard) in wildcards {
        let other = filters.iter().enumerate().find(|(at, other)| *at != index && wildcard.overlaps(other));
        if let Some((_, other)) = other {
            return Some((wildcard, other));
        }
    }
    None
}

/// Bytes of all keys and values.
pub(super) fn metadata_bytes(metadata: &BTreeMap<String, String>) -> usize {
    metadata.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// Without the pairs that the server writes.
pub(super) fn user_metadata(mut metadata: BTreeMap<String, String>) -> BTreeMap<String, String> {
    metadata.retain(|key, _| !matches!(key.as_str(), "_nats.ver" | "_nats.level" | "_nats.req.level"));
    metadata
}

/// The pairs that the server adds in replies, where it shows an API level.
pub(super) fn add_server_metadata(
    metadata: &mut BTreeMap<String, String>,
    settings: &Settings,
    required: u32,
) {
    let Some(level) = settings.api_level else { return };
    metadata.insert("_nats.level".to_owned(), level.to_string());
    metadata.insert("_nats.req.level".to_owned(), required.to_string());
    metadata.insert("_nats.ver".to_owned(), settings.version.clone());
}

/// A new stream may not be born sealed.
///
/// # Errors
/// 10052.
pub(super) fn check_create(spec: &StreamSpec) -> Result<(), ApiError> {
    if spec.sealed {
        return Err(ApiError::stream_config("stream configuration for create can not be sealed"));
    }
    Ok(())
}

/// What an update may change. Also carries over what an update cannot set.
///
/// # Errors
/// 10052 with the words of nats-server.
pub(super) fn check_update(old: &StreamSpec, new: &mut StreamSpec) -> Result<(), ApiError> {
    let work_queue_changes =
        (old.retention == Retention::WorkQueue) != (new.retention == Retention::WorkQueue);
    let rows = [
        (old.storage != new.storage, "stream configuration update can not change storage type"),
        (work_queue_changes, "stream configuration update can not change retention policy to/from workqueue"),
        (old.sealed && !new.sealed, "stream configuration update can not unseal a sealed stream"),
        (
            !new.sealed && old.deny_delete && !new.deny_delete,
            "stream configuration update can not cancel deny message deletes",
        ),
        (
            !new.sealed && old.deny_purge && !new.deny_purge,
            "stream configuration update can not cancel deny purge",
        ),
        (old.allow_message_ttl && !new.allow_message_ttl, "message TTL status can not be disabled"),
        (
            new.made_by != old.made_by && old.made_by != Wire::Nats,
            "a stream that another protocol made can only be changed there",
        ),
    ];
    if let Some((_, text)) = rows.into_iter().find(|(broken, _)| *broken) {
        return Err(ApiError::stream_config(text));
    }
    // The first sequence says where the stream began; an update that leaves it out does not move it.
    new.first_offset = old.first_offset;
    new.partitions = old.partitions;
    new.cleanup = old.cleanup;
    let others = old.documents.iter().filter(|document| document.wire != Wire::Nats);
    new.documents.extend(others.cloned());
    Ok(())
}

/// A stream's configuration for a reply.
pub(super) fn to_reply<'a>(
    spec: &'a StreamSpec,
    extras: &'a StreamExtras,
    settings: &Settings,
) -> StreamConfigReply<'a> {
    // nats-server writes limits as signed numbers, −1 for none.
    let limit = |value: Option<u64>| value.map_or(-1, |value| i64::try_from(value).unwrap_or(i64::MAX));
    let mut metadata = extras.metadata.clone();
    let level = u32::from(spec.allow_message_ttl || spec.delete_marker_ttl_ns > 0);
    add_server_metadata(&mut metadata, settings, level);
    StreamConfigReply {
        name: spec.name.as_str(),
        description: &extras.description,
        subjects: spec.subjects.iter().map(ToString::to_string).collect(),
        retention: match spec.retention {
            Retention::Limits => RetentionName::Limits,
            Retention::Interest => RetentionName::Interest,
            Retention::WorkQueue => RetentionName::WorkQueue,
        },
        max_consumers: limit(spec.limits.cursors_max),
        max_msgs: limit(spec.limits.records_max),
        max_bytes: limit(spec.limits.bytes_max),
        max_age: spec.limits.age_max_ns.unwrap_or(0),
        max_msgs_per_subject: limit(spec.limits.records_per_subject_max),
        max_msg_size: limit(spec.limits.message_bytes_max),
        discard: match spec.limits.discard {
            Discard::Old => DiscardName::Old,
            Discard::New => DiscardName::New,
        },
        storage: match spec.storage {
            Storage::File => StorageName::File,
            Storage::Memory => StorageName::Memory,
        },
        num_replicas: 1,
        no_ack: !spec.acknowledges,
        duplicate_window: spec.dedup_window_ns,
        compression: CompressionName::None,
        first_seq: if spec.first_offset == 0 { 0 } else { spec.first_offset + 1 },
        allow_direct: extras.allow_direct,
        mirror_direct: false,
        discard_new_per_subject: spec.limits.discard_new_per_subject,
        sealed: spec.sealed,
        deny_delete: spec.deny_delete,
        deny_purge: spec.deny_purge,
        allow_rollup_hdrs: spec.allow_rollup,
        consumer_limits: extras.consumer_limits,
        allow_msg_ttl: spec.allow_message_ttl,
        subject_delete_marker_ttl: spec.delete_marker_ttl_ns,
        metadata,
    }
}
