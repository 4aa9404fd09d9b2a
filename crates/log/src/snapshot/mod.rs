//! Snapshots of machines, so that a restart need not replay the whole log (semantics 6).
//!
//! The unit is one machine; a file holds those that were dirty together. Of each machine the newest two states
//! are kept: when the newest is damaged, the one before and a longer replay give the same result. For that
//! the log must reach back to the first frame that the older state lacks; [`SnapshotStore::needed_from`]
//! says where that is over all machines, and [`SnapshotStore::settle`] moves it on for machines that rest.
//!
//! Limits of this form: the mark of a machine that is gone is kept until it is forgotten, and a file with one
//! state that still counts is kept whole: whoever stores large states gives each a file of its own.
//!
//! Invariant: a file has its final name only when it is durable and whole, and is removed only when none of
//! its states is among the newest two of its machine.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use crc_fast::crc32_iscsi;
use stele_io::{Disk, DiskError, DiskFile};

use crate::Lsn;

mod entry;
mod load;

use entry::{Entry, FLAG_GONE, file_head};

/// Longest id of a machine, in bytes.
pub const MACHINE_BYTES_MAX: usize = 1024;
/// Longest state of a machine, in bytes.
const STATE_BYTES_MAX: usize = 1 << 30;
/// `since` of a state that lacks nothing the one before had not.
const SINCE_NEVER: u64 = u64::MAX;

/// A machine's state to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The machine's id, at most [`MACHINE_BYTES_MAX`] bytes.
    pub machine: Bytes,
    /// The state covers all frames that start below this position.
    pub lsn: Lsn,
    /// The first frame of the machine that its snapshot before this one does not cover; for its first
    /// snapshot, the machine's first frame.
    pub since: Lsn,
    /// The state, at most 1 GiB; `None`: the machine is gone, and older states must not come back.
    pub state: Option<Bytes>,
}

/// The newest readable state of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFound {
    /// Replay the machine's frames from here on.
    pub lsn: Lsn,
    /// The state; `None`: the machine was gone at `lsn`.
    pub state: Option<Bytes>,
    /// A newer state was damaged: replay covers what it held.
    pub fell_back: bool,
}

/// Damage that loading found. Nothing is deleted because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotDamage {
    /// The file.
    pub name: String,
    /// Where in the file reading stopped making sense.
    pub position: u64,
}

/// Why a snapshot was not stored or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk failed. What was stored before is untouched; try again later.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// An id or a state is over its limit.
    #[error("a machine's id or state is over its limit")]
    Size,
    /// A file of a newer release; nothing was touched.
    #[error("`{name}` has format version {version}")]
    NewerVersion {
        /// The file.
        name: String,
        /// Its version.
        version: u32,
    },
}

/// The snapshots of one lane's machines in one directory. A plain object for one owner at a time.
#[derive(Debug)]
pub struct SnapshotStore {
    disk: Arc<dyn Disk>,
    prefix: String,
    files: BTreeMap<u64, StoredFile>,
    /// Up to two states per machine, the newest last.
    machines: BTreeMap<Vec<u8>, Vec<Kept>>,
    next_file: u64,
}

#[derive(Debug)]
struct StoredFile {
    name: String,
    file: Arc<dyn DiskFile>,
    /// States in it that are among the newest two of their machine.
    kept: u64,
    /// Damaged inside: what it held is unknown, so it is never removed by us.
    damaged: bool,
}

#[derive(Debug, Clone)]
struct Kept {
    file: u64,
    /// Where the state stands.
    position: u64,
    entry: Entry,
}

impl SnapshotStore {
    /// Stores all `snapshots` in one new file and returns when they are durable. Later calls win over earlier
    /// ones, whatever their LSNs.
    ///
    /// # Errors
    /// See [`SnapshotError`]; then none of them counts.
    pub fn write(&mut self, snapshots: &[Snapshot]) -> Result<(), SnapshotError> {
        let mut entries = Vec::with_capacity(snapshots.len());
        for snapshot in snapshots {
            let state = snapshot.state.clone().unwrap_or_default();
            if snapshot.machine.len() > MACHINE_BYTES_MAX || state.len() > STATE_BYTES_MAX {
                return Err(SnapshotError::Size);
            }
            let entry = Entry {
                machine: snapshot.machine.to_vec(),
                flags: if snapshot.state.is_none() { FLAG_GONE } else { 0 },
                state_bytes: u32::try_from(state.len()).expect("checked against STATE_BYTES_MAX"),
                lsn: snapshot.lsn.0,
                since: snapshot.since.0,
                state_crc: crc32_iscsi(&state),
            };
            entries.push((entry, state));
        }
        self.store(entries)
    }

    /// The newest readable state of a machine, `None` when none is known. Blocks on the disk.
    ///
    /// # Errors
    /// The disk's; damage is no error as long as an older state is readable. When both are damaged, the answer
    /// is the start: LSN 0 and no state, with `fell_back`.
    pub fn read(&self, machine: &[u8]) -> Result<Option<SnapshotFound>, SnapshotError> {
        let Some(kept) = self.machines.get(machine) else { return Ok(None) };
        for (age, kept) in kept.iter().rev().enumerate() {
            if let Some(state) = self.state(kept)? {
                let state = (kept.entry.flags & FLAG_GONE == 0).then_some(state);
                return Ok(Some(SnapshotFound { lsn: Lsn(kept.entry.lsn), state, fell_back: age > 0 }));
            }
        }
        Ok(Some(SnapshotFound { lsn: Lsn(0), state: None, fell_back: true }))
    }

    /// The machines of which a state is kept, in byte order of their ids; those that are gone included.
    pub fn machines(&self) -> impl Iterator<Item = &[u8]> {
        self.machines.keys().map(Vec::as_slice)
    }

    /// How many states of a machine are kept: 0, 1 or 2.
    #[must_use]
    pub fn generations(&self, machine: &[u8]) -> usize {
        self.machines.get(machine).map_or(0, Vec::len)
    }

    /// From where on the older state of a machine needs the log; [`u64::MAX`]: nowhere, both are equal.
    #[must_use]
    pub fn since(&self, machine: &[u8]) -> Option<Lsn> {
        self.machines.get(machine).and_then(|kept| kept.last()).map(|kept| Lsn(kept.entry.since))
    }

    /// The log must be kept from here on, so that every machine's older state can be brought up to date.
    /// `None`: snapshots need no log at all. Machines without a snapshot are the caller's to count.
    #[must_use]
    pub fn needed_from(&self) -> Option<Lsn> {
        let newest = self.machines.values().filter_map(|kept| kept.last());
        newest.map(|kept| kept.entry.since).min().filter(|since| *since != SINCE_NEVER).map(Lsn)
    }

    /// Stores the newest state once more for up to `machines_max` machines that need the log below `lsn`, so
    /// that it can be trimmed although they rest. Returns how many it were; damaged ones are left as they are.
    ///
    /// # Errors
    /// See [`SnapshotError`].
    pub fn settle(&mut self, lsn: Lsn, machines_max: usize) -> Result<usize, SnapshotError> {
        let newest = self.machines.values().filter_map(|kept| kept.last());
        let resting: Vec<Kept> =
            newest.filter(|kept| kept.entry.since < lsn.0).take(machines_max).cloned().collect();
        let mut entries = Vec::new();
        for kept in resting {
            if let Some(state) = self.state(&kept)? {
                entries.push((Entry { since: SINCE_NEVER, ..kept.entry }, state));
            }
        }
        let count = entries.len();
        if count > 0 {
            self.store(entries)?;
        }
        Ok(count)
    }

    /// Forgets machines that are gone; files of which nothing is kept any more are removed. Where another
    /// state keeps such a file alive, an opening finds the forgotten states again: whoever forgets must know by
    /// other means which machines there are.
    ///
    /// # Errors
    /// See [`SnapshotError`]; they are forgotten all the same.
    pub fn forget(&mut self, machines: &[Vec<u8>]) -> Result<(), SnapshotError> {
        for machine in machines {
            for kept in self.machines.remove(machine).unwrap_or_default() {
                if let Some(file) = self.files.get_mut(&kept.file) {
                    file.kept -= 1;
                }
            }
        }
        self.remove_unneeded()
    }

    fn store(&mut self, entries: Vec<(Entry, Bytes)>) -> Result<(), SnapshotError> {
        let number = self.next_file;
        let name = self.name(number);
        let fresh = format!("{name}.new");
        self.next_file += 1;
        let mut heads = Vec::with_capacity(entries.len());
        for (entry, _) in &entries {
            let mut head = Vec::with_capacity(entry.head_bytes());
            entry.encode(&mut head);
            heads.push(head);
        }
        let file_head = file_head();
        let mut slices = vec![IoSlice::new(&file_head)];
        for (head, (_, state)) in heads.iter().zip(&entries) {
            slices.push(IoSlice::new(head));
            slices.push(IoSlice::new(state));
        }
        let file = self.disk.create(&fresh)?;
        file.write_at(0, &slices)?;
        file.sync_data()?;
        self.disk.rename(&fresh, &name)?;
        self.disk.sync_dir()?;
        let mut position = file_head.len() as u64;
        self.files.insert(number, StoredFile { name, file, kept: 0, damaged: false });
        for (entry, state) in entries {
            position += entry.head_bytes() as u64;
            let next = position + state.len() as u64;
            self.keep(Kept { file: number, position, entry });
            position = next;
        }
        self.remove_unneeded()
    }

    /// Makes a state the newest of its machine.
    fn keep(&mut self, newest: Kept) {
        if let Some(file) = self.files.get_mut(&newest.file) {
            file.kept += 1;
        }
        let kept = self.machines.entry(newest.entry.machine.clone()).or_default();
        kept.push(newest);
        if kept.len() > 2 {
            let old = kept.remove(0);
            if let Some(file) = self.files.get_mut(&old.file) {
                file.kept -= 1;
            }
        }
    }

    fn remove_unneeded(&mut self) -> Result<(), SnapshotError> {
        let unneeded: Vec<u64> =
            self.files.iter().filter(|(_, file)| file.kept == 0 && !file.damaged).map(|(n, _)| *n).collect();
        for number in unneeded {
            if let Some(file) = self.files.remove(&number) {
                // Not synced: a file that comes back holds only states older than those that are kept.
                self.disk.remove(&file.name)?;
            }
        }
        Ok(())
    }

    fn state(&self, kept: &Kept) -> Result<Option<Bytes>, SnapshotError> {
        let Some(file) = self.files.get(&kept.file) else { return Ok(None) };
        let mut state = BytesMut::zeroed(kept.entry.state_bytes as usize);
        let count = file.file.read_at(kept.position, &mut state)?;
        let whole = count == state.len() && crc32_iscsi(&state) == kept.entry.state_crc;
        Ok(whole.then(|| state.freeze()))
    }

    fn name(&self, number: u64) -> String {
        format!("{}-{number:020}.snap", self.prefix)
    }
}

#[cfg(test)]
mod tests;
