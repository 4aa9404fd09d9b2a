//! Which shard a group lives in, and commands about several groups.

use crate::journal::Lsn;
use crate::store::{Answer, Caller, Store};
use stele_model::{Error, GroupCommand, GroupReply, Now, Outcome, StreamName};

/// Producer ids come from one place.
const PRODUCER_ID_SHARD: u16 = 0;

impl Store {
    /// Answers a group command, now or later.
    pub(crate) fn group(&self, now: Now, caller: &Caller, command: GroupCommand) -> Answer {
        let shard = match &command {
            GroupCommand::Describe(names) => {
                let described = |name: &String| {
                    self.enter(self.group_shard(name), |shard| {
                        (shard.context.lsn, shard.groups.describe(name))
                    })
                };
                return ready(names.iter().map(described), GroupReply::Described);
            }
            GroupCommand::List => {
                let listed = |number| {
                    self.enter(number, |shard| {
                        let lsn = shard.context.lsn;
                        shard
                            .groups
                            .list()
                            .into_iter()
                            .map(move |group| (lsn, Some(group)))
                            .collect::<Vec<_>>()
                    })
                };
                let mut groups: Vec<_> = (0..self.shards()).flat_map(listed).collect();
                groups.sort_by(|left, right| key(left).cmp(&key(right)));
                return ready(groups.into_iter(), GroupReply::Described);
            }
            GroupCommand::Delete(names) => {
                let deleted = |name: &String| {
                    self.enter(self.group_shard(name), |shard| {
                        let deleted = match name.is_empty() {
                            true => Err(Error::InvalidGroup),
                            false => shard.groups.delete(&mut shard.context, name),
                        };
                        (shard.context.lsn, deleted)
                    })
                };
                return ready(names.iter().map(deleted), GroupReply::Deleted);
            }
            GroupCommand::NewProducerId => PRODUCER_ID_SHARD,
            GroupCommand::Join(join) => self.group_shard(&join.group),
            GroupCommand::Sync { group, .. }
            | GroupCommand::Heartbeat { group, .. }
            | GroupCommand::Leave { group, .. }
            | GroupCommand::Commit { group, .. }
            | GroupCommand::Fetch { group, .. }
            | GroupCommand::DeleteOffsets { group, .. } => self.group_shard(group),
        };
        self.enter(shard, |shard| shard.groups.request(&mut shard.context, now, caller, command))
    }

    /// A topic is gone; the position at which that is durable for all groups.
    pub(crate) fn forget_committed(&self, stream: &StreamName) -> Lsn {
        let forget = |number| {
            self.enter(number, |shard| {
                shard.groups.forget_stream(&mut shard.context, stream);
                shard.context.lsn
            })
        };
        (0..self.shards()).map(forget).max().unwrap_or_default()
    }

    fn group_shard(&self, group: &str) -> u16 {
        self.shard_for(&StreamName::new(group))
    }
}

fn key(listed: &(Lsn, Option<stele_model::GroupDescription>)) -> Option<&str> {
    listed.1.as_ref().map(|group| group.group.as_str())
}

fn ready<T>(results: impl Iterator<Item = (Lsn, T)>, reply: impl FnOnce(Vec<T>) -> GroupReply) -> Answer {
    let (lsns, results): (Vec<Lsn>, Vec<T>) = results.unzip();
    let lsn = lsns.into_iter().max().unwrap_or_default();
    Answer::Ready { lsn, outcome: Outcome::Group(reply(results)) }
}
