//! Joining: who may, who gets an id first, who takes a static identity over, and what that does to the group.

use super::bench::Bench;
use super::group::Group;
use crate::store::Caller;
use stele_model::{Error, GroupReply, GroupState, Join, Joined, Outcome};

/// `Ok(None)`: the answer comes later, through the caller.
pub(super) type Decided = Result<Option<Outcome>, Error>;

impl Group {
    /// A member wants in.
    pub(super) fn join(&mut self, join: Join, caller: &Caller, bench: &mut Bench<'_>) -> Decided {
        let settings = bench.settings();
        if !(settings.session_timeout_min_ms..=settings.session_timeout_max_ms)
            .contains(&join.session_timeout_ms)
        {
            return Err(Error::InvalidSessionTimeout);
        }
        if join.member.is_empty() {
            self.join_new(join, caller, bench)
        } else {
            self.join_known(join, caller, bench)
        }
    }

    fn join_new(&mut self, join: Join, caller: &Caller, bench: &mut Bench<'_>) -> Decided {
        let before = join.instance.as_ref().and_then(|instance| self.statics.get(instance)).cloned();
        if !self.takes(&join, before.as_deref()) {
            return Err(Error::InconsistentProtocol);
        }
        let id = bench.member_id(join.instance.as_deref().unwrap_or(&join.client.0));
        if let Some(before) = before {
            return self.take_over(&before, id, join, caller, bench);
        }
        if self.members.len() + self.pending.len() >= bench.settings().members_max {
            return Err(Error::GroupFull);
        }
        if join.id_required && join.instance.is_none() {
            let until = bench.now_ns().saturating_add(super::group::milliseconds(join.session_timeout_ms));
            self.pending.insert(id.clone(), until);
            return Err(Error::MemberIdRequired(id));
        }
        self.add_and_rebalance(id, join, caller, bench)
    }

    fn join_known(&mut self, join: Join, caller: &Caller, bench: &mut Bench<'_>) -> Decided {
        let id = join.member.clone();
        if self.pending.contains_key(&id) && join.instance.is_none() {
            if !self.takes(&join, None) {
                return Err(Error::InconsistentProtocol);
            }
            self.pending.remove(&id);
            return self.add_and_rebalance(id, join, caller, bench);
        }
        self.check_member(&id, join.instance.as_deref())?;
        if !self.takes(&join, Some(&id)) {
            return Err(Error::InconsistentProtocol);
        }
        let same = self.members.get(&id).is_some_and(|member| member.protocols == join.protocols);
        let leads = self.leader.as_deref() == Some(&id);
        // The answer to an earlier join may have been lost: it is given again. A leader that joins again wants a
        // rebalance, for example because topics changed.
        let again = match self.state {
            GroupState::CompletingRebalance => same,
            GroupState::Stable => same && !leads,
            _ => false,
        };
        if again {
            self.touch(&id, bench);
            return Ok(Some(self.joined(&id, false)));
        }
        if let Some(replaced) = self.members.get_mut(&id).and_then(|member| member.joining.take()) {
            // Two joins of one member: the older one would never be answered.
            bench.answer(replaced, Outcome::Failed(Error::UnknownMember));
        }
        if self.members.len() == 1 {
            self.protocol_type = Some(join.protocol_type.clone());
        }
        self.update(&id, join, Some(caller.clone()), bench);
        self.rebalance(bench);
        Ok(None)
    }

    fn add_and_rebalance(
        &mut self,
        id: String,
        join: Join,
        caller: &Caller,
        bench: &mut Bench<'_>,
    ) -> Decided {
        self.add(id, join, caller.clone(), bench);
        self.rebalance(bench);
        Ok(None)
    }

    /// A new process has the static identity of a member (KIP-345).
    fn take_over(
        &mut self,
        before: &str,
        id: String,
        join: Join,
        caller: &Caller,
        bench: &mut Bench<'_>,
    ) -> Decided {
        let Some(mut member) = self.members.remove(before) else { return Err(Error::UnknownMember) };
        for caller in [member.joining.take(), member.syncing.take()].into_iter().flatten() {
            bench.answer(caller, Outcome::Failed(Error::FencedInstance));
        }
        let leads = self.leader.as_deref() == Some(before);
        if leads {
            self.leader = Some(id.clone());
        }
        if let Some(instance) = &member.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        let protocol = self.protocol.clone().unwrap_or_default();
        let metadata = member.metadata(&protocol);
        self.members.insert(id.clone(), member);
        self.update(&id, join, None, bench);
        let same = self.elect_protocol() == self.protocol
            && self.members.get(&id).is_some_and(|member| member.metadata(&protocol) == metadata);
        if self.state == GroupState::Stable && same {
            // It gets the assignment of the one before it; nobody else is disturbed.
            return Ok(Some(self.joined(&id, leads)));
        }
        if let Some(member) = self.members.get_mut(&id) {
            member.joining = Some(caller.clone());
        }
        self.rebalance(bench);
        Ok(None)
    }

    /// The answer to a join.
    pub(super) fn joined(&self, id: &str, skip_assignment: bool) -> Outcome {
        let leader = self.leader.clone().unwrap_or_default();
        Outcome::Group(GroupReply::Joined(Box::new(Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: self.protocol.clone().unwrap_or_default(),
            members: if leader == id { self.shown() } else { Vec::new() },
            leader,
            member: id.to_owned(),
            skip_assignment,
        })))
    }
}
