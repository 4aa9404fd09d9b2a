//! A handle of a simulated file: its calls, and what fails in them.

use std::io::IoSlice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::inode::Inode;
use super::{SimDisk, World};
use crate::disk::{DiskError, DiskErrorKind, DiskFile, Operation};

#[derive(Debug)]
pub(super) struct SimFile {
    disk: SimDisk,
    name: String,
    inode: u64,
    /// Of the file's failed syncs, how many this handle knows.
    failures_told: AtomicU64,
}

impl SimFile {
    /// A handle made after so many failed syncs of the file.
    pub(super) fn new(disk: SimDisk, name: &str, inode: u64, failures: u64) -> Self {
        Self { disk, name: name.to_owned(), inode, failures_told: failures.into() }
    }

    fn failure(&self, operation: Operation, kind: DiskErrorKind) -> DiskError {
        DiskError::new(operation, &self.name, kind, "simulated failure")
    }

    /// Refuses growth beyond the simulated size of the disk.
    fn check_room(&self, world: &World, operation: Operation, end: u64) -> Result<(), DiskError> {
        let Some(bytes_max) = world.faults.bytes_max else { return Ok(()) };
        let grows = end.saturating_sub(world.inodes[&self.inode].length());
        if grows > 0 && world.used() + grows > bytes_max {
            return Err(self.failure(operation, DiskErrorKind::Full));
        }
        Ok(())
    }

    fn write(&self, operation: Operation, position: u64, bytes: Vec<u8>) -> Result<(), DiskError> {
        let digest = u64::from(crc_fast::crc32_iscsi(&bytes));
        let mut world = self.disk.enter(operation, &self.name, (position, digest))?;
        self.check_room(&world, operation, position + bytes.len() as u64)?;
        let per_mille = world.faults.write_fails_per_mille;
        if world.random.chance(per_mille) {
            let kept = world.random.below(bytes.len() as u64 + 1) as usize;
            self.inode(&mut world).write(position, bytes[..kept].to_vec());
            return Err(self.failure(operation, DiskErrorKind::Other));
        }
        self.inode(&mut world).write(position, bytes);
        SimDisk::leave(&world, operation, &self.name)
    }

    fn inode<'world>(&self, world: &'world mut World) -> &'world mut Inode {
        world.inodes.get_mut(&self.inode).expect("inodes live as long as the disk has power")
    }
}

impl DiskFile for SimFile {
    fn write_at(&self, position: u64, parts: &[IoSlice<'_>]) -> Result<(), DiskError> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        self.write(Operation::Write, position, bytes)
    }

    fn read_at(&self, position: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let world = self.disk.enter(Operation::Read, &self.name, (position, into.len() as u64))?;
        SimDisk::leave(&world, Operation::Read, &self.name)?;
        Ok(world.inodes[&self.inode].read(position, into))
    }

    fn sync_data(&self) -> Result<Duration, DiskError> {
        let mut guard = self.disk.enter(Operation::Sync, &self.name, (0, 0))?;
        SimDisk::leave(&guard, Operation::Sync, &self.name)?;
        let world = &mut *guard;
        let inode = world.inodes.get_mut(&self.inode).expect("inodes live as long as the disk has power");
        if world.random.chance(world.faults.sync_fails_per_mille) {
            inode.sync_failed(&mut world.random);
        } else {
            inode.sync();
        }
        let failures = inode.failures();
        if self.failures_told.swap(failures, Ordering::Relaxed) < failures {
            return Err(self.failure(Operation::Sync, DiskErrorKind::Other));
        }
        Ok(world.faults.sync_takes)
    }

    fn length(&self) -> Result<u64, DiskError> {
        let world = self.disk.enter(Operation::Length, &self.name, (0, 0))?;
        SimDisk::leave(&world, Operation::Length, &self.name)?;
        Ok(world.inodes[&self.inode].length())
    }

    fn preallocate(&self, length: u64) -> Result<(), DiskError> {
        let current = self.length()?;
        if length <= current {
            return Ok(());
        }
        self.write(Operation::Preallocate, current, vec![0; (length - current) as usize])
    }
}
