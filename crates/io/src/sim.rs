//! A disk in memory that does everything a real one may do at the worst moment, fixed by a seed.
//!
//! Model: bytes that were written but not synced form a list of pieces of at most one sector. A power loss
//! keeps any subset of them; so writes are lost, reordered and torn at 512 bytes. Names follow the same rule
//! with creations, renames and removals that no directory sync covers. A failed sync keeps any subset, too,
//! and forgets the rest for good, as kernels do: a later sync succeeds without storing them, while reads may
//! or may not still show them. Each handle that was open is told of the failure once.
//!
//! Overlap: a sync takes effect at one moment. A schedule that syncs early and reports late has one that covers
//! only what was written when it began; one that syncs late, one that the power loss cut off. So schedules that
//! keep the calls of several writers apart meet all that overlapping calls can do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::Random;
use crate::disk::{Disk, DiskError, DiskErrorKind, DiskFile, DiskLock, Operation, check_name};

mod file;
mod inode;

use file::SimFile;
use inode::Inode;

/// What a [`SimDisk`] shall do to its user. The default does nothing but forget at power losses.
#[derive(Debug, Clone, Default)]
pub struct SimFaults {
    /// Of 1,000 data or directory syncs, how many fail.
    pub sync_fails_per_mille: u32,
    /// Of 1,000 writes, how many fail after storing some of their bytes.
    pub write_fails_per_mille: u32,
    /// The call, counted from 1 over the disk's life, at which the power goes; see [`SimDisk::calls`].
    pub power_lost_at_call: Option<u64>,
    /// Sum of all file lengths at which growing a file fails with [`DiskErrorKind::Full`].
    pub bytes_max: Option<u64>,
    /// How long a sync says it took; nothing waits.
    pub sync_takes: Duration,
}

/// A simulated disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
    /// Handles of an earlier power cycle are refused.
    cycle: u64,
}

#[derive(Debug)]
struct World {
    random: Random,
    faults: SimFaults,
    cycle: u64,
    power: bool,
    calls: u64,
    call_digest: crc_fast::Digest,
    inodes: BTreeMap<u64, Inode>,
    inode_next: u64,
    names: BTreeMap<String, u64>,
    names_durable: BTreeMap<String, u64>,
    names_pending: Vec<NameChange>,
    locks: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct NameChange {
    removed: Option<String>,
    added: Option<(String, u64)>,
}

impl SimDisk {
    /// An empty disk. Equal seeds and equal calls give equal disks, crashes included.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let world = World {
            random: Random::new(seed),
            faults: SimFaults::default(),
            cycle: 0,
            power: true,
            calls: 0,
            call_digest: crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme),
            inodes: BTreeMap::new(),
            inode_next: 1,
            names: BTreeMap::new(),
            names_durable: BTreeMap::new(),
            names_pending: Vec::new(),
            locks: BTreeSet::new(),
        };
        Self { world: Arc::new(Mutex::new(world)), cycle: 0 }
    }

    /// Replaces the faults from now on.
    pub fn set_faults(&self, faults: SimFaults) {
        self.world().faults = faults;
    }

    /// The disk as it stands after a power loss now (or at the call where the power went). Everything made
    /// from the old value, handles and locks, answers [`DiskErrorKind::PowerLost`] from now on.
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut world = self.world();
        world.crash();
        Self { world: Arc::clone(&self.world), cycle: world.cycle }
    }

    /// True until the call of [`SimFaults::power_lost_at_call`] came.
    #[must_use]
    pub fn has_power(&self) -> bool {
        self.world().power
    }

    /// Number of calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.world().calls
    }

    /// A digest of every call so far with its arguments and bytes: equal digests, equal histories.
    #[must_use]
    pub fn call_digest(&self) -> u64 {
        self.world().call_digest.clone().finalize()
    }

    /// A copy of all files as reads show them, in byte order of their names.
    #[must_use]
    pub fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let world = self.world();
        let content = |(name, inode): (&String, &u64)| (name.clone(), world.inodes[inode].shown().to_vec());
        world.names.iter().map(content).collect()
    }

    /// Flips one bit of a stored byte, as a decaying medium does. False when there is no such byte.
    pub fn flip_bit(&self, name: &str, position: u64, bit: u8) -> bool {
        let mut world = self.world();
        let Some(id) = world.names.get(name).copied() else { return false };
        world.inodes.get_mut(&id).is_some_and(|inode| inode.flip_bit(position, bit))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no call panics while it holds the lock")
    }

    /// Counts a call and lets the power go where the script says so.
    fn enter(
        &self,
        operation: Operation,
        name: &str,
        detail: (u64, u64),
    ) -> Result<MutexGuard<'_, World>, DiskError> {
        let mut world = self.world();
        if world.cycle != self.cycle || !world.power {
            return Err(power_lost(operation, name));
        }
        world.count(operation, name, detail);
        if world.faults.power_lost_at_call.is_some_and(|at| world.calls >= at) {
            world.power = false;
        }
        Ok(world)
    }

    /// The power may go before or after a call took effect; both must be survived.
    fn leave(world: &World, operation: Operation, name: &str) -> Result<(), DiskError> {
        if world.power { Ok(()) } else { Err(power_lost(operation, name)) }
    }

    fn handle(&self, world: &World, name: &str, inode: u64) -> Arc<dyn DiskFile> {
        Arc::new(SimFile::new(self.clone(), name, inode, world.inodes[&inode].failures()))
    }
}

impl Disk for SimDisk {
    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        check_name(Operation::Create, name)?;
        let mut world = self.enter(Operation::Create, name, (0, 0))?;
        if world.names.contains_key(name) {
            return Err(DiskError::new(Operation::Create, name, DiskErrorKind::Exists, "simulated"));
        }
        let inode = world.inode_next;
        world.inode_next += 1;
        world.inodes.insert(inode, Inode::default());
        world.change(None, Some((name, inode)));
        Self::leave(&world, Operation::Create, name)?;
        Ok(self.handle(&world, name, inode))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        check_name(Operation::Open, name)?;
        let world = self.enter(Operation::Open, name, (0, 0))?;
        Self::leave(&world, Operation::Open, name)?;
        match world.names.get(name) {
            Some(inode) => Ok(self.handle(&world, name, *inode)),
            None => Err(DiskError::new(Operation::Open, name, DiskErrorKind::NotFound, "simulated")),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        check_name(Operation::Rename, from)?;
        check_name(Operation::Rename, to)?;
        let mut world = self.enter(Operation::Rename, from, (0, 0))?;
        world.count(Operation::Rename, to, (0, 0));
        let Some(inode) = world.names.get(from).copied() else {
            return Err(DiskError::new(Operation::Rename, from, DiskErrorKind::NotFound, "simulated"));
        };
        world.change(Some(from), Some((to, inode)));
        Self::leave(&world, Operation::Rename, from)
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        check_name(Operation::Remove, name)?;
        let mut world = self.enter(Operation::Remove, name, (0, 0))?;
        if !world.names.contains_key(name) {
            return Err(DiskError::new(Operation::Remove, name, DiskErrorKind::NotFound, "simulated"));
        }
        world.change(Some(name), None);
        Self::leave(&world, Operation::Remove, name)
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let world = self.enter(Operation::List, "", (0, 0))?;
        Self::leave(&world, Operation::List, "")?;
        Ok(world.names.keys().cloned().collect())
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        let mut world = self.enter(Operation::SyncDir, "", (0, 0))?;
        // A sync that the power loss cuts off is as good as none: crash() decides what it kept.
        Self::leave(&world, Operation::SyncDir, "")?;
        let per_mille = world.faults.sync_fails_per_mille;
        if world.random.chance(per_mille) {
            return Err(DiskError::new(Operation::SyncDir, "", DiskErrorKind::Other, "simulated failure"));
        }
        world.names_pending.clear();
        world.names_durable = world.names.clone();
        Ok(())
    }

    fn lock(&self, name: &str) -> Result<Box<dyn DiskLock>, DiskError> {
        check_name(Operation::Lock, name)?;
        let mut world = self.enter(Operation::Lock, name, (0, 0))?;
        Self::leave(&world, Operation::Lock, name)?;
        if !world.locks.insert(name.to_owned()) {
            return Err(DiskError::new(Operation::Lock, name, DiskErrorKind::Locked, "simulated"));
        }
        Ok(Box::new(SimLock { disk: self.clone(), name: name.to_owned() }))
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    name: String,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut world = self.disk.world();
        if world.cycle == self.disk.cycle {
            world.locks.remove(&self.name);
        }
    }
}

impl World {
    fn count(&mut self, operation: Operation, name: &str, detail: (u64, u64)) {
        self.calls += 1;
        self.call_digest.update(&[operation as u8]);
        self.call_digest.update(name.as_bytes());
        self.call_digest.update(&detail.0.to_le_bytes());
        self.call_digest.update(&detail.1.to_le_bytes());
    }

    fn change(&mut self, removed: Option<&str>, added: Option<(&str, u64)>) {
        let change = NameChange {
            removed: removed.map(str::to_owned),
            added: added.map(|(name, inode)| (name.to_owned(), inode)),
        };
        change.apply(&mut self.names);
        self.names_pending.push(change);
    }

    fn crash(&mut self) {
        self.cycle += 1;
        self.power = true;
        self.locks.clear();
        self.faults.power_lost_at_call = None;
        // Between nothing and everything survives; the extremes are the likeliest in the field.
        let kept_per_mille = [0, 100, 500, 900, 1000][self.random.below(5) as usize];
        for change in std::mem::take(&mut self.names_pending) {
            if self.random.chance(kept_per_mille) {
                change.apply(&mut self.names_durable);
            }
        }
        self.names = self.names_durable.clone();
        for inode in self.inodes.values_mut() {
            inode.crash(&mut self.random, kept_per_mille);
        }
        // Handles of a removed file end with the power, so nothing leads to it any more.
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.inodes.retain(|inode, _| named.contains(inode));
    }

    fn used(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[inode].length()).sum()
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        if let Some(removed) = &self.removed {
            names.remove(removed);
        }
        if let Some((name, inode)) = &self.added {
            names.insert(name.clone(), *inode);
        }
    }
}

fn power_lost(operation: Operation, name: &str) -> DiskError {
    DiskError::new(operation, name, DiskErrorKind::PowerLost, "the simulated power is off")
}

#[cfg(test)]
mod tests;
