//! The nouns of Stele and the contract between the wires and the core.
//!
//! ```text
//!  socket → host → codec → Session ─ publish ─→ live router → other receivers' sockets
//!                               └── request ─→ shard → lane → disk ── durable ─→ Session → codec → socket
//! ```
//!
//! A wire crate (NATS, Kafka, MQTT) sees nothing of the broker but this crate: it implements [`Session`] and
//! [`Format`], and acts through [`Turn`]. The core sees nothing of the wires but this crate.
//!
//! Nothing here reads a clock, a socket or a source of randomness: time comes in as [`Now`].

mod append;
pub mod batch;
mod cursor;
mod error;
mod group;
mod identity;
mod message;
mod read;
mod record;
mod relay;
mod session;
mod session_state;
mod stream;
mod subject;
mod time;
mod turn;

pub use append::{Append, AppendReply, AppendedBatch, BatchReply};
pub use cursor::{
    AckKind, AckPolicy, CursorCommand, CursorInfo, CursorName, CursorReply, CursorSpec, Delivered, Delivery,
    DeliveryEnd, Pull, PullLimits, Push, PutMode, StartAt,
};
pub use error::Error;
pub use group::{
    CommitOffset, CommittedOffset, GroupCommand, GroupDescription, GroupMember, GroupReply, GroupState, Join,
    Joined,
};
pub use identity::{ConnectionId, Offset, PartitionIndex, SubscriptionId, Ticket, Wire};
pub use message::{Conditions, Handed, HandedTo, Header, Headers, Message, Publish, Quality, Rollup};
pub use read::{Isolation, Read, ReadPart, ReadPartReply, ReadReply, TimeLookup};
pub use record::{StoredRecord, visit_record_headers};
pub use relay::{RecordOrigin, Relayed};
pub use session::{Close, Format, Outcome, Session};
pub use session_state::{
    Claim, QueuedMessage, SessionCommand, SessionFilter, SessionOpened, SessionReply, Will,
};
pub use stream::{
    CleanupPolicy, DEDUP_WINDOW_NS, Discard, Document, Limits, ManySelector, PartitionInfo, RecordSelector,
    Retention, Storage, StreamCommand, StreamInfo, StreamName, StreamReply, StreamSpec, SubjectCount,
};
pub use subject::{
    Filter, FilterError, MatchTokens, SUBJECT_BYTES_MAX, SUBJECT_TOKENS_MAX, is_literal_subject, tokens,
};
pub use time::Now;
pub use turn::{Order, Port, Published, Request, Subscribe, SubscribeDelivery, Turn};
