//! A group's state: its members, and what they committed.

use super::bench::Bench;
use crate::journal::Lsn;
use crate::store::Caller;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use stele_model::{
    CommitOffset, ConnectionId, Error, GroupDescription, GroupMember, GroupReply, GroupState, Join, Outcome,
    PartitionIndex, StreamName, Ticket,
};

/// One group. Times are on the monotonic clock (ns), but for those of commits.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) state: GroupState,
    pub(super) generation: i32,
    /// Kept when the last member leaves, as Kafka shows it.
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    /// Member id of the leader.
    pub(super) leader: Option<String>,
    /// By member id.
    pub(super) members: BTreeMap<String, Member>,
    /// Member ids of static members, by their instance.
    pub(super) statics: BTreeMap<String, String>,
    /// Ids that were given out with the demand to come again, and until when they count.
    pub(super) pending: BTreeMap<String, u64>,
    /// While preparing: when the rebalance waits no longer.
    pub(super) rebalance_due: Option<u64>,
    /// While preparing from empty: more members may come until then.
    pub(super) initial_until: Option<u64>,
    /// After a rebalance: when members that have not synced are out.
    pub(super) sync_due: Option<u64>,
    /// When it lost its last member.
    pub(super) empty_since: u64,
    pub(super) offsets: BTreeMap<(StreamName, PartitionIndex), Committed>,
    /// What answers about its offsets depend on.
    pub(super) lsn: Lsn,
    /// Its entry among the timers.
    pub(super) timer: Option<u64>,
    joined: u64,
}

/// A committed offset.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    pub(super) commit: CommitOffset,
    /// Wall time of the commit, ns.
    pub(super) time_ns: u64,
}

/// A member.
#[derive(Debug)]
pub(super) struct Member {
    /// Members are told in the order in which they came.
    pub(super) order: u64,
    pub(super) instance: Option<String>,
    pub(super) client: (String, String),
    pub(super) session_timeout_ns: u64,
    pub(super) rebalance_timeout_ns: u64,
    /// Name and metadata, most wanted first.
    pub(super) protocols: Vec<(String, Bytes)>,
    pub(super) assignment: Bytes,
    /// Out at this time, unless it waits for an answer.
    pub(super) due: u64,
    /// Its join, while it waits.
    pub(super) joining: Option<Caller>,
    /// Its sync, while it waits.
    pub(super) syncing: Option<Caller>,
    /// It has synced in this generation.
    pub(super) synced: bool,
}

impl Member {
    pub(super) fn is_waiting(&self) -> bool {
        self.joining.is_some() || self.syncing.is_some()
    }

    /// Its metadata for a protocol.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| name == protocol);
        found.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    fn shown(&self, id: &str, protocol: &str) -> GroupMember {
        GroupMember {
            member: id.to_owned(),
            instance: self.instance.clone(),
            client: self.client.clone(),
            metadata: self.metadata(protocol),
            assignment: self.assignment.clone(),
        }
    }
}

impl Group {
    pub(super) fn new(now: u64) -> Self {
        Self {
            state: GroupState::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending: BTreeMap::new(),
            rebalance_due: None,
            initial_until: None,
            sync_due: None,
            empty_since: now,
            offsets: BTreeMap::new(),
            lsn: Lsn(0),
            timer: None,
            joined: 0,
        }
    }

    /// Adds a member that waits for its join.
    pub(super) fn add(&mut self, id: String, join: Join, caller: Caller, bench: &Bench<'_>) {
        if self.protocol_type.is_none() || self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type.clone());
        }
        if let Some(instance) = &join.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        self.leader.get_or_insert_with(|| id.clone());
        self.joined += 1;
        let member = Member {
            order: self.joined,
            instance: join.instance.clone(),
            client: join.client.clone(),
            session_timeout_ns: 0,
            rebalance_timeout_ns: 0,
            protocols: Vec::new(),
            assignment: Bytes::new(),
            due: 0,
            joining: None,
            syncing: None,
            synced: false,
        };
        self.members.insert(id.clone(), member);
        self.update(&id, join, Some(caller), bench);
    }

    /// A member joins again, perhaps with other metadata.
    pub(super) fn update(&mut self, id: &str, join: Join, caller: Option<Caller>, bench: &Bench<'_>) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.session_timeout_ns = milliseconds(join.session_timeout_ms);
        member.rebalance_timeout_ns = milliseconds(join.rebalance_timeout_ms);
        member.protocols = join.protocols;
        member.client = join.client;
        member.due = bench.now_ns().saturating_add(member.session_timeout_ns);
        if caller.is_some() {
            member.joining = caller;
        }
    }

    /// The member showed that it is alive.
    pub(super) fn touch(&mut self, id: &str, bench: &Bench<'_>) {
        if let Some(member) = self.members.get_mut(id) {
            member.due = bench.now_ns().saturating_add(member.session_timeout_ns);
        }
    }

    /// Takes a member out; what it waits for fails with `why`.
    pub(super) fn remove(&mut self, id: &str, why: &Error, bench: &mut Bench<'_>) {
        let Some(member) = self.members.remove(id) else { return };
        for caller in [member.joining, member.syncing].into_iter().flatten() {
            bench.answer(caller, Outcome::Failed(why.clone()));
        }
        if let Some(instance) = &member.instance
            && self.statics.get(instance).is_some_and(|of| of == id)
        {
            self.statics.remove(instance);
        }
        if self.leader.as_deref() == Some(id) {
            self.leader = self.in_order().first().map(|(id, _)| (*id).to_owned());
        }
    }

    /// Nobody is there any more to answer: the member that waits so has until its session timeout.
    pub(super) fn stop_waiting(&mut self, key: (ConnectionId, Ticket), now_ns: u64) {
        let is_it = |caller: &Option<Caller>| {
            caller.as_ref().is_some_and(|caller| (caller.link.id, caller.ticket) == key)
        };
        for member in self.members.values_mut() {
            if is_it(&member.joining) {
                member.joining = None;
            } else if is_it(&member.syncing) {
                member.syncing = None;
            } else {
                continue;
            }
            member.due = now_ns.saturating_add(member.session_timeout_ns);
        }
    }

    /// Members as they came.
    pub(super) fn in_order(&self) -> Vec<(&str, &Member)> {
        let mut members: Vec<(&str, &Member)> =
            self.members.iter().map(|(id, member)| (id.as_str(), member)).collect();
        members.sort_by_key(|(_, member)| member.order);
        members
    }

    /// Everybody, as the leader sees them.
    pub(super) fn shown(&self) -> Vec<GroupMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        self.in_order().into_iter().map(|(id, member)| member.shown(id, protocol)).collect()
    }

    /// The protocols that all members have.
    fn common(&self) -> BTreeSet<&str> {
        let mut all = self
            .members
            .values()
            .map(|member| member.protocols.iter().map(|(name, _)| name.as_str()).collect::<BTreeSet<&str>>());
        let first = all.next().unwrap_or_default();
        all.fold(first, |common, names| common.intersection(&names).copied().collect())
    }

    /// Can somebody with these protocols be with the members there are, but for `besides`?
    pub(super) fn takes(&self, join: &Join, besides: Option<&str>) -> bool {
        if join.protocols.is_empty() || join.protocol_type.is_empty() {
            return false;
        }
        let mut others = self.members.iter().filter(|(id, _)| Some(id.as_str()) != besides).peekable();
        if others.peek().is_none() {
            return true;
        }
        self.protocol_type.as_ref() == Some(&join.protocol_type)
            && join.protocols.iter().any(|(name, _)| {
                others.clone().all(|(_, member)| member.protocols.iter().any(|(other, _)| other == name))
            })
    }

    /// The protocol that most members want most of those that all have; the first by name of equals.
    pub(super) fn elect_protocol(&self) -> Option<String> {
        let common = self.common();
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let wanted =
                member.protocols.iter().map(|(name, _)| name.as_str()).find(|name| common.contains(name));
            *votes.entry(wanted?).or_default() += 1;
        }
        let most = *votes.values().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.to_owned())
    }

    /// Is the member of this id the static one of this instance?
    ///
    /// # Errors
    /// `UnknownMember`, or `FencedInstance` where another took the instance over.
    pub(super) fn check_member(&self, member: &str, instance: Option<&str>) -> Result<(), Error> {
        if let Some(instance) = instance {
            match self.statics.get(instance) {
                None => return Err(Error::UnknownMember),
                Some(current) if current != member => return Err(Error::FencedInstance),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member) { Ok(()) } else { Err(Error::UnknownMember) }
    }

    pub(super) fn described(&self, name: &str) -> GroupDescription {
        let in_force = matches!(self.state, GroupState::Stable);
        let protocol = self.protocol.clone().filter(|_| in_force);
        let mut members = self.shown();
        if !in_force {
            // What they said and got belongs to a protocol that is not decided.
            members.iter_mut().for_each(|member| (member.metadata, member.assignment) = Default::default());
        }
        GroupDescription {
            group: name.to_owned(),
            state: self.state,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: protocol.unwrap_or_default(),
            members,
        }
    }

    /// The member's assignment, as a sync is answered.
    pub(super) fn assignment_of(&self, id: &str) -> Outcome {
        let assignment = self.members.get(id).map(|member| member.assignment.clone()).unwrap_or_default();
        Outcome::Group(GroupReply::Assignment {
            assignment,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: self.protocol.clone().unwrap_or_default(),
        })
    }
}

/// Milliseconds of the wire as ns; negative ones are none.
pub(super) fn milliseconds(ms: i32) -> u64 {
    u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000)
}
