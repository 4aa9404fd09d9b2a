//! The history of a run, and the promises that it is held to.
//!
//! Clients report what they sent, what was acknowledged and what they were given. Whatever can be judged at once is;
//! the rest when the run ends. The first broken promise stays.

mod deliveries;
mod logs;
mod marks;
#[cfg(test)]
mod tests;

pub(crate) use deliveries::Deliveries;
pub(crate) use logs::{Log, LogName};
pub(crate) use marks::Marks;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// What was acknowledged, or seen by a reader, is there after every restart.
    AckedRecovered,
    /// Offsets rise by one and never change or return.
    OffsetsRise,
    /// What was sent under an id is what is read.
    ContentStable,
    /// A publisher's messages stand in the order in which it sent them.
    PublisherOrder,
    /// What is sent again under its id is stored once.
    NoDuplicates,
    /// Everything is delivered to a work queue until it is acknowledged, and not afterwards.
    Redelivered,
    /// A consumer's floor never goes back, nor a committed offset.
    FloorsRise,
    /// At most one publish wins an expected sequence, and it stands right behind it.
    CompareAndSet,
    /// QoS 2: once. QoS 1: at least once.
    MqttQuality,
    /// The last value is the newest acknowledged one, or a later one that was sent.
    LastValue,
    /// A stored session is there when its client comes back.
    SessionKept,
    /// Without faults everything comes to its end.
    Progress,
    /// The broker opens its own log, and answers what the protocol says.
    Protocol,
}

impl Check {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::AckedRecovered,
        Self::OffsetsRise,
        Self::ContentStable,
        Self::PublisherOrder,
        Self::NoDuplicates,
        Self::Redelivered,
        Self::FloorsRise,
        Self::CompareAndSet,
        Self::MqttQuality,
        Self::LastValue,
        Self::SessionKept,
        Self::Progress,
        Self::Protocol,
    ];
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub check: Check,
    /// What happened.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.check, self.text)
    }
}

/// A message's name: `publisher/number`, and it begins its payload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MessageId {
    pub(crate) publisher: String,
    pub(crate) number: u64,
}

impl MessageId {
    pub(crate) fn new(publisher: &str, number: u64) -> Self {
        Self { publisher: publisher.to_owned(), number }
    }

    /// Reads the id at the front of a payload; it ends at a `|`.
    pub(crate) fn of(payload: &[u8]) -> Option<Self> {
        let end = payload.iter().position(|byte| *byte == b'|')?;
        let text = std::str::from_utf8(&payload[..end]).ok()?;
        let (publisher, number) = text.split_once('/')?;
        Some(Self::new(publisher, number.parse().ok()?))
    }

    /// The payload that goes with it: of a length that follows from the id, so that anybody can check it.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let mut payload = format!("{self}|").into_bytes();
        let mut mixed = self.number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ payload.len() as u64;
        mixed ^= mixed >> 29;
        // Mostly small; a few beyond a page, which the lane keeps by reference.
        let length = if mixed.is_multiple_of(23) { 5000 + mixed % 1000 } else { mixed % 300 };
        payload.extend((0..length).map(|at| b'a' + ((at + self.number) % 26) as u8));
        payload
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.publisher, self.number)
    }
}

/// How a publisher's messages are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storing {
    /// Once, however often they are sent.
    Once,
    /// As often as they are sent, at least once.
    AtLeastOnce,
}

/// The history.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    violation: Option<Violation>,
    /// What is stored where, as far as anybody was told.
    pub(crate) logs: BTreeMap<LogName, Log>,
    /// How each publisher's messages are stored.
    pub(crate) publishers: BTreeMap<String, Storing>,
    /// Messages that were refused once: when they are sent again, later ones stand before them.
    pub(crate) refused: BTreeSet<MessageId>,
    /// Last values and other numbers that only rise.
    pub(crate) marks: Marks,
    /// What MQTT and work queues delivered.
    pub(crate) deliveries: Deliveries,
    /// A stream captures what MQTT clients publish.
    pub(crate) captures: bool,
    /// Messages may have been refused without their sender knowing of it.
    pub(crate) disk_was_full: bool,
    /// Counts for the report.
    pub(crate) acked: u64,
    pub(crate) delivered: u64,
}

impl Ledger {
    /// A promise is broken; the first one stays.
    pub(crate) fn broken(&mut self, check: Check, text: impl Into<String>) {
        if self.violation.is_none() {
            self.violation = Some(Violation { check, text: text.into() });
        }
    }

    /// Unless `holds`, a promise is broken.
    pub(crate) fn expect(&mut self, holds: bool, check: Check, text: impl FnOnce() -> String) {
        if !holds {
            self.broken(check, text());
        }
    }

    pub(crate) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The id of a payload, which must be the one that goes with it.
    pub(crate) fn identify(&mut self, payload: &[u8], place: &str) -> Option<MessageId> {
        let id = MessageId::of(payload);
        if id.as_ref().is_none_or(|id| id.payload() != payload) {
            let shown = String::from_utf8_lossy(&payload[..payload.len().min(40)]).into_owned();
            self.broken(Check::ContentStable, format!("{place} holds what nobody sent: {shown:?}"));
            return None;
        }
        id
    }

    /// What can be judged only at the end.
    pub(crate) fn judge(&mut self) {
        for (name, log) in std::mem::take(&mut self.logs) {
            self.judge_log(&name, &log);
            self.logs.insert(name, log);
        }
        self.judge_deliveries();
    }
}
