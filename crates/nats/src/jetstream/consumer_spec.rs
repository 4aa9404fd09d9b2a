//! From a consumer's JSON configuration to what the core acts on, and back; the rules of create and update.

use super::consumer_config::{
    AckPolicyName, ConsumerConfigReply, ConsumerConfigRequest, DeliverPolicyName, ReplayPolicyName,
};
use super::errors::{ApiError, REPLICAS_NOT_SUPPORTED};
use super::settings::Settings;
use super::stream_spec::{
    DESCRIPTION_BYTES_MAX, METADATA_BYTES_MAX, StreamExtras, add_server_metadata, first_overlap, is_name,
    metadata_bytes, user_metadata,
};
use super::time::{go_duration, parse_rfc3339, rfc3339};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stele_model::{
    AckPolicy, CursorName, CursorSpec, Document, Filter, PullLimits, Push, Retention, StartAt, StreamSpec,
    Wire, is_literal_subject,
};

const HUNDRED_MS: i64 = 100_000_000;
const ACK_WAIT_DEFAULT_NS: u64 = 30_000_000_000;
const INACTIVE_DEFAULT_NS: u64 = 5_000_000_000;
const MAX_WAITING_DEFAULT: u64 = 512;
const MAX_ACK_PENDING_DEFAULT: u64 = 1000;

/// Fields of a consumer's configuration that only this wire shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct ConsumerExtras {
    /// The user's words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    /// The user's pairs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: BTreeMap<String, String>,
    /// The start time as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start_time: Option<String>,
    /// The client gave the name.
    pub(super) named: bool,
    /// The filter came as `filter_subjects`.
    pub(super) plural: bool,
    /// 0 or 1.
    pub(super) num_replicas: u64,
    /// The wait that was asked for where nothing is acknowledged; only shown.
    pub(super) ack_wait_shown: u64,
    /// A group that was asked for without a subject; only shown, as by nats-server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) group_shown: String,
}

impl ConsumerExtras {
    /// Reads them back.
    pub(super) fn of(spec: &CursorSpec) -> Self {
        spec.document
            .as_ref()
            .filter(|document| document.wire == Wire::Nats)
            .and_then(|document| serde_json::from_slice(&document.bytes).ok())
            .unwrap_or_default()
    }
}

/// Checks a configuration by itself and translates it. `name` is the one in the subject or a generated one.
///
/// # Errors
/// As nats-server answers.
pub(super) fn to_spec(
    request: ConsumerConfigRequest,
    name: &str,
    named: bool,
) -> Result<CursorSpec, ApiError> {
    refuse_unhandled(&request)?;
    check_words(&request, name)?;
    let push = to_push(&request)?;
    let (filters, plural) = to_filters(&request)?;
    let start = to_start(&request, filters.is_empty())?;
    let ack_policy = match request.ack_policy {
        Some(AckPolicyName::All) => AckPolicy::All,
        Some(AckPolicyName::Explicit) => AckPolicy::Explicit,
        _ => AckPolicy::None,
    };
    let deliveries_max = positive(request.max_deliver);
    let backoff_ns = to_backoff(&request, deliveries_max)?;
    let ack_wait = match request.ack_wait.unwrap_or(0) {
        ..0 => return Err(ApiError::new(400, 10183, "consumer ack wait needs to be positive")),
        wait => wait.unsigned_abs(),
    };
    let ack_wait = backoff_ns.first().copied().unwrap_or(ack_wait);
    if matches!(request.max_expires, Some(1..1_000_000)) {
        return Err(ApiError::new(400, 10115, "consumer max request expires needs to be >= 1ms"));
    }
    let durable = request.durable_name.as_ref().is_some_and(|name| !name.is_empty());
    let pause = request.pause_until.as_deref().filter(|text| !text.is_empty());
    let paused_until_ns = pause.map_or(Some(0), parse_rfc3339).ok_or_else(|| invalid_time("pause_until"))?;
    let extras = ConsumerExtras {
        description: request.description.unwrap_or_default(),
        metadata: user_metadata(request.metadata.unwrap_or_default()),
        start_time: request.opt_start_time.filter(|_| matches!(start, StartAt::Time(_))),
        named,
        plural,
        num_replicas: positive(request.num_replicas).unwrap_or(0),
        ack_wait_shown: ack_wait,
        group_shown: if push.is_none() { request.deliver_group.unwrap_or_default() } else { String::new() },
    };
    Ok(CursorSpec {
        name: CursorName::new(name),
        durable,
        filters,
        start,
        ack_policy,
        ack_wait_ns: if ack_wait == 0 { ACK_WAIT_DEFAULT_NS } else { ack_wait },
        deliveries_max,
        backoff_ns,
        pending_max: match (ack_policy, request.max_ack_pending.unwrap_or(0)) {
            (AckPolicy::None, 0) | (_, ..0) => None,
            (_, 0) => Some(MAX_ACK_PENDING_DEFAULT),
            (_, max) => Some(max.unsigned_abs()),
        },
        pulls_max: if push.is_some() {
            1
        } else {
            positive(request.max_waiting).unwrap_or(MAX_WAITING_DEFAULT)
        },
        pull_limits: PullLimits {
            batch_max: positive(request.max_batch),
            expires_max_ns: positive(request.max_expires),
            bytes_max: positive(request.max_bytes),
        },
        inactive_ns: match (positive(request.inactive_threshold), durable) {
            (Some(threshold), _) => threshold,
            (None, true) => 0,
            (None, false) => INACTIVE_DEFAULT_NS,
        },
        replay_original: request.replay_policy == Some(ReplayPolicyName::Original),
        headers_only: request.headers_only.unwrap_or(false),
        memory: request.mem_storage.unwrap_or(false),
        paused_until_ns,
        push,
        document: Some(Document { wire: Wire::Nats, bytes: serde_json::to_vec(&extras).unwrap_or_default() }),
    })
}

fn positive(value: Option<i64>) -> Option<u64> {
    value.and_then(|value| u64::try_from(value).ok()).filter(|value| *value > 0)
}

fn invalid_time(field: &str) -> ApiError {
    ApiError::with_text(400, 10025, format!("invalid JSON: {field} is not an RFC 3339 time"))
}

fn refuse_unhandled(request: &ConsumerConfigRequest) -> Result<(), ApiError> {
    let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let groups = request.priority_groups.as_ref().is_some_and(|groups| !groups.is_empty());
    let policy =
        request.priority_policy.as_ref().is_some_and(|policy| !policy.is_empty() && policy != "none");
    if groups && !policy {
        return Err(ApiError::new(400, 10196, "consumer can not have priority groups when policy is none"));
    }
    let rows = [
        (groups || policy, "priority groups are not supported by this server"),
        (filled(&request.sample_freq), "acknowledgement sampling is not supported by this server"),
        (request.direct == Some(true), "direct consumers are not supported by this server"),
        (
            request.ack_policy == Some(AckPolicyName::FlowControl),
            "ack policy flow_control is not supported by this server",
        ),
    ];
    match rows.into_iter().find(|(present, _)| *present) {
        Some((_, text)) => Err(ApiError::consumer_config(text)),
        None => Ok(()),
    }
}

fn check_words(request: &ConsumerConfigRequest, name: &str) -> Result<(), ApiError> {
    if name.len() > super::stream_spec::NAME_BYTES_MAX {
        return Err(ApiError::new(400, 10102, "consumer name is too long, maximum allowed is 255"));
    }
    if !is_name(name) {
        return Err(ApiError::new(400, 10103, "durable name can not contain '.', '*', '>'"));
    }
    if request.description.as_ref().is_some_and(|text| text.len() > DESCRIPTION_BYTES_MAX) {
        return Err(ApiError::new(400, 10107, "consumer description is too long, maximum allowed is 4096"));
    }
    if request.metadata.as_ref().is_some_and(|metadata| metadata_bytes(metadata) > METADATA_BYTES_MAX) {
        return Err(ApiError::new(400, 10135, "consumer metadata exceeds maximum size of 131072"));
    }
    match request.num_replicas.unwrap_or(0) {
        ..0 => Err(ApiError::new(400, 10133, "replicas count cannot be negative")),
        0 | 1 => Ok(()),
        _ => Err(REPLICAS_NOT_SUPPORTED),
    }
}

fn to_push(request: &ConsumerConfigRequest) -> Result<Option<Push>, ApiError> {
    let heartbeat = request.idle_heartbeat.unwrap_or(0);
    let flow_control = request.flow_control.unwrap_or(false);
    let Some(subject) = request.deliver_subject.as_ref().filter(|subject| !subject.is_empty()) else {
        let rows = [
            (
                request.rate_limit_bps.unwrap_or(0) > 0,
                10086,
                "consumer in pull mode can not have rate limit set",
            ),
            (heartbeat > 0, 10088, "consumer idle heartbeat requires a push based consumer"),
            (flow_control, 10089, "consumer flow control requires a push based consumer"),
        ];
        return match rows.into_iter().find(|(present, ..)| *present) {
            Some((_, number, text)) => Err(ApiError::new(400, number, text)),
            None => Ok(None),
        };
    };
    let wildcards = Filter::new(subject.as_bytes()).is_ok_and(|filter| !filter.is_literal());
    let rows = [
        (wildcards, 10079, "consumer deliver subject has wildcards"),
        (!is_literal_subject(subject.as_bytes()), 10112, "invalid push consumer deliver subject"),
        (request.max_waiting.unwrap_or(0) != 0, 10080, "consumer in push mode can not set max waiting"),
        ((1..HUNDRED_MS).contains(&heartbeat), 10083, "consumer idle heartbeat needs to be >= 100ms"),
        (flow_control && heartbeat <= 0, 10108, "consumer with flow control also needs heartbeats"),
    ];
    if let Some((_, number, text)) = rows.into_iter().find(|(present, ..)| *present) {
        return Err(ApiError::new(400, number, text));
    }
    Ok(Some(Push {
        subject: subject.clone().into_bytes(),
        group: request
            .deliver_group
            .as_ref()
            .filter(|g| !g.is_empty())
            .map(|group| group.clone().into_bytes()),
        flow_control,
        heartbeat_ns: positive(Some(heartbeat)).unwrap_or(0),
        rate_bps: request.rate_limit_bps.unwrap_or(0),
    }))
}

fn to_filters(request: &ConsumerConfigRequest) -> Result<(Vec<Filter>, bool), ApiError> {
    let single = request.filter_subject.as_deref().filter(|subject| !subject.is_empty());
    let many = request.filter_subjects.as_deref().unwrap_or_default();
    if single.is_some() && !many.is_empty() {
        return Err(ApiError::new(
            400,
            10136,
            "consumer cannot have both FilterSubject and FilterSubjects specified",
        ));
    }
    if many.iter().any(String::is_empty) {
        return Err(ApiError::new(400, 10139, "consumer filter in FilterSubjects cannot be empty"));
    }
    let filter =
        |text: &str| Filter::new(text.as_bytes()).map_err(|_| ApiError::stream_config("invalid subject"));
    let filters = match single {
        // `>` asks for everything, which is no filter.
        Some(subject) => vec![filter(subject)?],
        None => many.iter().map(|subject| filter(subject)).collect::<Result<Vec<_>, _>>()?,
    };
    if first_overlap(&filters).is_some() {
        return Err(ApiError::new(400, 10138, "consumer subject filters cannot overlap"));
    }
    Ok((filters, !many.is_empty()))
}

fn to_start(request: &ConsumerConfigRequest, unfiltered: bool) -> Result<StartAt, ApiError> {
    use DeliverPolicyName as Policy;
    let policy = request.deliver_policy.unwrap_or(Policy::All);
    let sequence = request.opt_start_seq.filter(|sequence| *sequence > 0);
    let time = request.opt_start_time.as_deref().filter(|time| !time.is_empty());
    let refuse = |what: &str| {
        let text = format!("consumer delivery policy is deliver {what}");
        Err(ApiError::with_text(400, 10094, text))
    };
    let words = match policy {
        Policy::All => "all",
        Policy::Last => "last",
        Policy::New => "new",
        Policy::LastPerSubject => "last per subject",
        Policy::ByStartSequence => {
            return match (sequence, time) {
                (None, _) => refuse("by start sequence, but optional start sequence is not set"),
                (_, Some(_)) => refuse("by start sequence, but optional start time is also set"),
                (Some(sequence), None) => Ok(StartAt::Offset(sequence - 1)),
            };
        }
        Policy::ByStartTime => {
            return match (sequence, time) {
                (_, None) => refuse("by start time, but optional start time is not set"),
                (Some(_), _) => refuse("by start time, but optional start start sequence is also set"),
                (None, Some(text)) => {
                    parse_rfc3339(text).map(StartAt::Time).ok_or_else(|| invalid_time("opt_start_time"))
                }
            };
        }
    };
    match (sequence, time, policy) {
        (Some(_), ..) => refuse(&format!("{words}, but optional start sequence is also set")),
        (_, Some(_), _) => refuse(&format!("{words}, but optional start time is also set")),
        (.., Policy::Last) => Ok(StartAt::Last),
        (.., Policy::New) => Ok(StartAt::New),
        (.., Policy::LastPerSubject) if unfiltered => {
            refuse("last per subject, but optional filter subject is not set")
        }
        (.., Policy::LastPerSubject) => Ok(StartAt::LastPerSubject),
        _ => Ok(StartAt::All),
    }
}

fn to_backoff(request: &ConsumerConfigRequest, deliveries_max: Option<u64>) -> Result<Vec<u64>, ApiError> {
    let backoff = request.backoff.as_deref().unwrap_or_default();
    if backoff.iter().any(|wait| *wait < 0) {
        return Err(ApiError::new(400, 10184, "consumer backoff needs to be positive"));
    }
    if deliveries_max.is_some_and(|max| (backoff.len() as u64) > max) {
        return Err(ApiError::new(400, 10116, "max deliver is required to be > length of backoff values"));
    }
    Ok(backoff.iter().map(|wait| wait.unsigned_abs()).collect())
}

/// The rules that depend on the stream; takes its defaults over where the request was silent.
///
/// # Errors
/// As nats-server answers.
pub(super) fn check_against_stream(
    spec: &mut CursorSpec,
    stream: &StreamSpec,
    asked: AskedLimits,
) -> Result<(), ApiError> {
    let limits = StreamExtras::of(stream).consumer_limits;
    if let Some(max) = positive(limits.max_ack_pending) {
        if !asked.max_ack_pending && spec.ack_policy != AckPolicy::None {
            spec.pending_max = spec.pending_max.map(|pending| pending.min(max));
        }
        if spec.ack_policy != AckPolicy::None && spec.pending_max.is_none_or(|pending| pending > max) {
            let text = format!("consumer max ack pending exceeds system limit of {max}");
            return Err(ApiError::with_text(400, 10121, text));
        }
    }
    if let Some(max) = positive(limits.inactive_threshold) {
        if !asked.inactive_threshold {
            spec.inactive_ns = max;
        }
        if spec.inactive_ns > max {
            let text = format!("consumer inactive threshold exceeds system limit of {}", go_duration(max));
            return Err(ApiError::with_text(400, 10153, text));
        }
    }
    if let Some(push) = &spec.push {
        let cycle = Filter::new(&push.subject)
            .is_ok_and(|subject| stream.subjects.iter().any(|captured| captured.overlaps(&subject)));
        if cycle {
            return Err(ApiError::new(400, 10081, "consumer deliver subject forms a cycle"));
        }
    }
    if stream.retention == Retention::WorkQueue {
        if spec.ack_policy != AckPolicy::Explicit {
            return Err(match spec.push {
                None => ApiError::new(
                    400,
                    10084,
                    "consumer in pull mode requires explicit ack policy on workqueue stream",
                ),
                Some(_) => ApiError::new(400, 10098, "workqueue stream requires explicit ack"),
            });
        }
        if spec.start != StartAt::All {
            return Err(ApiError::new(400, 10101, "consumer must be deliver all on workqueue stream"));
        }
    }
    Ok(())
}

/// Which limits the request named itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct AskedLimits {
    /// `max_ack_pending` was not 0.
    pub(super) max_ack_pending: bool,
    /// `inactive_threshold` was not 0.
    pub(super) inactive_threshold: bool,
}

impl AskedLimits {
    /// Looks into the request.
    pub(super) fn of(request: &ConsumerConfigRequest) -> Self {
        Self {
            max_ack_pending: request.max_ack_pending.unwrap_or(0) != 0,
            inactive_threshold: positive(request.inactive_threshold).is_some(),
        }
    }
}

/// What an update may change. `active`: somebody listens on the old deliver subject.
///
/// # Errors
/// 10012 and 10013, with the words of nats-server.
pub(super) fn check_update(old: &CursorSpec, new: &CursorSpec, active: bool) -> Result<(), ApiError> {
    use std::mem::discriminant;
    let heartbeat = |spec: &CursorSpec| spec.push.as_ref().map_or(0, |push| push.heartbeat_ns);
    let flow_control = |spec: &CursorSpec| spec.push.as_ref().is_some_and(|push| push.flow_control);
    let same_policy = discriminant(&old.start) == discriminant(&new.start);
    let rows = [
        (!same_policy, "deliver policy can not be updated"),
        (
            matches!(old.start, StartAt::Offset(_)) && old.start != new.start,
            "start sequence can not be updated",
        ),
        (matches!(old.start, StartAt::Time(_)) && old.start != new.start, "start time can not be updated"),
        (old.ack_policy != new.ack_policy, "ack policy can not be updated"),
        (old.replay_original != new.replay_original, "replay policy can not be updated"),
        (heartbeat(old) != heartbeat(new), "heart beats can not be updated"),
        (flow_control(old) != flow_control(new), "flow control can not be updated"),
        (old.push.is_none() && new.push.is_some(), "can not update pull consumer to push based"),
        (old.push.is_some() && new.push.is_none(), "can not update push consumer to pull based"),
        (old.pulls_max != new.pulls_max, "max waiting can not be updated"),
    ];
    if let Some((_, text)) = rows.into_iter().find(|(broken, _)| *broken) {
        return Err(ApiError::consumer_config(text));
    }
    let subject = |spec: &CursorSpec| spec.push.as_ref().map(|push| push.subject.clone());
    if active && subject(old) != subject(new) {
        return Err(ApiError::new(400, 10013, "consumer name already in use"));
    }
    Ok(())
}

/// A consumer's configuration for a reply.
pub(super) fn to_reply<'a>(
    spec: &'a CursorSpec,
    extras: &'a ConsumerExtras,
    settings: &Settings,
) -> ConsumerConfigReply<'a> {
    let mut metadata = extras.metadata.clone();
    add_server_metadata(&mut metadata, settings, u32::from(spec.paused_until_ns > 0));
    let acks = spec.ack_policy != AckPolicy::None;
    let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).unwrap_or_default();
    let push = spec.push.as_ref();
    let mut filters: Vec<String> = spec.filters.iter().map(ToString::to_string).collect();
    let filter_subject = if extras.plural { None } else { filters.pop() };
    ConsumerConfigReply {
        durable_name: if spec.durable { spec.name.as_str() } else { "" },
        name: if extras.named { spec.name.as_str() } else { "" },
        description: &extras.description,
        deliver_policy: Some(deliver_policy_name(&spec.start)),
        opt_start_seq: if let StartAt::Offset(offset) = spec.start { offset + 1 } else { 0 },
        opt_start_time: extras.start_time.as_deref(),
        ack_policy: Some(match spec.ack_policy {
            AckPolicy::None => AckPolicyName::None,
            AckPolicy::All => AckPolicyName::All,
            AckPolicy::Explicit => AckPolicyName::Explicit,
        }),
        ack_wait: if acks { spec.ack_wait_ns } else { extras.ack_wait_shown },
        max_deliver: spec.deliveries_max.map_or(-1, |max| i64::try_from(max).unwrap_or(i64::MAX)),
        backoff: &spec.backoff_ns,
        filter_subject,
        filter_subjects: filters,
        replay_policy: Some(if spec.replay_original {
            ReplayPolicyName::Original
        } else {
            ReplayPolicyName::Instant
        }),
        rate_limit_bps: push.map_or(0, |push| push.rate_bps),
        max_waiting: if push.is_some() { 0 } else { spec.pulls_max },
        max_ack_pending: match spec.pending_max {
            Some(max) => i64::try_from(max).unwrap_or(i64::MAX),
            None if acks => -1,
            None => 0,
        },
        flow_control: push.is_some_and(|push| push.flow_control),
        headers_only: spec.headers_only,
        max_batch: spec.pull_limits.batch_max.unwrap_or(0),
        max_expires: spec.pull_limits.expires_max_ns.unwrap_or(0),
        max_bytes: spec.pull_limits.bytes_max.unwrap_or(0),
        deliver_subject: push.map_or("", |push| text(&push.subject)),
        deliver_group: push.and_then(|push| push.group.as_deref()).map_or(extras.group_shown.as_str(), text),
        idle_heartbeat: push.map_or(0, |push| push.heartbeat_ns),
        inactive_threshold: spec.inactive_ns,
        num_replicas: extras.num_replicas,
        mem_storage: spec.memory,
        metadata,
        pause_until: (spec.paused_until_ns > 0).then(|| rfc3339(spec.paused_until_ns)),
    }
}

fn deliver_policy_name(start: &StartAt) -> DeliverPolicyName {
    match start {
        StartAt::All => DeliverPolicyName::All,
        StartAt::Last => DeliverPolicyName::Last,
        StartAt::New => DeliverPolicyName::New,
        StartAt::Offset(_) => DeliverPolicyName::ByStartSequence,
        StartAt::Time(_) => DeliverPolicyName::ByStartTime,
        StartAt::LastPerSubject => DeliverPolicyName::LastPerSubject,
    }
}
