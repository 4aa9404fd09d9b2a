//! Between rebalances: assignments, heartbeats, goodbyes.

use super::bench::Bench;
use super::group::Group;
use super::join::Decided;
use crate::store::Caller;
use bytes::Bytes;
use stele_model::{Error, GroupReply, GroupState, Outcome};

/// What a member hands in and asks for.
pub(super) struct Sync {
    pub(super) member: String,
    pub(super) instance: Option<String>,
    pub(super) generation: i32,
    pub(super) protocol: (Option<String>, Option<String>),
    pub(super) assignments: Vec<(String, Bytes)>,
}

impl Group {
    pub(super) fn sync(&mut self, sync: Sync, caller: &Caller, bench: &mut Bench<'_>) -> Decided {
        self.check_member(&sync.member, sync.instance.as_deref())?;
        if sync.generation != self.generation {
            return Err(Error::IllegalGeneration);
        }
        let differs = |said: &Option<String>, ours: &Option<String>| said.is_some() && said != ours;
        if differs(&sync.protocol.0, &self.protocol_type) || differs(&sync.protocol.1, &self.protocol) {
            return Err(Error::InconsistentProtocol);
        }
        match self.state {
            GroupState::Empty | GroupState::Dead => Err(Error::UnknownMember),
            GroupState::PreparingRebalance => Err(Error::RebalanceInProgress),
            GroupState::CompletingRebalance => {
                self.touch(&sync.member, bench);
                self.await_assignment(sync, caller, bench);
                Ok(None)
            }
            GroupState::Stable => {
                self.touch(&sync.member, bench);
                if let Some(member) = self.members.get_mut(&sync.member) {
                    member.synced = true;
                }
                Ok(Some(self.assignment_of(&sync.member)))
            }
        }
    }

    fn await_assignment(&mut self, sync: Sync, caller: &Caller, bench: &mut Bench<'_>) {
        if let Some(member) = self.members.get_mut(&sync.member) {
            member.synced = true;
            if let Some(replaced) = member.syncing.replace(caller.clone()) {
                // Two syncs of one member: the older one would never be answered.
                bench.answer(replaced, Outcome::Failed(Error::RebalanceInProgress));
            }
        }
        if self.leader.as_deref() != Some(&sync.member) {
            return;
        }
        for (id, assignment) in sync.assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignment;
            }
        }
        self.state = GroupState::Stable;
        for (id, caller) in self.take_syncing() {
            self.touch(&id, bench);
            bench.answer(caller, self.assignment_of(&id));
        }
    }

    pub(super) fn heartbeat(
        &mut self,
        member: &str,
        instance: Option<&str>,
        generation: i32,
        bench: &mut Bench<'_>,
    ) -> Decided {
        self.check_member(member, instance)?;
        if generation != self.generation {
            return Err(Error::IllegalGeneration);
        }
        self.touch(member, bench);
        match self.state {
            GroupState::Empty | GroupState::Dead => Err(Error::UnknownMember),
            GroupState::PreparingRebalance => Err(Error::RebalanceInProgress),
            GroupState::CompletingRebalance | GroupState::Stable => {
                Ok(Some(Outcome::Group(GroupReply::Done)))
            }
        }
    }

    /// One member leaves. An empty id leaves by its instance (as an administrator says it).
    pub(super) fn leave(
        &mut self,
        member: &str,
        instance: Option<&str>,
        bench: &mut Bench<'_>,
    ) -> Result<(), Error> {
        let id = match instance {
            Some(instance) if member.is_empty() => {
                self.statics.get(instance).cloned().ok_or(Error::UnknownMember)?
            }
            _ if instance.is_none() && self.pending.remove(member).is_some() => {
                self.complete_if_joined(bench);
                return Ok(());
            }
            _ => {
                self.check_member(member, instance)?;
                member.to_owned()
            }
        };
        self.drop_member(&id, bench);
        Ok(())
    }
}
