//! Groups that share partitions: Kafka's classic group protocol, and the offsets that groups commit.
//!
//! Memberships live in memory and go with the process: members then join again, with new ids. Commits, their removal
//! and reserved producer ids are frames (kinds 64 to 95); [`Groups::apply`] gives the same offsets from them.
//!
//! A closed connection takes no member out: like Kafka, the group waits for the session timeout, so that a client
//! that reconnects finds its place.

mod bench;
mod group;
mod image;
mod join;
mod offsets;
mod producer_ids;
mod rebalance;
mod route;
mod settings;
mod sync;
#[cfg(test)]
mod tests;

pub use settings::GroupSettings;

use super::context::Context;
use super::frames::{Delta, GroupDeleted, OffsetsCommitted, OffsetsForgotten, ProducerIdsReserved};
use super::{Answer, Caller};
use bench::Bench;
use group::Group;
use join::Decided;
use producer_ids::ProducerIds;
use std::collections::{BTreeMap, BTreeSet};
use stele_model::{
    ConnectionId, Error, GroupCommand, GroupDescription, GroupReply, GroupState, Now, Outcome, StreamName,
    Ticket,
};
use sync::Sync;

/// The groups of a shard.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_name: BTreeMap<String, Group>,
    /// When a group has something to do (monotonic ns).
    timers: BTreeSet<(u64, String)>,
    producer_ids: ProducerIds,
    ids_made: u64,
    waits: Waits,
}

/// Joins and syncs that wait, with their group's name.
type Waits = BTreeMap<(ConnectionId, Ticket), String>;

impl Groups {
    /// Decides a command about one group, or for a producer id.
    pub(crate) fn request(
        &mut self,
        context: &mut Context,
        now: Now,
        caller: &Caller,
        command: GroupCommand,
    ) -> Answer {
        context.monotonic_ns = context.monotonic_ns.max(now.monotonic_ns);
        let (decided, name) = match command {
            GroupCommand::NewProducerId => {
                let id = self.producer_ids.take(context);
                (id.map(|id| Some(Outcome::Group(GroupReply::Producer(id)))), None)
            }
            command => match name_of(&command) {
                Some("") => (Err(Error::InvalidGroup), None),
                Some(name) => {
                    let name = name.to_owned();
                    (self.decide(context, now, caller, &name, command), Some(name))
                }
                None => (Err(Error::Internal("a command about several groups was not split")), None),
            },
        };
        let lsn = match &name {
            Some(name) => self.by_name.get(name).map(|group| group.lsn).unwrap_or_default(),
            None => context.lsn,
        };
        if let Some(name) = &name {
            self.arm(context, now, name);
        }
        match decided {
            Ok(None) => Answer::Waiting,
            answered => {
                self.waits.remove(&(caller.link.id, caller.ticket));
                let outcome = answered.map(|outcome| outcome.unwrap_or(Outcome::Group(GroupReply::Done)));
                Answer::Ready { lsn, outcome: outcome.unwrap_or_else(Outcome::Failed) }
            }
        }
    }

    fn decide(
        &mut self,
        context: &mut Context,
        now: Now,
        caller: &Caller,
        name: &str,
        command: GroupCommand,
    ) -> Decided {
        let makes = match &command {
            GroupCommand::Join(join) => join.member.is_empty(),
            GroupCommand::Commit { generation, .. } => *generation < 0,
            _ => false,
        };
        if makes && !self.by_name.contains_key(name) {
            if self.by_name.len() >= context.settings.groups.groups_max {
                return Err(Error::QuotaExceeded);
            }
            self.by_name.insert(name.to_owned(), Group::new(now.monotonic_ns));
        }
        let Self { by_name, ids_made, waits, .. } = self;
        let Some(group) = by_name.get_mut(name) else { return missing(command) };
        // Taken out again by whoever answers.
        waits.insert((caller.link.id, caller.ticket), name.to_owned());
        let mut bench = Bench { now, context, ids_made, waits };
        match command {
            GroupCommand::Join(join) => group.join(*join, caller, &mut bench),
            GroupCommand::Sync { member, instance, generation, protocol, assignments, .. } => {
                let sync = Sync { member, instance, generation, protocol, assignments };
                group.sync(sync, caller, &mut bench)
            }
            GroupCommand::Heartbeat { member, instance, generation, .. } => {
                group.heartbeat(&member, instance.as_deref(), generation, &mut bench)
            }
            GroupCommand::Leave { members, .. } => {
                let leave = |(id, instance): &(String, Option<String>)| {
                    group.leave(id, instance.as_deref(), &mut bench)
                };
                Ok(Some(Outcome::Group(GroupReply::Left(members.iter().map(leave).collect()))))
            }
            GroupCommand::Commit { member, instance, generation, offsets, .. } => {
                group.check_commit(&member, instance.as_deref(), generation, &bench)?;
                group.commit(name, offsets, &mut bench).map(Some)
            }
            GroupCommand::Fetch { partitions, .. } => Ok(Some(group.fetch(partitions))),
            GroupCommand::DeleteOffsets { partitions, .. } => {
                if !group.members.is_empty() {
                    return Err(Error::GroupNotEmpty);
                }
                group.forget(name, partitions, bench.context)?;
                Ok(Some(Outcome::Group(GroupReply::Done)))
            }
            GroupCommand::Describe(_)
            | GroupCommand::List
            | GroupCommand::Delete(_)
            | GroupCommand::NewProducerId => {
                Err(Error::Internal("a command about several groups was not split"))
            }
        }
    }

    /// A group as it is.
    pub(crate) fn describe(&self, name: &str) -> Option<GroupDescription> {
        self.by_name.get(name).map(|group| group.described(name))
    }

    /// All groups, by name.
    pub(crate) fn list(&self) -> Vec<GroupDescription> {
        self.by_name.iter().map(|(name, group)| group.described(name)).collect()
    }

    /// Removes a group with its offsets.
    ///
    /// # Errors
    /// `GroupNotFound`, `GroupNotEmpty`, the journal's.
    pub(crate) fn delete(&mut self, context: &mut Context, name: &str) -> Result<(), Error> {
        let group = self.by_name.get(name).ok_or(Error::GroupNotFound)?;
        if !group.members.is_empty() || !group.pending.is_empty() {
            return Err(Error::GroupNotEmpty);
        }
        let frame = context.delta(&GroupDeleted { group: name.to_owned() });
        context.append(&[frame])?;
        self.drop_group(name);
        Ok(())
    }

    /// A topic is gone: what was committed for it would skip records of another one of its name.
    pub(crate) fn forget_stream(&mut self, context: &mut Context, stream: &StreamName) {
        for (name, group) in &mut self.by_name {
            let of_it = group.offsets.keys().filter(|(other, _)| other == stream).cloned().collect();
            if let Err(error) = group.forget(name, of_it, context) {
                tracing::error!(%error, group = name, "offsets of a deleted topic could not be removed");
            }
        }
    }

    /// A connection is gone, or withdraws a request: nothing is answered for it any more. Its members stay until
    /// their session timeout.
    pub(crate) fn detach(&mut self, context: &mut Context, link: ConnectionId, ticket: Option<Ticket>) {
        let range = match ticket {
            Some(ticket) => (link, ticket)..=(link, ticket),
            None => (link, Ticket(0))..=(link, Ticket(u64::MAX)),
        };
        let found: Vec<_> = self.waits.range(range).map(|(key, name)| (*key, name.clone())).collect();
        let now = Now { monotonic_ns: context.monotonic_ns, wall_ns: context.clock.last_ns() };
        for (key, name) in found {
            self.waits.remove(&key);
            let Some(group) = self.by_name.get_mut(&name) else { continue };
            group.stop_waiting(key, now.monotonic_ns);
            self.arm(context, now, &name);
        }
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, context: &mut Context, now: Now) {
        context.monotonic_ns = context.monotonic_ns.max(now.monotonic_ns);
        while let Some((due, _)) = self.timers.first() {
            if *due > now.monotonic_ns {
                break;
            }
            let Some((_, name)) = self.timers.pop_first() else { break };
            let Self { by_name, ids_made, waits, .. } = self;
            let Some(group) = by_name.get_mut(&name) else { continue };
            group.timer = None;
            let mut bench = Bench { now, context, ids_made, waits };
            group.wake(&mut bench);
            group.expire(&name, &mut bench);
            let kept_ns = context.settings.groups.empty_retention_ms.saturating_mul(1_000_000);
            let idle =
                group.state == GroupState::Empty && group.offsets.is_empty() && group.pending.is_empty();
            if idle && group.empty_since.saturating_add(kept_ns) <= now.monotonic_ns {
                self.drop_group(&name);
            } else {
                self.arm(context, now, &name);
            }
        }
    }

    /// When `wake` has something to do (monotonic ns).
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// Everything was replayed.
    pub(crate) fn opened(&mut self, context: &mut Context, now: Now) {
        let names: Vec<String> = self.by_name.keys().cloned().collect();
        for name in names {
            if let Some(group) = self.by_name.get_mut(&name) {
                group.empty_since = now.monotonic_ns;
            }
            self.arm(context, now, &name);
        }
    }

    /// A delta is replayed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn apply(&mut self, kind: u8, body: &[u8]) -> Result<(), &'static str> {
        match kind {
            OffsetsCommitted::KIND => {
                let committed = OffsetsCommitted::decode(body)?;
                let group = self.by_name.entry(committed.group.clone()).or_insert_with(|| Group::new(0));
                group.apply_committed(committed);
            }
            OffsetsForgotten::KIND => {
                let forgotten = OffsetsForgotten::decode(body)?;
                let group = self.by_name.get_mut(&forgotten.group).ok_or("offsets of an unknown group")?;
                group.apply_forgotten(&forgotten);
                if group.offsets.is_empty() {
                    self.by_name.remove(&forgotten.group);
                }
            }
            GroupDeleted::KIND => {
                // A group without offsets was never written down.
                self.by_name.remove(&GroupDeleted::decode(body)?.group);
            }
            ProducerIdsReserved::KIND => self.producer_ids.apply(&ProducerIdsReserved::decode(body)?),
            _ => return Err("a delta of groups, which this version does not know"),
        }
        Ok(())
    }

    /// Sets the group's timer where it has none or one that is too late.
    fn arm(&mut self, context: &mut Context, now: Now, name: &str) {
        let Self { by_name, timers, ids_made, waits, .. } = self;
        let Some(group) = by_name.get_mut(name) else { return };
        let mut due = group.due();
        if group.timer.is_none() && group.state == GroupState::Empty {
            let bench = Bench { now, context, ids_made, waits };
            let kept_ns = bench.settings().empty_retention_ms.saturating_mul(1_000_000);
            let idle = group.offsets.is_empty().then(|| group.empty_since.saturating_add(kept_ns));
            due = due.into_iter().chain(group.offsets_due(&bench)).chain(idle).min();
        }
        let Some(due) = due else { return };
        if group.timer.is_none_or(|armed| due < armed) {
            if let Some(armed) = group.timer.replace(due) {
                timers.remove(&(armed, name.to_owned()));
            }
            timers.insert((due, name.to_owned()));
        }
    }

    fn drop_group(&mut self, name: &str) {
        let Some(group) = self.by_name.remove(name) else { return };
        if let Some(armed) = group.timer {
            self.timers.remove(&(armed, name.to_owned()));
        }
    }
}

/// The group that a command is about.
fn name_of(command: &GroupCommand) -> Option<&str> {
    match command {
        GroupCommand::Join(join) => Some(&join.group),
        GroupCommand::Sync { group, .. }
        | GroupCommand::Heartbeat { group, .. }
        | GroupCommand::Leave { group, .. }
        | GroupCommand::Commit { group, .. }
        | GroupCommand::Fetch { group, .. }
        | GroupCommand::DeleteOffsets { group, .. } => Some(group),
        GroupCommand::Describe(_)
        | GroupCommand::List
        | GroupCommand::Delete(_)
        | GroupCommand::NewProducerId => None,
    }
}

/// What a group that is not there answers.
fn missing(command: GroupCommand) -> Decided {
    match command {
        GroupCommand::Commit { .. } => Err(Error::IllegalGeneration),
        GroupCommand::Fetch { partitions, .. } => {
            Ok(Some(Group::new(0).fetch(Some(partitions.unwrap_or_default()))))
        }
        GroupCommand::Leave { members, .. } => {
            let left = members.iter().map(|_| Err(Error::UnknownMember)).collect();
            Ok(Some(Outcome::Group(GroupReply::Left(left))))
        }
        GroupCommand::DeleteOffsets { .. } => Err(Error::GroupNotFound),
        _ => Err(Error::UnknownMember),
    }
}
