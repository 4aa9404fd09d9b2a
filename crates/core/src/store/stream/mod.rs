//! Streams: one state machine each, a function of its frames.
//!
//! ```text
//!  messages ─ capture ─┐                       ┌─ limits (a function of the append)
//!  batches ── produce ─┼→ one batch frame ─→ apply ─→ table, batches, subjects, dedup, producers
//!  purge, delete, age, acks ─→ removal frame ─→ apply
//! ```

mod apply;
mod batches;
mod capture;
mod conditions;
mod dedup;
mod expire;
mod get;
mod image;
mod machine;
mod partition;
mod produce;
mod producers;
mod purge;
mod read;
mod record;
mod spec;
mod subjects;
mod table;

pub(crate) use batches::Entry as BatchEntry;
pub(crate) use machine::Stream;
pub(crate) use partition::Partition;
pub(crate) use purge::PurgeOrder;
pub(crate) use read::{PartView, hole, load_all};
pub(crate) use record::{Decoded, block_length};
pub(crate) use spec::check as check_spec;
