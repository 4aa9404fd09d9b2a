//! Streams: named, retained captures of subjects in one or more partitions.

use crate::{Error, Filter, Offset, PartitionIndex, StoredRecord, Wire};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

/// The name of a stream, equal to the Kafka topic's name: 1 to 255 bytes, no `.`, `*`, `>`, slashes or white space
/// for JetStream; Kafka's rule is its own. The wire that makes it checks it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// Keeps the name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Wire-specific configuration that the core stores and returns unchanged.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Document {
    /// Whose words these are.
    pub wire: Wire,
    /// As that wire encodes them.
    pub bytes: Vec<u8>,
}

/// What a stream is; the part that the core acts on, and the wires' documents.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StreamSpec {
    /// Its name.
    pub name: StreamName,
    /// The wire that made it. JetStream's no-overlap rule holds among streams made by NATS.
    pub made_by: Wire,
    /// Which subjects it captures.
    pub subjects: Vec<Filter>,
    /// How many partitions; JetStream-made streams have one.
    pub partitions: u32,
    /// Does a captured publish with a reply get a PubAck?
    pub acknowledges: bool,
    /// Where it lives.
    pub storage: Storage,
    /// Who keeps a record alive.
    pub retention: Retention,
    /// Bounds, with what happens at them.
    pub limits: Limits,
    /// What happens to old records.
    pub cleanup: CleanupPolicy,
    /// Remember message ids for this long (ns); 0: no deduplication by id.
    pub dedup_window_ns: u64,
    /// No single record may be deleted through the API.
    pub deny_delete: bool,
    /// The stream may not be purged through the API.
    pub deny_purge: bool,
    /// `Nats-Rollup` is obeyed.
    pub allow_rollup: bool,
    /// `Nats-TTL` and `Stele-Expiry` are obeyed.
    pub allow_message_ttl: bool,
    /// How long a marker stands after the last record of a subject expired (ns); 0: no markers.
    pub delete_marker_ttl_ns: u64,
    /// Read-only for ever.
    pub sealed: bool,
    /// The first offset of a fresh partition.
    pub first_offset: Offset,
    /// The broker stamps records at append (Kafka `LogAppendTime`).
    pub stamps_time: bool,
    /// The wires' own words.
    pub documents: Vec<Document>,
}

impl StreamSpec {
    /// A stream in the log with one partition and no bounds, that acknowledges what it captures.
    pub fn new(name: StreamName, made_by: Wire, subjects: Vec<Filter>) -> Self {
        Self {
            name,
            made_by,
            subjects,
            partitions: 1,
            acknowledges: true,
            storage: Storage::File,
            retention: Retention::Limits,
            limits: Limits::none(),
            cleanup: CleanupPolicy::Delete,
            dedup_window_ns: DEDUP_WINDOW_NS,
            deny_delete: false,
            deny_purge: false,
            allow_rollup: false,
            allow_message_ttl: false,
            delete_marker_ttl_ns: 0,
            sealed: false,
            first_offset: 0,
            stamps_time: false,
            documents: Vec::new(),
        }
    }
}

/// How long message ids are remembered unless said otherwise: two minutes, as nats-server has it.
pub const DEDUP_WINDOW_NS: u64 = 120_000_000_000;

/// Where records live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Storage {
    /// In the log.
    File,
    /// In memory only; gone after a restart, the stream itself stays.
    Memory,
}

/// Who keeps a record alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Retention {
    /// Limits only.
    Limits,
    /// Until every cursor that wants it has acknowledged it.
    Interest,
    /// Until one cursor has acknowledged it.
    WorkQueue,
}

/// What a full stream does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Discard {
    /// Removes the oldest records.
    Old,
    /// Refuses new ones.
    New,
}

/// Kafka's `cleanup.policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CleanupPolicy {
    /// By limits.
    Delete,
    /// Keep the newest record of each key.
    Compact,
    /// Both.
    CompactDelete,
}

/// Bounds of a stream; `None`: unbounded.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Records per partition.
    pub records_max: Option<u64>,
    /// Stored bytes per partition.
    pub bytes_max: Option<u64>,
    /// Age of a record in ns.
    pub age_max_ns: Option<u64>,
    /// Records per subject.
    pub records_per_subject_max: Option<u64>,
    /// Bytes of one message: headers and payload.
    pub message_bytes_max: Option<u64>,
    /// Bytes of one produced batch.
    pub batch_bytes_max: Option<u64>,
    /// Cursors.
    pub cursors_max: Option<u64>,
    /// At a limit.
    pub discard: Discard,
    /// With [`Discard::New`]: refuse also when the subject's own limit is reached.
    pub discard_new_per_subject: bool,
}

impl Limits {
    /// No bounds.
    pub fn none() -> Self {
        Self {
            records_max: None,
            bytes_max: None,
            age_max_ns: None,
            records_per_subject_max: None,
            message_bytes_max: None,
            batch_bytes_max: None,
            cursors_max: None,
            discard: Discard::Old,
            discard_new_per_subject: false,
        }
    }
}

/// What the core can be asked about streams. Every change is answered after it is durable.
#[derive(Debug)]
pub enum StreamCommand {
    /// Make it; equal spec: succeeds with `created: false`. → `Info`
    Create(Box<StreamSpec>),
    /// Change it; the wire has checked what its rules allow. → `Info`
    Update(Box<StreamSpec>),
    /// Remove it with its records and cursors. → `Done`
    Delete(StreamName),
    /// Describe one. → `Info`
    Info(StreamName),
    /// Describe all, by name. → `List`
    List,
    /// Which stream acknowledges a publish on subjects that this filter matches? → `List`
    Capturing(Filter),
    /// Subjects with their record counts; those that the filter matches, in byte order, from `after` on. → `Subjects`
    Subjects {
        /// The stream.
        stream: StreamName,
        /// Which subjects.
        filter: Filter,
        /// Begin after this one.
        after: Option<Bytes>,
        /// At most this many.
        count_max: usize,
    },
    /// Remove records. → `Purged`
    Purge {
        /// The stream.
        stream: StreamName,
        /// Only in this partition.
        partition: Option<PartitionIndex>,
        /// Only records whose subject matches.
        filter: Option<Filter>,
        /// Only offsets below this one.
        below: Option<Offset>,
        /// Keep this many of the newest that match.
        keep: Option<u64>,
        /// Asked for by a client, who is bound by `deny_purge`.
        by_client: bool,
    },
    /// Remove one record. → `Done`
    DeleteRecord {
        /// The stream.
        stream: StreamName,
        /// Its partition.
        partition: PartitionIndex,
        /// Which.
        offset: Offset,
    },
    /// Read one record. → `Record`
    Get {
        /// The stream.
        stream: StreamName,
        /// Its partition.
        partition: PartitionIndex,
        /// Which.
        selector: RecordSelector,
    },
    /// Read several records, each as `Get` would, up to a number and bytes. → `Records`
    GetMany {
        /// The stream.
        stream: StreamName,
        /// Its partition.
        partition: PartitionIndex,
        /// Which.
        selector: ManySelector,
        /// At most this many.
        count_max: usize,
        /// At most about this many bytes.
        bytes_max: usize,
    },
}

/// Which record.
#[derive(Clone, Debug)]
pub enum RecordSelector {
    /// The one at this offset.
    At(Offset),
    /// The newest whose subject matches.
    Last(Filter),
    /// The first at or after `from` whose subject matches.
    Next {
        /// Not before this offset.
        from: Offset,
        /// Subject.
        filter: Filter,
    },
    /// The first appended at or after this time (ns), whose subject matches.
    Since {
        /// Append time in ns.
        time_ns: u64,
        /// Subject.
        filter: Filter,
    },
}

/// Which records.
#[derive(Clone, Debug)]
pub enum ManySelector {
    /// In order from an offset on.
    From {
        /// Not before this offset.
        from: Offset,
        /// Subject.
        filter: Filter,
    },
    /// The newest of each subject that one of the filters matches, in offset order, as of an offset.
    LastPerSubject {
        /// Subjects.
        filters: Vec<Filter>,
        /// Records at or below this offset only.
        up_to: Option<Offset>,
        /// Continue after this offset.
        after: Option<Offset>,
    },
}

/// Answers about streams.
#[derive(Clone, Debug)]
pub enum StreamReply {
    /// Done.
    Done,
    /// One stream.
    Info {
        /// It.
        info: Box<StreamInfo>,
        /// It was made by this command.
        created: bool,
    },
    /// Several streams.
    List(Vec<StreamInfo>),
    /// Subjects with counts.
    Subjects(Vec<SubjectCount>),
    /// How many records went.
    Purged(u64),
    /// A record.
    Record(Box<StoredRecord>),
    /// Records, with how many more matched.
    Records {
        /// In offset order.
        records: Vec<StoredRecord>,
        /// Matching records after the last of these.
        remaining: u64,
        /// The partition's newest offset + 1 at that moment.
        end: Offset,
    },
}

/// A stream as it is.
#[derive(Clone, Debug)]
pub struct StreamInfo {
    /// What it is.
    pub spec: Arc<StreamSpec>,
    /// 16 bytes that name this stream for ever, even after another of the same name was made (Kafka's topic id).
    pub id: [u8; 16],
    /// When it was made, ns since 1970.
    pub created_ns: u64,
    /// Its cursors.
    pub cursors: u64,
    /// Its partitions in order.
    pub partitions: Vec<PartitionInfo>,
}

/// A partition as it is; durable values only.
#[derive(Clone, Debug, Default)]
pub struct PartitionInfo {
    /// First offset that is not gone; `end` when empty.
    pub first: Offset,
    /// The log start: moves only by retention, purge and DeleteRecords.
    pub log_start: Offset,
    /// The offset after the newest record.
    pub end: Offset,
    /// Records that are there.
    pub records: u64,
    /// Their bytes as JetStream counts them: subject, headers, payload and a fixed part.
    pub bytes: u64,
    /// Append time of the first record, ns; 0 when empty.
    pub first_time_ns: u64,
    /// Append time of the newest record ever, ns; 0 before any.
    pub last_time_ns: u64,
    /// Offsets between first and end without a record.
    pub gone: u64,
    /// Those offsets, where asked for and few: at most 100,000.
    pub gone_offsets: Vec<Offset>,
    /// Distinct subjects.
    pub subjects: u64,
}

/// How many records a subject has.
#[derive(Clone, Debug)]
pub struct SubjectCount {
    /// The subject.
    pub subject: Bytes,
    /// Its records.
    pub count: u64,
}

impl StreamReply {
    /// The stream of an `Info`; any other answer is a bug of the core.
    ///
    /// # Errors
    /// [`Error::Internal`] for another kind of answer.
    pub fn into_info(self) -> Result<StreamInfo, Error> {
        match self {
            Self::Info { info, .. } => Ok(*info),
            _ => Err(Error::Internal("an info was expected")),
        }
    }
}
