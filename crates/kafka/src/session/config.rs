//! Topic configuration: the names that Kafka knows, their defaults and rules, and what of it the core acts on.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stele_model::{CleanupPolicy, Document, Filter, Limits, StreamName, StreamSpec, Wire};

/// What Kafka's side of a stream keeps of it: its own name and the configuration as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TopicDocument {
    /// The topic's name, which tells it from the views that JetStream shows of its partitions.
    pub(super) name: String,
    /// Entries that were set.
    pub(super) configs: BTreeMap<String, String>,
}

impl TopicDocument {
    /// The document of a stream; empty where Kafka has none.
    pub(super) fn of(spec: &StreamSpec) -> Self {
        let document = spec.documents.iter().find(|document| document.wire == Wire::Kafka);
        document.and_then(|document| serde_json::from_slice(&document.bytes).ok()).unwrap_or_default()
    }

    fn into_document(self) -> Document {
        let bytes = serde_json::to_vec(&self).expect("strings are written as JSON without failure");
        Document { wire: Wire::Kafka, bytes }
    }
}

/// The type of an entry, by its number in DescribeConfigs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConfigType {
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    Double = 6,
    List = 7,
}

/// An entry that a topic can have.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConfigRule {
    pub(super) name: &'static str,
    pub(super) kind: ConfigType,
    pub(super) default: &'static str,
    /// Lowest value of a number.
    low: f64,
    /// Values of a string or of a list's items; empty: any.
    values: &'static [&'static str],
    /// What it does here.
    pub(super) documentation: &'static str,
}

const KEPT: &str = "Kept and returned; it has no effect here.";
const LONG_MAX: &str = "9223372036854775807";

const fn rule(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    low: f64,
    values: &'static [&'static str],
    documentation: &'static str,
) -> ConfigRule {
    ConfigRule { name, kind, default, low, values, documentation }
}

/// All entries of Kafka 4.3, by name, and ours.
#[rustfmt::skip]
pub(super) const RULES: &[ConfigRule] = &[
    rule("cleanup.policy", ConfigType::List, "delete", 0.0, &["delete", "compact"], "delete: by age and size; compact: the newest record of each key."),
    rule("compression.gzip.level", ConfigType::Int, "-1", -1.0, &[], KEPT),
    rule("compression.lz4.level", ConfigType::Int, "9", 1.0, &[], KEPT),
    rule("compression.type", ConfigType::String, "producer", 0.0, &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"], "Kept and returned; batches stay as the producer compressed them."),
    rule("compression.zstd.level", ConfigType::Int, "3", -131_072.0, &[], KEPT),
    rule("delete.retention.ms", ConfigType::Long, "86400000", 0.0, &[], KEPT),
    rule("file.delete.delay.ms", ConfigType::Long, "60000", 0.0, &[], KEPT),
    rule("flush.messages", ConfigType::Long, LONG_MAX, 1.0, &[], "Kept and returned; every acknowledged record is on disk."),
    rule("flush.ms", ConfigType::Long, LONG_MAX, 0.0, &[], "Kept and returned; every acknowledged record is on disk."),
    rule("follower.replication.throttled.replicas", ConfigType::List, "", 0.0, &[], KEPT),
    rule("index.interval.bytes", ConfigType::Int, "4096", 0.0, &[], KEPT),
    rule("leader.replication.throttled.replicas", ConfigType::List, "", 0.0, &[], KEPT),
    rule("local.retention.bytes", ConfigType::Long, "-2", -2.0, &[], KEPT),
    rule("local.retention.ms", ConfigType::Long, "-2", -2.0, &[], KEPT),
    rule("max.compaction.lag.ms", ConfigType::Long, LONG_MAX, 1.0, &[], KEPT),
    rule("max.message.bytes", ConfigType::Int, "1048588", 0.0, &[], "The largest batch in bytes."),
    rule("message.timestamp.after.max.ms", ConfigType::Long, "3600000", 0.0, &[], KEPT),
    rule("message.timestamp.before.max.ms", ConfigType::Long, LONG_MAX, 0.0, &[], KEPT),
    rule("message.timestamp.type", ConfigType::String, "CreateTime", 0.0, &["CreateTime", "LogAppendTime"], "LogAppendTime: the broker stamps batches."),
    rule("min.cleanable.dirty.ratio", ConfigType::Double, "0.5", 0.0, &[], KEPT),
    rule("min.compaction.lag.ms", ConfigType::Long, "0", 0.0, &[], KEPT),
    rule("min.insync.replicas", ConfigType::Int, "1", 1.0, &[], KEPT),
    rule("preallocate", ConfigType::Boolean, "false", 0.0, &[], KEPT),
    rule("remote.log.copy.disable", ConfigType::Boolean, "false", 0.0, &[], KEPT),
    rule("remote.log.delete.on.disable", ConfigType::Boolean, "false", 0.0, &[], KEPT),
    rule("remote.storage.enable", ConfigType::Boolean, "false", 0.0, &["false"], "Only false: there is no remote storage."),
    rule("retention.bytes", ConfigType::Long, "-1", -1.0, &[], "Bytes kept per partition; -1: all."),
    rule("retention.ms", ConfigType::Long, "604800000", -1.0, &[], "How long records are kept; -1: for ever."),
    rule("segment.bytes", ConfigType::Int, "1073741824", 1.0, &[], KEPT),
    rule("segment.index.bytes", ConfigType::Int, "10485760", 4.0, &[], KEPT),
    rule("segment.jitter.ms", ConfigType::Long, "0", 0.0, &[], KEPT),
    rule("segment.ms", ConfigType::Long, "604800000", 1.0, &[], KEPT),
    rule("stele.ack", ConfigType::Boolean, "false", 0.0, &[], "Answer NATS publishers on the topic's own name with a PubAck."),
    rule("stele.subjects", ConfigType::List, "", 0.0, &[], "Subjects that the topic captures; empty: exactly its own name."),
    rule("unclean.leader.election.enable", ConfigType::Boolean, "false", 0.0, &[], KEPT),
];

/// The rule of an entry.
pub(super) fn rule_of(name: &str) -> Option<&'static ConfigRule> {
    RULES.binary_search_by_key(&name, |rule| rule.name).ok().map(|at| &RULES[at])
}

/// What is wrong with a value, in Kafka's words.
fn value_fault(rule: &ConfigRule, value: &str) -> Option<String> {
    let fault = |why: &str| Some(format!("Invalid value {value} for configuration {}: {why}", rule.name));
    let number_fault = |number: Option<f64>, kind: &str| match number {
        None => fault(&format!("Not a number of type {kind}")),
        Some(number) if number < rule.low => fault(&format!("Value must be at least {}", rule.low)),
        Some(_) => None,
    };
    match rule.kind {
        ConfigType::Boolean if !matches!(value, "true" | "false") => {
            fault("Expected value to be either true or false")
        }
        ConfigType::Boolean | ConfigType::String
            if !rule.values.is_empty() && !rule.values.contains(&value) =>
        {
            fault(&format!("String must be one of: {}", rule.values.join(", ")))
        }
        ConfigType::Boolean | ConfigType::String => None,
        ConfigType::Int => number_fault(value.parse::<i32>().ok().map(f64::from), "INT"),
        // Only signs and small bounds are compared, so the loss of low digits does no harm.
        ConfigType::Long => number_fault(value.parse::<i64>().ok().map(|number| number as f64), "LONG"),
        ConfigType::Double => {
            number_fault(value.parse::<f64>().ok().filter(|number| number.is_finite()), "DOUBLE")
        }
        ConfigType::List => items(value)
            .find(|item| !rule.values.is_empty() && !rule.values.contains(item))
            .and_then(|_| fault(&format!("String must be one of: {}", rule.values.join(", ")))),
    }
}

/// The items of a list.
fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Checks entries as a client gave them; a null value means the default.
///
/// # Errors
/// What is wrong, for the client.
pub(super) fn check_configs<'e>(
    entries: impl Iterator<Item = (&'e str, Option<&'e str>)>,
) -> Result<BTreeMap<String, String>, String> {
    let mut configs = BTreeMap::new();
    for (name, value) in entries {
        let rule = rule_of(name).ok_or_else(|| format!("Unknown topic config name: {name}"))?;
        let value =
            value.ok_or_else(|| format!("Null value not supported for topic configs: {name}"))?.trim();
        if let Some(fault) = value_fault(rule, value) {
            return Err(fault);
        }
        if configs.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(format!("Duplicate topic config name: {name}"));
        }
    }
    Ok(configs)
}

/// The stream for a topic.
///
/// # Errors
/// What is wrong with its subjects, for the client.
pub(super) fn spec_of(
    name: &str,
    partitions: u32,
    configs: BTreeMap<String, String>,
) -> Result<StreamSpec, String> {
    let value = |name: &str| {
        let set = configs.get(name).map(String::as_str);
        set.or_else(|| rule_of(name).map(|rule| rule.default)).unwrap_or_default()
    };
    let number = |name: &str| value(name).parse::<u64>().ok();
    let policies: Vec<&str> = items(value("cleanup.policy")).collect();
    let cleanup = match (policies.contains(&"delete"), policies.contains(&"compact")) {
        (true, true) => CleanupPolicy::CompactDelete,
        (false, true) => CleanupPolicy::Compact,
        _ => CleanupPolicy::Delete,
    };
    let bounded = cleanup != CleanupPolicy::Compact;
    let subjects = subjects_of(name, value("stele.subjects"))?;
    let spec = StreamSpec {
        partitions,
        acknowledges: value("stele.ack") == "true",
        limits: Limits {
            bytes_max: number("retention.bytes").filter(|_| bounded),
            // The core takes no limit of 0; one that expires at once comes nearest.
            age_max_ns: number("retention.ms")
                .filter(|_| bounded)
                .map(|ms| ms.saturating_mul(1_000_000).max(1)),
            batch_bytes_max: number("max.message.bytes"),
            ..Limits::none()
        },
        cleanup,
        dedup_window_ns: 0,
        stamps_time: value("message.timestamp.type") == "LogAppendTime",
        ..StreamSpec::new(StreamName::new(name), Wire::Kafka, subjects)
    };
    let document = TopicDocument { name: name.to_owned(), configs };
    Ok(StreamSpec { documents: vec![document.into_document()], ..spec })
}

/// What a topic captures. A name that is no subject (it has empty levels, as `a..b`) captures nothing.
fn subjects_of(name: &str, list: &str) -> Result<Vec<Filter>, String> {
    let wanted: Vec<&str> = items(list).collect();
    if wanted.is_empty() {
        return Ok(Filter::new(name.as_bytes()).into_iter().collect());
    }
    let read = |item: &str| {
        if item.starts_with('$') && !item.starts_with("$KV.") && !item.starts_with("$O.") {
            return Err(format!("Invalid value {item} for configuration stele.subjects: it is internal"));
        }
        Filter::new(item.as_bytes())
            .map_err(|error| format!("Invalid value {item} for configuration stele.subjects: {error}"))
    };
    wanted.into_iter().map(read).collect()
}

/// The entries of a topic as DescribeConfigs shows them: the rule, the value, and whether the topic itself sets it.
pub(super) fn entries_of(spec: &StreamSpec) -> Vec<(&'static ConfigRule, String, bool)> {
    let set = match spec.made_by {
        Wire::Kafka => TopicDocument::of(spec).configs,
        _ => derived(spec),
    };
    let entry = |rule: &'static ConfigRule| match set.get(rule.name) {
        Some(value) => (rule, value.clone(), true),
        None => (rule, rule.default.to_owned(), false),
    };
    RULES.iter().map(entry).collect()
}

/// What a stream of another wire would be configured with.
fn derived(spec: &StreamSpec) -> BTreeMap<String, String> {
    let number =
        |value: Option<u64>| value.map_or("-1".to_owned(), |value| value.min(i64::MAX as u64).to_string());
    let subjects: Vec<String> = spec.subjects.iter().map(ToString::to_string).collect();
    let batch_bytes_max = spec.limits.batch_bytes_max.map(|bytes| bytes.min(i32::MAX as u64).to_string());
    let policy = match spec.cleanup {
        CleanupPolicy::Delete => "delete",
        CleanupPolicy::Compact => "compact",
        CleanupPolicy::CompactDelete => "compact,delete",
    };
    let time = if spec.stamps_time { "LogAppendTime" } else { "CreateTime" };
    let entries = [
        ("cleanup.policy", Some(policy.to_owned())),
        ("max.message.bytes", batch_bytes_max),
        ("message.timestamp.type", Some(time.to_owned())),
        ("retention.bytes", Some(number(spec.limits.bytes_max))),
        ("retention.ms", Some(number(spec.limits.age_max_ns.map(|age| age / 1_000_000)))),
        ("stele.ack", Some(spec.acknowledges.to_string())),
        ("stele.subjects", Some(subjects.join(","))),
    ];
    entries.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_sorted_and_their_defaults_hold() {
        assert!(RULES.is_sorted_by_key(|rule| rule.name));
        for rule in RULES {
            assert_eq!(value_fault(rule, rule.default), None);
        }
    }

    #[test]
    fn refuses_what_kafka_refuses() {
        for (name, value, good) in [
            ("retention.ms", "-1", true),
            ("retention.ms", "-2", false),
            ("retention.ms", "x", false),
            ("cleanup.policy", "compact,delete", true),
            ("cleanup.policy", "shrink", false),
            ("message.timestamp.type", "LogAppendTime", true),
            ("message.timestamp.type", "now", false),
            ("min.cleanable.dirty.ratio", "0.1", true),
            ("preallocate", "yes", false),
            ("remote.storage.enable", "true", false),
            ("no.such.entry", "1", false),
        ] {
            assert_eq!(check_configs([(name, Some(value))].into_iter()).is_ok(), good, "{name}={value}");
        }
        assert!(check_configs([("retention.ms", None)].into_iter()).is_err());
        assert!(check_configs([("retention.ms", Some("1")); 2].into_iter()).is_err());
    }

    #[test]
    fn a_topic_becomes_a_stream() {
        let configs = [
            ("retention.ms", Some("1000")),
            ("retention.bytes", Some("-1")),
            ("cleanup.policy", Some("compact,delete")),
            ("stele.subjects", Some("a.>, b")),
            ("stele.ack", Some("true")),
        ];
        let configs = check_configs(configs.into_iter()).expect("they are good");
        let spec = spec_of("t", 3, configs).expect("its subjects are good");
        assert_eq!(spec.limits.age_max_ns, Some(1_000_000_000));
        assert_eq!((spec.limits.bytes_max, spec.limits.batch_bytes_max), (None, Some(1_048_588)));
        assert_eq!(spec.cleanup, CleanupPolicy::CompactDelete);
        assert_eq!(spec.subjects.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a.>", "b"]);
        assert!(spec.acknowledges);
        assert_eq!(TopicDocument::of(&spec).name, "t");
        let shown = entries_of(&spec);
        assert!(
            shown.iter().any(|(rule, value, set)| rule.name == "retention.ms" && value == "1000" && *set)
        );
        assert_eq!(spec_of("a..b", 1, BTreeMap::new()).expect("no subjects are none").subjects, []);
        let bad = BTreeMap::from([("stele.subjects".to_owned(), "$SYS.>".to_owned())]);
        assert!(spec_of("t", 1, bad).is_err());
    }
}
