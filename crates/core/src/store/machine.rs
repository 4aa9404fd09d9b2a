//! The machines of a store: the units of snapshots and of damage.

use super::frames::{
    Delta, GROUPS_FROM, GROUPS_LOG, SESSIONS_FROM, SESSIONS_LOG, SHARD_FROM, SHARD_LOG, StreamPut, stream_log,
};
use super::stream::Stream;
use crate::journal::FrameKind;
use stele_model::PartitionIndex;

/// A machine, by the number that its frames bear: those of a shard itself, its groups, its sessions, or one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Machine {
    /// Where it lives.
    pub shard: u16,
    /// Its log number, without a partition.
    pub log: u64,
}

/// Whose a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Whose.
    pub machine: Machine,
    /// Of a stream's partition, where it is a batch.
    pub partition: Option<PartitionIndex>,
}

/// Bytes of an id.
pub(crate) const ID_BYTES: usize = 11;
/// The first byte of an id.
const ID_VERSION: u8 = 1;

impl Machine {
    /// A stream.
    pub(crate) fn stream(shard: u16, number: u64) -> Self {
        Self { shard, log: stream_log(number) }
    }

    /// The number of the stream, where it is one.
    pub(crate) fn number(self) -> Option<u64> {
        let number = Stream::of_log(self.log | 1)?.0;
        (number > 0).then_some(number)
    }

    /// What snapshots know it by.
    pub(crate) fn id(self) -> Vec<u8> {
        let mut id = vec![ID_VERSION];
        id.extend_from_slice(&self.shard.to_be_bytes());
        id.extend_from_slice(&self.log.to_be_bytes());
        id
    }

    /// Reads an id.
    pub(crate) fn of_id(id: &[u8]) -> Option<Self> {
        let (&ID_VERSION, rest) = id.split_first()? else { return None };
        let (shard, log) = rest.split_first_chunk::<2>()?;
        let machine =
            Self { shard: u16::from_be_bytes(*shard), log: u64::from_be_bytes(log.try_into().ok()?) };
        let known = machine.log <= SESSIONS_LOG || Self::stream(0, machine.number()?).log == machine.log;
        known.then_some(machine)
    }
}

impl Target {
    /// Whose frame this is, by what replay goes by: the log of a batch, the content of a delta. Older releases left the
    /// log of deltas at 0.
    pub(crate) fn of(shard: u16, kind: FrameKind, log: u64, payload: &[u8]) -> Option<Self> {
        let machine = |log| Some(Self { machine: Machine { shard, log }, partition: None });
        if kind == FrameKind::Batch {
            return Self::of_log(shard, log);
        }
        let (kind, body) = payload.split_first()?;
        match *kind {
            StreamPut::KIND..GROUPS_FROM => {
                let (stream, _) = postcard::take_from_bytes::<u64>(body).ok()?;
                machine(stream_log(stream))
            }
            GROUPS_FROM..SESSIONS_FROM => machine(GROUPS_LOG),
            SESSIONS_FROM..SHARD_FROM => machine(SESSIONS_LOG),
            _ => machine(SHARD_LOG),
        }
    }

    /// Whose frames bear this log number; `None`: no machine's.
    pub(crate) fn of_log(shard: u16, log: u64) -> Option<Self> {
        if log <= SESSIONS_LOG {
            return Some(Self { machine: Machine { shard, log }, partition: None });
        }
        let (number, partition) = match Stream::of_log(log) {
            Some((number, partition)) => (number, Some(partition)),
            None => (Stream::of_log(log | 1)?.0, None),
        };
        (number > 0).then(|| Self { machine: Machine::stream(shard, number), partition })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back() {
        for machine in [
            Machine { shard: 0, log: SHARD_LOG },
            Machine { shard: 1, log: GROUPS_LOG },
            Machine { shard: 2, log: SESSIONS_LOG },
            Machine::stream(3, 1),
            Machine::stream(65535, 1 << 39),
        ] {
            let id = machine.id();
            assert_eq!((id.len(), Machine::of_id(&id)), (ID_BYTES, Some(machine)));
            assert_eq!(Machine::of_id(&id[1..]), None);
        }
        assert_eq!(Machine::of_id(&Machine { shard: 0, log: 3 }.id()), None);
        assert_eq!((Machine::stream(3, 7).number(), Machine { shard: 0, log: 2 }.number()), (Some(7), None));
    }

    #[test]
    fn logs_name_partitions() {
        let target = Target { machine: Machine::stream(2, 5), partition: Some(1) };
        assert_eq!(Target::of_log(2, stream_log(5) + 2), Some(target));
        assert_eq!(Target::of_log(2, stream_log(5)), Some(Target { partition: None, ..target }));
        assert_eq!(Target::of_log(2, 9), None);
    }
}
