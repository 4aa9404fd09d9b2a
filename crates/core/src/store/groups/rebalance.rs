//! Rebalances: they wait for all members to join, then for the leader's assignment.
//!
//! ```text
//!          join                     all joined, or time is up                leader synced
//!  Empty ───────→ PreparingRebalance ───────────────→ CompletingRebalance ──────────────→ Stable
//!    ↑                    ↑    │                               │                             │
//!    └─── nobody came ────┼────┘                               │                             │
//!                         └──────── join, leave, time-out ─────┴─────────────────────────────┘
//! ```

use super::bench::Bench;
use super::group::Group;
use stele_model::{Error, GroupState, Outcome};

impl Group {
    /// Members must join anew. Completes at once where all wait already.
    pub(super) fn rebalance(&mut self, bench: &mut Bench<'_>) {
        let now = bench.now_ns();
        if self.state != GroupState::PreparingRebalance {
            if self.state == GroupState::Empty {
                let delay = bench.settings().initial_delay_ms.saturating_mul(1_000_000);
                self.initial_until = Some(now.saturating_add(delay));
            }
            self.state = GroupState::PreparingRebalance;
            self.sync_due = None;
            self.rebalance_due = Some(now.saturating_add(self.rebalance_timeout_ns()));
            for (_, caller) in self.take_syncing() {
                bench.answer(caller, Outcome::Failed(Error::RebalanceInProgress));
            }
        }
        self.complete_if_joined(bench);
    }

    /// Goes on when everybody waits and nobody else is expected.
    pub(super) fn complete_if_joined(&mut self, bench: &mut Bench<'_>) {
        if self.state != GroupState::PreparingRebalance {
            return;
        }
        let delayed = self.initial_until.is_some_and(|until| until > bench.now_ns());
        let joined = self.pending.is_empty() && self.members.values().all(|member| member.joining.is_some());
        if joined && !delayed || self.members.is_empty() {
            self.complete(bench);
        }
    }

    /// The wait for members is over.
    pub(super) fn complete(&mut self, bench: &mut Bench<'_>) {
        let now = bench.now_ns();
        let missing = |member: &super::group::Member| member.joining.is_none() && member.instance.is_none();
        let gone: Vec<String> =
            self.members.iter().filter(|(_, member)| missing(member)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.remove(&id, &Error::UnknownMember, bench);
        }
        if !self.members.is_empty() && self.members.values().all(|member| member.joining.is_none()) {
            // Static members that are away: they have until their session ends.
            self.rebalance_due = Some(now.saturating_add(self.rebalance_timeout_ns().max(1)));
            return;
        }
        (self.rebalance_due, self.initial_until) = (None, None);
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        let Some(protocol) = self.elect_protocol() else {
            // Nobody is left; every join was checked against the others' protocols.
            (self.state, self.protocol, self.leader, self.empty_since) = (GroupState::Empty, None, None, now);
            return;
        };
        self.protocol = Some(protocol);
        self.lead_by_one_who_is_here();
        self.state = GroupState::CompletingRebalance;
        self.sync_due = Some(now.saturating_add(self.rebalance_timeout_ns()));
        let ids: Vec<String> = self.in_order().into_iter().map(|(id, _)| id.to_owned()).collect();
        for id in ids {
            let answer = self.joined(&id, false);
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.synced = false;
            member.assignment = bytes::Bytes::new();
            if let Some(caller) = member.joining.take() {
                member.due = now.saturating_add(member.session_timeout_ns);
                bench.answer(caller, answer);
            }
        }
    }

    /// A leader that did not join again cannot assign.
    fn lead_by_one_who_is_here(&mut self) {
        let here = |id: &String| self.members.get(id).is_some_and(|member| member.joining.is_some());
        if !self.leader.as_ref().is_some_and(here) {
            let first = self.in_order().into_iter().find(|(_, member)| member.joining.is_some());
            self.leader = first.map(|(id, _)| id.to_owned());
        }
    }

    /// Members that wait for their assignment do no longer.
    pub(super) fn take_syncing(&mut self) -> Vec<(String, crate::store::Caller)> {
        let syncing =
            self.members.iter_mut().filter_map(|(id, member)| Some((id.clone(), member.syncing.take()?)));
        syncing.collect()
    }

    /// A member is out; the others share anew.
    pub(super) fn drop_member(&mut self, id: &str, bench: &mut Bench<'_>) {
        self.remove(id, &Error::UnknownMember, bench);
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.rebalance(bench),
            GroupState::PreparingRebalance => self.complete_if_joined(bench),
            GroupState::Empty | GroupState::Dead => {}
        }
    }

    /// Does what is due now.
    pub(super) fn wake(&mut self, bench: &mut Bench<'_>) {
        let now = bench.now_ns();
        let forgotten = self.pending.len();
        self.pending.retain(|_, until| *until > now);
        let delayed = self.initial_until.take_if(|until| *until <= now).is_some();
        if delayed || self.pending.len() < forgotten {
            self.complete_if_joined(bench);
        }
        let silent = |member: &super::group::Member| member.due <= now && !member.is_waiting();
        let silent: Vec<String> =
            self.members.iter().filter(|(_, member)| silent(member)).map(|(id, _)| id.clone()).collect();
        for id in silent {
            self.drop_member(&id, bench);
        }
        if self.state == GroupState::PreparingRebalance && self.rebalance_due.is_some_and(|due| due <= now) {
            self.complete(bench);
        }
        if self.sync_due.is_some_and(|due| due <= now) {
            self.sync_due = None;
            let late = self.members.iter().filter(|(_, member)| !member.synced && member.syncing.is_none());
            let late: Vec<String> = late.map(|(id, _)| id.clone()).collect();
            if !late.is_empty() {
                late.iter().for_each(|id| self.remove(id, &Error::UnknownMember, bench));
                self.rebalance(bench);
            }
        }
    }

    /// When `wake` has something to do, but for the expiry of offsets.
    pub(super) fn due(&self) -> Option<u64> {
        let members = self.members.values().filter(|member| !member.is_waiting()).map(|member| member.due);
        let preparing = self.state == GroupState::PreparingRebalance;
        let rebalance = self.rebalance_due.filter(|_| preparing);
        let initial = self.initial_until.filter(|_| preparing);
        let pending = self.pending.values().copied();
        members.chain(pending).chain(rebalance).chain(initial).chain(self.sync_due).min()
    }

    fn rebalance_timeout_ns(&self) -> u64 {
        self.members.values().map(|member| member.rebalance_timeout_ns).max().unwrap_or(0)
    }
}
