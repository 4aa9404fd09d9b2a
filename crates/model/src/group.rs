//! Groups: members that share partitions, with their committed offsets (Kafka's classic groups).
//!
//! Member metadata and assignments are opaque bytes. Memberships live in memory; commits are durable.

use crate::{Offset, PartitionIndex, StreamName};
use bytes::Bytes;

/// What the core can be asked about groups.
#[derive(Debug)]
pub enum GroupCommand {
    /// Join; answered when the rebalance is complete. → `Joined`
    Join(Box<Join>),
    /// Hand in (leader) and fetch assignments; answered when the leader has. → `Assignment`
    Sync {
        /// The group.
        group: String,
        /// Who asks.
        member: String,
        /// Its static identity.
        instance: Option<String>,
        /// Of this generation.
        generation: i32,
        /// Checked where given: protocol type and name.
        protocol: (Option<String>, Option<String>),
        /// From the leader: member id and its assignment.
        assignments: Vec<(String, Bytes)>,
    },
    /// Still there. → `Done`
    Heartbeat {
        /// The group.
        group: String,
        /// Who.
        member: String,
        /// Its static identity.
        instance: Option<String>,
        /// Of this generation.
        generation: i32,
    },
    /// Members leave. → `Left`
    Leave {
        /// The group.
        group: String,
        /// Member id and static identity of each.
        members: Vec<(String, Option<String>)>,
    },
    /// Commit offsets; answered after they are durable. → `Committed`
    Commit {
        /// The group.
        group: String,
        /// Who; empty: from outside of the group.
        member: String,
        /// Its static identity.
        instance: Option<String>,
        /// −1: from outside of the group.
        generation: i32,
        /// What.
        offsets: Vec<CommitOffset>,
    },
    /// Committed offsets; `None`: all of the group. → `Offsets`
    Fetch {
        /// The group.
        group: String,
        /// Of these partitions.
        partitions: Option<Vec<(StreamName, PartitionIndex)>>,
    },
    /// Describe groups. → `Described`, one per name in order, `None` where there is no such group.
    Describe(Vec<String>),
    /// All groups. → `Described`
    List,
    /// Remove groups with their offsets. → `Deleted`
    Delete(Vec<String>),
    /// Forget committed offsets of partitions. → `Done`
    DeleteOffsets {
        /// The group.
        group: String,
        /// Which.
        partitions: Vec<(StreamName, PartitionIndex)>,
    },
    /// A producer id that nobody has. → `Producer`
    NewProducerId,
}

/// A member wants in.
#[derive(Debug)]
pub struct Join {
    /// The group.
    pub group: String,
    /// Who; empty: new, the answer may be `MemberIdRequired`.
    pub member: String,
    /// Its static identity.
    pub instance: Option<String>,
    /// The client's own name for itself, and its address.
    pub client: (String, String),
    /// Out after this much silence (ms).
    pub session_timeout_ms: i32,
    /// How long a rebalance waits for it (ms).
    pub rebalance_timeout_ms: i32,
    /// `consumer`, `connect` …
    pub protocol_type: String,
    /// Name and metadata of each protocol, most wanted first.
    pub protocols: Vec<(String, Bytes)>,
    /// A new member is first given an id and asked to come again (JoinGroup v4+).
    pub id_required: bool,
}

/// The rebalance is complete.
#[derive(Clone, Debug)]
pub struct Joined {
    /// This generation.
    pub generation: i32,
    /// The group's protocol type.
    pub protocol_type: String,
    /// The protocol that all have.
    pub protocol: String,
    /// The member id of the leader.
    pub leader: String,
    /// The id of the one that asked.
    pub member: String,
    /// For the leader: everybody with metadata; else empty.
    pub members: Vec<GroupMember>,
    /// The leader need not assign again (static membership).
    pub skip_assignment: bool,
}

/// A member as others see it.
#[derive(Clone, Debug)]
pub struct GroupMember {
    /// Member id.
    pub member: String,
    /// Static identity.
    pub instance: Option<String>,
    /// Client id and address.
    pub client: (String, String),
    /// Its metadata for the chosen protocol.
    pub metadata: Bytes,
    /// Its assignment.
    pub assignment: Bytes,
}

/// An offset to commit.
#[derive(Clone, Debug)]
pub struct CommitOffset {
    /// The topic.
    pub stream: StreamName,
    /// Its partition.
    pub partition: PartitionIndex,
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch that the client saw; −1: none.
    pub leader_epoch: i32,
    /// The client's words; null stays null.
    pub metadata: Option<String>,
}

/// An offset as committed.
#[derive(Clone, Debug)]
pub struct CommittedOffset {
    /// What was committed; `None`: nothing for this partition.
    pub commit: Option<CommitOffset>,
    /// The topic that was asked for.
    pub stream: StreamName,
    /// Its partition.
    pub partition: PartitionIndex,
}

/// Where a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// No members.
    Empty,
    /// Members are joining.
    PreparingRebalance,
    /// Waits for the leader's assignment.
    CompletingRebalance,
    /// At work.
    Stable,
    /// Removed.
    Dead,
}

/// A group as it is.
#[derive(Clone, Debug)]
pub struct GroupDescription {
    /// Its name.
    pub group: String,
    /// Where it stands.
    pub state: GroupState,
    /// `consumer`, `connect` …; empty without members.
    pub protocol_type: String,
    /// The chosen protocol; empty while none is.
    pub protocol: String,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// Answers about groups.
#[derive(Debug)]
pub enum GroupReply {
    /// Done.
    Done,
    /// Joined.
    Joined(Box<Joined>),
    /// The member's assignment, with protocol type and name.
    Assignment {
        /// For the one that asked.
        assignment: Bytes,
        /// The group's.
        protocol_type: String,
        /// The group's.
        protocol: String,
    },
    /// One result per member that left.
    Left(Vec<Result<(), crate::Error>>),
    /// One result per offset, in order.
    Committed(Vec<Result<(), crate::Error>>),
    /// In the order of the question.
    Offsets(Vec<CommittedOffset>),
    /// In the order of the question.
    Described(Vec<Option<GroupDescription>>),
    /// One result per group.
    Deleted(Vec<Result<(), crate::Error>>),
    /// A fresh producer id; its epoch is 0.
    Producer(i64),
}
