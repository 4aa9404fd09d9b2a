//! A stream's configuration as JSON (nats-server's `StreamConfig`).
//!
//! Requests may leave out or null any field and carry fields of newer servers, which are ignored. What this server
//! knows of but does not do is read as [`Unhandled`], so that it can be refused instead of being forgotten.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The body of STREAM.CREATE and STREAM.UPDATE.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamConfigRequest {
    /// Must equal the name in the subject.
    pub(super) name: Option<String>,
    /// At most 4 KiB.
    pub(super) description: Option<String>,
    /// What it captures; empty: its own name.
    pub(super) subjects: Option<Vec<String>>,
    /// `limits`, `interest`, `workqueue`.
    pub(super) retention: Option<RetentionName>,
    /// Consumers; ≤ 0: unbounded, as for all limits.
    pub(super) max_consumers: Option<i64>,
    /// Messages.
    pub(super) max_msgs: Option<i64>,
    /// Bytes.
    pub(super) max_bytes: Option<i64>,
    /// Age in ns, ≥ 100 ms; 0: unbounded.
    pub(super) max_age: Option<i64>,
    /// Messages per subject.
    pub(super) max_msgs_per_subject: Option<i64>,
    /// Bytes of one message.
    pub(super) max_msg_size: Option<i32>,
    /// `old`, `new`.
    pub(super) discard: Option<DiscardName>,
    /// `file`, `memory`.
    pub(super) storage: Option<StorageName>,
    /// 0 or 1 here.
    pub(super) num_replicas: Option<i64>,
    /// Publishes are not acknowledged.
    pub(super) no_ack: Option<bool>,
    /// How long message ids are remembered, ns; 0: two minutes, or `max_age` if shorter.
    pub(super) duplicate_window: Option<i64>,
    /// `none`; `s2` is refused.
    pub(super) compression: Option<CompressionName>,
    /// The first sequence.
    pub(super) first_seq: Option<u64>,
    /// DIRECT.GET is answered.
    pub(super) allow_direct: Option<bool>,
    /// Only with a mirror, so: refused.
    pub(super) mirror_direct: Option<bool>,
    /// With `discard: new`, also at the subject's limit.
    pub(super) discard_new_per_subject: Option<bool>,
    /// Read-only for ever.
    pub(super) sealed: Option<bool>,
    /// No MSG.DELETE.
    pub(super) deny_delete: Option<bool>,
    /// No PURGE.
    pub(super) deny_purge: Option<bool>,
    /// `Nats-Rollup` is obeyed.
    pub(super) allow_rollup_hdrs: Option<bool>,
    /// Defaults and bounds for its consumers.
    pub(super) consumer_limits: Option<ConsumerLimits>,
    /// `Nats-TTL` is obeyed.
    pub(super) allow_msg_ttl: Option<bool>,
    /// How long delete markers stand, ns, ≥ 1 s; 0: none.
    pub(super) subject_delete_marker_ttl: Option<i64>,
    /// Anything the user likes; at most 128 KiB.
    pub(super) metadata: Option<BTreeMap<String, String>>,
    /// What is refused.
    #[serde(flatten)]
    pub(super) unhandled: Unhandled,
}

/// Fields whose meaning this server does not offer. Present with a meaning: the request is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Unhandled {
    /// Copy of another stream.
    pub(super) mirror: Option<serde_json::Value>,
    /// Copies of other streams.
    pub(super) sources: Option<Vec<serde_json::Value>>,
    /// Publish what was stored.
    pub(super) republish: Option<serde_json::Value>,
    /// Rename what is stored.
    pub(super) subject_transform: Option<serde_json::Value>,
    /// Where in a cluster.
    pub(super) placement: Option<serde_json::Value>,
    /// Counters (2.12).
    pub(super) allow_msg_counter: Option<bool>,
    /// Atomic batches (2.12).
    pub(super) allow_atomic: Option<bool>,
    /// Fast batches (2.14).
    pub(super) allow_batched: Option<bool>,
    /// Schedules (2.12).
    pub(super) allow_msg_schedules: Option<bool>,
    /// `default`; `async` is refused.
    pub(super) persist_mode: Option<String>,
    /// Templates (removed in 2.11).
    pub(super) template_owner: Option<String>,
}

/// Bounds and defaults for consumers of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct ConsumerLimits {
    /// ns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inactive_threshold: Option<i64>,
    /// Deliveries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_ack_pending: Option<i64>,
}

/// Declares an enum of the words of a field; another word is an error that quotes it, as nats-server's.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        pub(super) enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant),* }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                match std::borrow::Cow::<'de, str>::deserialize(from)?.as_ref() {
                    $($word => Ok(Self::$variant),)*
                    other => Err(serde::de::Error::custom(format_args!("can not unmarshal {other:?}"))),
                }
            }
        }
    };
}
pub(super) use words;

words! {
    /// Retention by name.
    RetentionName {
        /// Limits only.
        Limits = "limits",
        /// While a consumer wants it.
        Interest = "interest",
        /// Until consumed once.
        WorkQueue = "workqueue",
    }
}
words! {
    /// Discard policy by name.
    DiscardName {
        /// Oldest first.
        Old = "old",
        /// Refuse.
        New = "new",
    }
}
words! {
    /// Storage by name.
    StorageName {
        /// On disk.
        File = "file",
        /// In memory.
        Memory = "memory",
    }
}
words! {
    /// Compression by name.
    CompressionName {
        /// As published.
        None = "none",
        /// Refused.
        S2 = "s2",
    }
}

/// A stream's configuration as replies show it, in nats-server's order.
#[derive(Debug, Serialize)]
pub(super) struct StreamConfigReply<'a> {
    /// See [`StreamConfigRequest`], for all fields.
    pub(super) name: &'a str,
    /// Shown when there is one.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) description: &'a str,
    /// Filters.
    pub(super) subjects: Vec<String>,
    /// Word.
    pub(super) retention: RetentionName,
    /// −1: unbounded, as below.
    pub(super) max_consumers: i64,
    /// Messages.
    pub(super) max_msgs: i64,
    /// Bytes.
    pub(super) max_bytes: i64,
    /// ns; 0: unbounded.
    pub(super) max_age: u64,
    /// Messages.
    pub(super) max_msgs_per_subject: i64,
    /// Bytes.
    pub(super) max_msg_size: i64,
    /// Word.
    pub(super) discard: DiscardName,
    /// Word.
    pub(super) storage: StorageName,
    /// Always 1.
    pub(super) num_replicas: u8,
    /// Shown when true.
    #[serde(skip_serializing_if = "is_false")]
    pub(super) no_ack: bool,
    /// ns.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) duplicate_window: u64,
    /// Word.
    pub(super) compression: CompressionName,
    /// Shown when set.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) first_seq: u64,
    /// Always shown, as the next ones.
    pub(super) allow_direct: bool,
    /// Always false.
    pub(super) mirror_direct: bool,
    /// Shown when true.
    #[serde(skip_serializing_if = "is_false")]
    pub(super) discard_new_per_subject: bool,
    /// Always shown.
    pub(super) sealed: bool,
    /// Always shown.
    pub(super) deny_delete: bool,
    /// Always shown.
    pub(super) deny_purge: bool,
    /// Always shown.
    pub(super) allow_rollup_hdrs: bool,
    /// Always shown.
    pub(super) consumer_limits: ConsumerLimits,
    /// Always shown.
    pub(super) allow_msg_ttl: bool,
    /// Shown when set.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) subject_delete_marker_ttl: u64,
    /// The user's, and the server's own where it shows a level.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: BTreeMap<String, String>,
}

/// For fields that are shown only when true.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_false(value: &bool) -> bool {
    !*value
}

/// For fields that are shown only when not 0.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_zero(value: &u64) -> bool {
    *value == 0
}
