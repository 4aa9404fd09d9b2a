//! Committed offsets: durable, answered when they are, and forgotten only by a frame.

use super::bench::Bench;
use super::group::{Committed, Group};
use crate::journal::JournalFrame;
use crate::store::context::Context;
use crate::store::frames::{OffsetEntry, OffsetsCommitted, OffsetsForgotten};
use stele_model::{
    CommitOffset, CommittedOffset, Error, GroupReply, GroupState, Outcome, PartitionIndex, StreamName,
};

impl Group {
    /// May this member commit?
    ///
    /// # Errors
    /// Who commits from outside may only while nobody is inside.
    pub(super) fn check_commit(
        &mut self,
        member: &str,
        instance: Option<&str>,
        generation: i32,
        bench: &Bench<'_>,
    ) -> Result<(), Error> {
        if generation < 0 && self.state == GroupState::Empty {
            return Ok(());
        }
        if generation < 0 && member.is_empty() && instance.is_none() {
            return Err(Error::UnknownMember);
        }
        self.check_member(member, instance)?;
        if generation != self.generation {
            return Err(Error::IllegalGeneration);
        }
        if self.state == GroupState::CompletingRebalance {
            return Err(Error::RebalanceInProgress);
        }
        self.touch(member, bench);
        Ok(())
    }

    /// Commits; one result per offset.
    ///
    /// # Errors
    /// The journal's.
    pub(super) fn commit(
        &mut self,
        name: &str,
        offsets: Vec<CommitOffset>,
        bench: &mut Bench<'_>,
    ) -> Result<Outcome, Error> {
        let metadata_max = bench.settings().metadata_bytes_max;
        let too_large = |commit: &CommitOffset| {
            commit.metadata.as_ref().is_some_and(|metadata| metadata.len() > metadata_max)
        };
        let results = offsets.iter().map(|commit| match too_large(commit) {
            true => Err(Error::MetadataTooLarge),
            false => Ok(()),
        });
        let results: Vec<Result<(), Error>> = results.collect();
        let kept: Vec<CommitOffset> = offsets.into_iter().filter(|commit| !too_large(commit)).collect();
        if !kept.is_empty() {
            let time_ns = bench.context.time(bench.now);
            let committed = OffsetsCommitted {
                group: name.to_owned(),
                time_ns,
                offsets: kept.into_iter().map(entry_of).collect(),
            };
            let frame = bench.context.delta(&committed);
            self.lsn = bench.context.append(&[frame])?.lsn;
            self.apply_committed(committed);
        }
        Ok(Outcome::Group(GroupReply::Committed(results)))
    }

    pub(super) fn apply_committed(&mut self, committed: OffsetsCommitted) {
        for entry in committed.offsets {
            let key = (entry.stream.clone(), entry.partition);
            let commit = CommitOffset {
                stream: entry.stream,
                partition: entry.partition,
                offset: entry.offset,
                leader_epoch: entry.leader_epoch,
                metadata: entry.metadata,
            };
            self.offsets.insert(key, Committed { commit, time_ns: committed.time_ns });
        }
    }

    pub(super) fn apply_forgotten(&mut self, forgotten: &OffsetsForgotten) {
        for key in &forgotten.partitions {
            self.offsets.remove(key);
        }
    }

    pub(super) fn fetch(&self, partitions: Option<Vec<(StreamName, PartitionIndex)>>) -> Outcome {
        let one = |(stream, partition): (StreamName, PartitionIndex)| {
            let commit = self.offsets.get(&(stream.clone(), partition)).map(|found| found.commit.clone());
            CommittedOffset { commit, stream, partition }
        };
        let all = || self.offsets.keys().cloned().collect();
        let found = partitions.unwrap_or_else(all).into_iter().map(one).collect();
        Outcome::Group(GroupReply::Offsets(found))
    }

    /// Forgets offsets.
    ///
    /// # Errors
    /// The journal's.
    pub(super) fn forget(
        &mut self,
        name: &str,
        partitions: Vec<(StreamName, PartitionIndex)>,
        context: &mut Context,
    ) -> Result<(), Error> {
        let known: Vec<_> = partitions.into_iter().filter(|key| self.offsets.contains_key(key)).collect();
        if known.is_empty() {
            return Ok(());
        }
        let forgotten = OffsetsForgotten { group: name.to_owned(), partitions: known };
        let frame: JournalFrame = context.delta(&forgotten);
        self.lsn = context.append(&[frame])?.lsn;
        self.apply_forgotten(&forgotten);
        Ok(())
    }

    /// Forgets what was kept long enough after its commit and after the last member left.
    pub(super) fn expire(&mut self, name: &str, bench: &mut Bench<'_>) {
        let Some(due) = self.offsets_due(bench) else { return };
        if due > bench.now_ns() {
            return;
        }
        let now_ns = bench.context.time(bench.now);
        let age_ns = retention_ns(bench);
        let old = |found: &Committed| bench.context.clock.due_ns(found.time_ns, age_ns) <= now_ns;
        let old: Vec<_> =
            self.offsets.iter().filter(|(_, found)| old(found)).map(|(key, _)| key.clone()).collect();
        if let Err(error) = self.forget(name, old, bench.context) {
            tracing::error!(%error, group = name, "expired offsets could not be removed");
            // Tried again after as long as an empty group is remembered.
            self.empty_since = bench.now_ns();
        }
    }

    /// When the first offset expires (monotonic ns); never while there are members.
    pub(super) fn offsets_due(&self, bench: &Bench<'_>) -> Option<u64> {
        if self.state != GroupState::Empty {
            return None;
        }
        let age_ns = retention_ns(bench);
        let oldest = self.offsets.values().map(|found| found.time_ns).min()?;
        let by_commit = Context::monotonic(bench.now, bench.context.clock.due_ns(oldest, age_ns));
        Some(by_commit.max(self.empty_since.saturating_add(age_ns)))
    }
}

fn retention_ns(bench: &Bench<'_>) -> u64 {
    bench.settings().offsets_retention_ms.saturating_mul(1_000_000)
}

pub(super) fn entry_of(commit: CommitOffset) -> OffsetEntry {
    OffsetEntry {
        stream: commit.stream,
        partition: commit.partition,
        offset: commit.offset,
        leader_epoch: commit.leader_epoch,
        metadata: commit.metadata,
    }
}
