//! A consumer's configuration as JSON (nats-server's `ConsumerConfig`).

use super::stream_config::{is_false, is_zero, words};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The body of the three CREATE forms.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConsumerCreateRequest {
    /// Must equal the name in the subject.
    pub(super) stream_name: Option<String>,
    /// What to make.
    pub(super) config: Option<ConsumerConfigRequest>,
    /// Absent: make or change; `create`, `update`.
    pub(super) action: Option<ConsumerAction>,
}

words! {
    /// What must be so before.
    ConsumerAction {
        /// Make it or change it.
        CreateOrUpdate = "",
        /// It must be new, or equal.
        Create = "create",
        /// It must exist.
        Update = "update",
    }
}
words! {
    /// Where it begins.
    DeliverPolicyName {
        /// At the first.
        All = "all",
        /// At the last.
        Last = "last",
        /// At the next.
        New = "new",
        /// At a sequence.
        ByStartSequence = "by_start_sequence",
        /// At a time.
        ByStartTime = "by_start_time",
        /// At the last of each subject.
        LastPerSubject = "last_per_subject",
    }
}
words! {
    /// What acknowledging means.
    AckPolicyName {
        /// Nothing.
        None = "none",
        /// This and all before.
        All = "all",
        /// This.
        Explicit = "explicit",
        /// Refused (2.14).
        FlowControl = "flow_control",
    }
}
words! {
    /// How fast.
    ReplayPolicyName {
        /// At once.
        Instant = "instant",
        /// As it was published.
        Original = "original",
    }
}

/// The configuration in a request; every field may be absent or null.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConsumerConfigRequest {
    /// It lives on without users.
    pub(super) durable_name: Option<String>,
    /// Must equal the durable name, if both are there.
    pub(super) name: Option<String>,
    /// At most 4 KiB.
    pub(super) description: Option<String>,
    /// Default `all`.
    pub(super) deliver_policy: Option<DeliverPolicyName>,
    /// For `by_start_sequence`.
    pub(super) opt_start_seq: Option<u64>,
    /// For `by_start_time`, RFC 3339.
    pub(super) opt_start_time: Option<String>,
    /// Default `none`, as in nats-server.
    pub(super) ack_policy: Option<AckPolicyName>,
    /// ns; 0: 30 s.
    pub(super) ack_wait: Option<i64>,
    /// ≤ 0: for ever.
    pub(super) max_deliver: Option<i64>,
    /// ns each.
    pub(super) backoff: Option<Vec<i64>>,
    /// One filter …
    pub(super) filter_subject: Option<String>,
    /// … or several.
    pub(super) filter_subjects: Option<Vec<String>>,
    /// Default `instant`.
    pub(super) replay_policy: Option<ReplayPolicyName>,
    /// Refused unless empty.
    pub(super) sample_freq: Option<String>,
    /// Push: bits per second.
    pub(super) rate_limit_bps: Option<u64>,
    /// Pulls that wait; ≤ 0: 512.
    pub(super) max_waiting: Option<i64>,
    /// Deliveries that wait for an acknowledgement; 0: 1000; < 0: unbounded.
    pub(super) max_ack_pending: Option<i64>,
    /// Push.
    pub(super) flow_control: Option<bool>,
    /// Headers and size only.
    pub(super) headers_only: Option<bool>,
    /// Records of one pull.
    pub(super) max_batch: Option<i64>,
    /// Wait of one pull, ns.
    pub(super) max_expires: Option<i64>,
    /// Bytes of one pull.
    pub(super) max_bytes: Option<i64>,
    /// Push: where to.
    pub(super) deliver_subject: Option<String>,
    /// Push: the queue group that shares.
    pub(super) deliver_group: Option<String>,
    /// Push, ns.
    pub(super) idle_heartbeat: Option<i64>,
    /// ns; 0: 5 s for ephemerals, never for durables.
    pub(super) inactive_threshold: Option<i64>,
    /// 0 or 1 here.
    pub(super) num_replicas: Option<i64>,
    /// Its state lives in memory.
    pub(super) mem_storage: Option<bool>,
    /// Anything; at most 128 KiB.
    pub(super) metadata: Option<BTreeMap<String, String>>,
    /// RFC 3339.
    pub(super) pause_until: Option<String>,
    /// Internal to nats-server: refused.
    pub(super) direct: Option<bool>,
    /// Refused (2.11).
    pub(super) priority_groups: Option<Vec<String>>,
    /// Refused unless `none` (2.11).
    pub(super) priority_policy: Option<String>,
}

/// The configuration as replies show it, in nats-server's order.
#[derive(Debug, Default, Serialize)]
pub(super) struct ConsumerConfigReply<'a> {
    /// Shown for durables.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) durable_name: &'a str,
    /// Shown when the client named it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) name: &'a str,
    /// The user's words.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) description: &'a str,
    /// Word.
    pub(super) deliver_policy: Option<DeliverPolicyName>,
    /// With its policy.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) opt_start_seq: u64,
    /// With its policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opt_start_time: Option<&'a str>,
    /// Word.
    pub(super) ack_policy: Option<AckPolicyName>,
    /// ns.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) ack_wait: u64,
    /// −1: for ever.
    pub(super) max_deliver: i64,
    /// ns each.
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    pub(super) backoff: &'a [u64],
    /// One filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter_subject: Option<String>,
    /// Several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) filter_subjects: Vec<String>,
    /// Word.
    pub(super) replay_policy: Option<ReplayPolicyName>,
    /// Push.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) rate_limit_bps: u64,
    /// Pull.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) max_waiting: u64,
    /// −1: unbounded; 0 where nothing is acknowledged.
    #[serde(skip_serializing_if = "is_nought")]
    pub(super) max_ack_pending: i64,
    /// Push.
    #[serde(skip_serializing_if = "is_false")]
    pub(super) flow_control: bool,
    /// Headers and size only.
    #[serde(skip_serializing_if = "is_false")]
    pub(super) headers_only: bool,
    /// Pull.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) max_batch: u64,
    /// Pull, ns.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) max_expires: u64,
    /// Pull.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) max_bytes: u64,
    /// Push.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) deliver_subject: &'a str,
    /// Push.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) deliver_group: &'a str,
    /// Push, ns.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) idle_heartbeat: u64,
    /// ns.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) inactive_threshold: u64,
    /// As asked for.
    pub(super) num_replicas: u64,
    /// State in memory.
    #[serde(skip_serializing_if = "is_false")]
    pub(super) mem_storage: bool,
    /// The user's and the server's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: BTreeMap<String, String>,
    /// While set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pause_until: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_nought(value: &i64) -> bool {
    *value == 0
}
