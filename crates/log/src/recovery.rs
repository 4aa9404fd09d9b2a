//! What the bytes of a lane say: whole groups, a torn tail, or damage (semantics 1 and 2).
//!
//! Where no whole group starts, the commit records and file headers behind that place decide. If one of them
//! knows the place as synced, bytes have changed that were durable: they are named and skipped. If none
//! does, the place was never acked: the lane is cut there.

use crate::format::commit::{CommitEntry, FLAG_CLEAN_STOP};
use crate::format::frame::{FRAME_VERSION, KIND_COMMIT};
use crate::group::commit_record_bytes;
use crate::lane::{Damage, Replay};
use crate::scan::{FoundCommit, FoundGroup, GroupFault, Medium};
use crate::{Lsn, OpenError};

/// Walks the files of a lane in order.
pub(crate) struct Scanner<'a> {
    pub(crate) from: u64,
    pub(crate) replay: &'a mut dyn Replay,
    /// Epoch of the last valid group.
    pub(crate) epoch: u64,
    /// Highest epoch seen anywhere, even in what is cut.
    pub(crate) epoch_seen: u64,
    pub(crate) known_synced: u64,
    pub(crate) log_start: u64,
    pub(crate) end: u64,
    pub(crate) clean: bool,
    pub(crate) frames: u64,
    pub(crate) cut: Option<u64>,
    pub(crate) damage: Vec<Damage>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(from: Lsn, replay: &'a mut dyn Replay) -> Self {
        Self {
            from: from.0,
            replay,
            epoch: 0,
            epoch_seen: 0,
            known_synced: 0,
            log_start: 0,
            end: 0,
            clean: true,
            frames: 0,
            cut: None,
            damage: Vec::new(),
        }
    }

    /// Reads one file from its first group on. `next_first` is where the next file begins.
    pub(crate) fn scan(
        &mut self,
        medium: &Medium<'_>,
        name: &str,
        next_first: Option<u64>,
    ) -> Result<(), OpenError> {
        let mut lsn = medium.first_lsn;
        while next_first != Some(lsn) {
            match medium.group(lsn, self.epoch) {
                Ok(group) => {
                    self.accept(medium, &group);
                    lsn = group.end;
                }
                Err(GroupFault::Newer(version)) => {
                    return Err(OpenError::NewerVersion {
                        name: name.to_owned(),
                        version: u32::from(version),
                        supported: u32::from(FRAME_VERSION),
                    });
                }
                Err(GroupFault::Invalid) => match self.pass(medium, lsn, next_first) {
                    Some(resume) => lsn = resume,
                    None => break,
                },
            }
            if let Some(first) = next_first.filter(|first| *first < lsn) {
                let name = name.to_owned();
                return Err(OpenError::Inconsistent { name, first: Lsn(first), end: Lsn(lsn) });
            }
        }
        self.end = lsn;
        Ok(())
    }

    pub(crate) fn report(&mut self, damage: Damage) {
        self.damage.push(damage);
        self.replay.damage(damage);
    }

    fn accept(&mut self, medium: &Medium<'_>, group: &FoundGroup) {
        for frame in &group.frames {
            self.give(medium.stored(frame));
        }
        self.epoch = group.epoch;
        self.epoch_seen = self.epoch_seen.max(group.epoch);
        self.known_synced = self.known_synced.max(group.commit.known_synced);
        self.log_start = self.log_start.max(group.commit.log_start);
        self.clean = group.commit.flags & FLAG_CLEAN_STOP != 0;
    }

    fn give(&mut self, frame: crate::StoredFrame<'_>) {
        if frame.lsn.0 >= self.from {
            self.frames += 1;
            self.replay.frame(frame);
        }
    }

    /// No whole group starts at `lsn`. Returns where to go on, or `None` at the end of the lane.
    fn pass(&mut self, medium: &Medium<'_>, lsn: u64, next_first: Option<u64>) -> Option<u64> {
        let commits: Vec<FoundCommit> = medium.commits(lsn, self.epoch).collect();
        let epochs = commits.iter().map(|found| found.epoch);
        self.epoch_seen = epochs.max().unwrap_or(0).max(self.epoch_seen);
        let known = commits.iter().map(|found| found.commit.known_synced).max();
        let known = known.max(next_first).unwrap_or(0);
        if known <= lsn {
            if medium.is_torn(lsn, self.epoch) {
                self.cut = Some(lsn);
                self.clean = false;
            }
            return None;
        }
        self.known_synced = self.known_synced.max(known);
        let resume = match commits.first() {
            Some(found) if found.commit.group_start <= lsn => found.end,
            Some(found) => found.commit.group_start,
            None => known,
        };
        let resume = resume.min(known);
        self.salvage(medium, lsn, resume, &commits);
        if let Some(found) = commits.first().filter(|found| found.commit.group_start <= resume) {
            self.epoch = found.epoch;
        }
        self.clean = false;
        Some(resume)
    }

    /// Gives what is intact in `from..to` frame by frame and names the rest.
    fn salvage(&mut self, medium: &Medium<'_>, from: u64, to: u64, commits: &[FoundCommit]) {
        let mut at = from;
        // Frames since the start of the group, to tell a lost commit record from lost frames.
        let mut run = Some(0);
        for (lsn, header) in medium.headers(from).take_while(|(lsn, _)| *lsn < to) {
            if lsn < at || header.epoch < self.epoch {
                continue;
            }
            if lsn > at {
                self.gap(at, lsn, run, commits);
                run = None;
            }
            at = lsn + header.frame_bytes() as u64;
            match medium.frame(lsn) {
                Ok(_) if header.kind == KIND_COMMIT => run = Some(0),
                Ok(frame) => {
                    self.give(medium.stored(&frame));
                    run = run.map(|frames| frames + 1);
                }
                Err(_) if header.kind == KIND_COMMIT => {
                    self.report(Damage::CommitRecord { lsn: Lsn(lsn) });
                    run = Some(0);
                }
                Err(_) => {
                    let entry = CommitEntry {
                        shard: header.shard,
                        count: header.count,
                        partition: header.partition,
                        base_offset: header.base_offset,
                        lsn,
                    };
                    self.report(named(&entry));
                    run = run.map(|frames| frames + 1);
                }
            }
        }
        if at < to {
            self.gap(at, to, run, commits);
        }
    }

    /// Between `from` and `to` not even a header is left: the commit records that are left name what was there.
    fn gap(&mut self, from: u64, to: u64, run: Option<usize>, commits: &[FoundCommit]) {
        let mut at = from;
        for found in commits {
            let start = found.commit.group_start.max(at);
            let end = found.lsn.min(to);
            if start >= end {
                continue;
            }
            if start > at {
                self.unnamed(at, start, run);
            }
            for entry in found.commit.entries.iter().filter(|entry| (start..end).contains(&entry.lsn)) {
                self.report(named(entry));
            }
            at = end;
        }
        if at < to {
            self.unnamed(at, to, run);
        }
    }

    fn unnamed(&mut self, from: u64, to: u64, run: Option<usize>) {
        let is_commit_record = run.is_some_and(|frames| commit_record_bytes(frames) == to - from);
        self.report(if is_commit_record {
            Damage::CommitRecord { lsn: Lsn(from) }
        } else {
            Damage::Range { from: Lsn(from), to: Lsn(to) }
        });
    }
}

fn named(entry: &CommitEntry) -> Damage {
    Damage::Frame {
        lsn: Lsn(entry.lsn),
        shard: entry.shard,
        partition: entry.partition,
        base_offset: entry.base_offset,
        count: entry.count,
    }
}
