//! Why a request failed, in neutral words. Each wire has one table from these to its own codes and texts.

use crate::{Offset, StreamName};

/// A failure that a client can be told about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No stream of this name.
    #[error("stream `{0}` not found")]
    StreamNotFound(StreamName),
    /// The stream has no partition of this number.
    #[error("partition {1} of `{0}` not found")]
    PartitionNotFound(StreamName, u32),
    /// A stream of this name exists with another configuration.
    #[error("stream `{0}` exists with another configuration")]
    StreamExists(StreamName),
    /// A stream made by the same wire captures some of these subjects.
    #[error("subjects overlap with stream `{0}`")]
    SubjectsOverlap(StreamName),
    /// The name collides with the shown name of another stream's partition.
    #[error("the name collides with `{0}`")]
    NameCollision(StreamName),
    /// The stream is sealed, or forbids this change.
    #[error("the stream does not allow this: {0}")]
    NotAllowed(&'static str),
    /// The configuration asks for something impossible; the text says what.
    #[error("{0}")]
    InvalidSpec(String),
    /// The offset is before the log start or after the end.
    #[error("offset out of range")]
    OffsetOutOfRange,
    /// No record there.
    #[error("no record found")]
    RecordNotFound,
    /// The stream is full (discard new): records.
    #[error("maximum messages exceeded")]
    RecordsExceeded,
    /// The stream is full (discard new): bytes.
    #[error("maximum bytes exceeded")]
    BytesExceeded,
    /// The subject is full (discard new per subject).
    #[error("maximum messages per subject exceeded")]
    SubjectRecordsExceeded,
    /// Larger than the stream, the wire or the broker takes.
    #[error("message size exceeds maximum allowed")]
    MessageTooLarge,
    /// The expected stream is another.
    #[error("expected stream does not match")]
    WrongExpectedStream,
    /// The expected last sequence does not hold; the actual one.
    #[error("wrong last sequence: {0}")]
    WrongLastSequence(u64),
    /// The expected last message id does not hold; the actual one.
    #[error("wrong last msg ID: {0}")]
    WrongLastMessageId(String),
    /// The window of remembered ids is full; nothing is forgotten early, so the message is refused.
    #[error("too many message ids are remembered")]
    DedupWindowFull,
    /// Rollup, TTL, counters, schedules or batches that the stream does not allow; the text names it.
    #[error("{0} is not allowed by the stream")]
    FeatureNotAllowed(&'static str),
    /// A header's value cannot be read; the text names it.
    #[error("invalid value of {0}")]
    InvalidHeader(&'static str),
    /// Only records with a key (or a captured subject) can go there.
    #[error("{0}")]
    InvalidRecord(&'static str),
    /// The batch's bytes are wrong.
    #[error("corrupt batch: {0}")]
    CorruptBatch(&'static str),
    /// The producer's sequence has a gap.
    #[error("out of order sequence number")]
    OutOfOrderSequence,
    /// The producer's epoch is older than the newest known.
    #[error("the producer's epoch is fenced")]
    ProducerFenced,
    /// A timestamp is outside of what the stream takes.
    #[error("invalid timestamp")]
    InvalidTimestamp,
    /// No cursor of this name.
    #[error("consumer not found")]
    CursorNotFound,
    /// A cursor of this name exists with another configuration.
    #[error("consumer already exists")]
    CursorExists,
    /// The stream has as many cursors as it may have.
    #[error("maximum consumers limit reached")]
    CursorsExceeded,
    /// On a work queue another cursor wants the same subjects.
    #[error("filtered consumer not unique on workqueue stream")]
    CursorNotUnique,
    /// As many pulls wait as may wait.
    #[error("Exceeded MaxWaiting")]
    PullsExceeded,
    /// The group does not know the member.
    #[error("unknown member")]
    UnknownMember,
    /// The generation is not the current one.
    #[error("illegal generation")]
    IllegalGeneration,
    /// Join again: the group rebalances.
    #[error("rebalance in progress")]
    RebalanceInProgress,
    /// Join again with the member id that this answer carries.
    #[error("a member id is required")]
    MemberIdRequired(String),
    /// Another member took the static identity over.
    #[error("the static member was fenced")]
    FencedInstance,
    /// No protocol in common, or another protocol type.
    #[error("inconsistent group protocol")]
    InconsistentProtocol,
    /// Session or rebalance time-out outside of what the broker takes.
    #[error("invalid session timeout")]
    InvalidSessionTimeout,
    /// The group id is empty or unusable.
    #[error("invalid group id")]
    InvalidGroup,
    /// The group has as many members as it may have.
    #[error("the group is full")]
    GroupFull,
    /// No group of this name.
    #[error("group not found")]
    GroupNotFound,
    /// The group still has members.
    #[error("the group is not empty")]
    GroupNotEmpty,
    /// The metadata of a committed offset is too long.
    #[error("offset metadata too large")]
    MetadataTooLarge,
    /// The stored session is held by a newer connection.
    #[error("the session was taken over")]
    SessionFenced,
    /// The queue of a stored session, or the broker's bound for all, is full.
    #[error("quota exceeded")]
    QuotaExceeded,
    /// The identity may not do this.
    #[error("not authorized")]
    NotAuthorized,
    /// There is no room on the disk.
    #[error("insufficient storage")]
    DiskFull,
    /// The log failed; it is being reopened. Nothing is known about what was not yet acknowledged.
    #[error("storage failure")]
    Storage,
    /// A partition is quarantined after damage; the operator must act.
    #[error("the partition is damaged and offline")]
    Quarantined,
    /// Another process owns this; the hint says where.
    #[error("not the owner of this shard")]
    NotOwner(Option<String>),
    /// The request is malformed; the text says where.
    #[error("{0}")]
    BadRequest(&'static str),
    /// Too much is waiting to be stored; try again.
    #[error("too many requests in flight")]
    Overloaded,
    /// The requested range ended: see `at`.
    #[error("truncated at {at}")]
    Truncated {
        /// Where.
        at: Offset,
    },
    /// A bug of ours; the text is for the log.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

impl Error {
    /// Does trying the same again not change it? Room, storage and ownership come back; rules stay.
    pub fn is_final(&self) -> bool {
        !matches!(
            self,
            Self::Storage
                | Self::DiskFull
                | Self::Quarantined
                | Self::Overloaded
                | Self::NotOwner(_)
                | Self::SessionFenced
                | Self::Internal(_)
        )
    }
}
