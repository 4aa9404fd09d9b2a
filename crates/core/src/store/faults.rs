//! What is damaged: named, offline, and nothing else with it.

use super::Store;
use super::shard::Shard;
use super::stream::Stream;
use std::fmt;
use stele_model::{PartitionIndex, StreamName};

/// Something stored whose bytes have changed, or that misses some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub what: Damaged,
    /// Why it is known to be damaged.
    pub reason: &'static str,
}

/// What can be damaged by itself. Partitions are offline: reads and writes answer `Quarantined`. Groups and sessions
/// go on from what is left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damaged {
    /// A partition of a stream.
    Partition {
        /// The stream.
        stream: StreamName,
        /// Which.
        partition: PartitionIndex,
    },
    /// A stream whose name is lost with it.
    Stream {
        /// Where it lived.
        shard: u16,
        /// Its number there.
        number: u64,
    },
    /// Offsets that groups committed.
    Groups {
        /// Where they live.
        shard: u16,
    },
    /// Stored sessions.
    Sessions {
        /// Where they live.
        shard: u16,
    },
}

impl fmt::Display for Damaged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition { stream, partition } => write!(formatter, "partition {partition} of `{stream}`"),
            Self::Stream { shard, number } => write!(formatter, "stream {number} of shard {shard}"),
            Self::Groups { shard } => write!(formatter, "groups of shard {shard}"),
            Self::Sessions { shard } => write!(formatter, "stored sessions of shard {shard}"),
        }
    }
}

impl Store {
    /// What is damaged, as far as it is known.
    pub fn damaged(&self) -> Vec<Fault> {
        self.faults().clone()
    }

    /// A read outside of the shard's lock found damage in this log.
    pub(crate) fn take_offline(&self, shard: u16, log: u64) {
        self.enter(shard, |shard| {
            let found = Stream::of_log(log).and_then(|(number, partition)| {
                shard.streams.get(&number)?.partitions.get(partition as usize)
            });
            if let Some(partition) = found.filter(|partition| !partition.is_offline()) {
                partition.take_offline();
                shard.context.damaged.borrow_mut().push(log);
            }
        });
    }

    /// Tells of damage, once.
    pub(crate) fn note_faults(&self, found: Vec<Damaged>) {
        let mut faults = self.faults();
        for what in found {
            if faults.iter().all(|fault| fault.what != what) {
                tracing::error!(%what, "stored bytes are damaged: it is offline, everything else serves");
                faults.push(Fault { what, reason: "stored bytes have changed" });
            }
        }
    }

    /// A stream is deleted, and its damage with it.
    pub(crate) fn forget_faults(&self, name: &StreamName) {
        let is_it = |fault: &Fault| match &fault.what {
            Damaged::Partition { stream, .. } => stream == name,
            _ => false,
        };
        self.faults().retain(|fault| !is_it(fault));
    }
}

impl Shard {
    /// Damage that reads found since the last call.
    pub(crate) fn take_damaged(&mut self) -> Vec<Damaged> {
        let logs = std::mem::take(self.context.damaged.get_mut());
        let named = logs.into_iter().filter_map(|log| {
            let (number, partition) = Stream::of_log(log)?;
            let stream = self.streams.get(&number)?.spec.name.clone();
            Some(Damaged::Partition { stream, partition })
        });
        named.collect()
    }
}
