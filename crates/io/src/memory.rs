//! A directory in memory: for brokers whose data goes with them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IoSlice;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::disk::{Disk, DiskError, DiskErrorKind, DiskFile, DiskLock, Operation, check_name};

/// Bytes that are allocated together; what was never written costs nothing.
const CHUNK_BYTES: u64 = 64 << 10;

/// A directory in memory without faults. Clones are the same directory; a sync does nothing. The simulated disk
/// ([`SimDisk`](crate::SimDisk)) is the one that misbehaves.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    directory: Arc<Mutex<Directory>>,
}

#[derive(Debug, Default)]
struct Directory {
    files: BTreeMap<String, Arc<MemoryFile>>,
    locks: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct MemoryFile {
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    length: u64,
    /// By number; a missing one reads as zeros.
    chunks: BTreeMap<u64, Box<[u8]>>,
}

#[derive(Debug)]
struct MemoryLock {
    disk: MemoryDisk,
    name: String,
}

impl MemoryDisk {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().expect("no call panics while it holds the lock")
    }
}

fn failed(operation: Operation, name: &str, kind: DiskErrorKind) -> DiskError {
    DiskError::new(operation, name, kind, "in memory")
}

impl Disk for MemoryDisk {
    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        check_name(Operation::Create, name)?;
        let mut directory = self.directory();
        if directory.files.contains_key(name) {
            return Err(failed(Operation::Create, name, DiskErrorKind::Exists));
        }
        let file = Arc::new(MemoryFile::default());
        directory.files.insert(name.to_owned(), file.clone());
        Ok(file)
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        check_name(Operation::Open, name)?;
        match self.directory().files.get(name) {
            Some(file) => Ok(file.clone()),
            None => Err(failed(Operation::Open, name, DiskErrorKind::NotFound)),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        check_name(Operation::Rename, from)?;
        check_name(Operation::Rename, to)?;
        let mut directory = self.directory();
        let file = directory.files.remove(from);
        let file = file.ok_or_else(|| failed(Operation::Rename, from, DiskErrorKind::NotFound))?;
        directory.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        check_name(Operation::Remove, name)?;
        match self.directory().files.remove(name) {
            Some(_) => Ok(()),
            None => Err(failed(Operation::Remove, name, DiskErrorKind::NotFound)),
        }
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.directory().files.keys().cloned().collect())
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        Ok(())
    }

    fn lock(&self, name: &str) -> Result<Box<dyn DiskLock>, DiskError> {
        check_name(Operation::Lock, name)?;
        if !self.directory().locks.insert(name.to_owned()) {
            return Err(failed(Operation::Lock, name, DiskErrorKind::Locked));
        }
        Ok(Box::new(MemoryLock { disk: self.clone(), name: name.to_owned() }))
    }
}

impl DiskLock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.disk.directory().locks.remove(&self.name);
    }
}

impl MemoryFile {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().expect("no call panics while it holds the lock")
    }
}

impl DiskFile for MemoryFile {
    fn write_at(&self, position: u64, parts: &[IoSlice<'_>]) -> Result<(), DiskError> {
        let mut content = self.content();
        let mut position = position;
        for part in parts {
            content.write(position, part);
            position += part.len() as u64;
        }
        Ok(())
    }

    fn read_at(&self, position: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        Ok(self.content().read(position, into))
    }

    fn sync_data(&self) -> Result<Duration, DiskError> {
        Ok(Duration::ZERO)
    }

    fn length(&self) -> Result<u64, DiskError> {
        Ok(self.content().length)
    }

    fn preallocate(&self, length: u64) -> Result<(), DiskError> {
        let mut content = self.content();
        content.length = content.length.max(length);
        Ok(())
    }
}

impl Content {
    fn write(&mut self, mut position: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (number, at) = place(position);
            let count = bytes.len().min(CHUNK_BYTES as usize - at);
            let chunk = self.chunks.entry(number).or_insert_with(|| vec![0; CHUNK_BYTES as usize].into());
            chunk[at..at + count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            position += count as u64;
        }
        self.length = self.length.max(position);
    }

    fn read(&self, mut position: u64, into: &mut [u8]) -> usize {
        let available = usize::try_from(self.length.saturating_sub(position)).unwrap_or(usize::MAX);
        let total = into.len().min(available);
        let mut rest = &mut into[..total];
        while !rest.is_empty() {
            let (number, at) = place(position);
            let count = rest.len().min(CHUNK_BYTES as usize - at);
            let (front, back) = std::mem::take(&mut rest).split_at_mut(count);
            match self.chunks.get(&number) {
                Some(chunk) => front.copy_from_slice(&chunk[at..at + count]),
                None => front.fill(0),
            }
            rest = back;
            position += count as u64;
        }
        total
    }
}

/// The number of the chunk that holds a byte, and where in it.
fn place(position: u64) -> (u64, usize) {
    (position / CHUNK_BYTES, (position % CHUNK_BYTES) as usize)
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use super::{CHUNK_BYTES, MemoryDisk};
    use crate::{Disk, DiskErrorKind};

    #[test]
    fn files_hold_what_was_written() {
        let disk = MemoryDisk::new();
        let file = disk.create("a").expect("creates");
        file.preallocate(3 * CHUNK_BYTES).expect("preallocates");
        file.write_at(CHUNK_BYTES - 2, &[IoSlice::new(b"xyz"), IoSlice::new(b"w")]).expect("writes");
        let mut bytes = [1; 6];
        assert_eq!(file.read_at(CHUNK_BYTES - 3, &mut bytes).expect("reads"), 6);
        assert_eq!(&bytes, b"\0xyzw\0");
        assert_eq!(file.read_at(3 * CHUNK_BYTES - 1, &mut bytes).expect("reads"), 1);
        assert_eq!(file.read_at(9 * CHUNK_BYTES, &mut bytes).expect("reads"), 0);
        file.write_at(5 * CHUNK_BYTES, &[IoSlice::new(b"end")]).expect("writes");
        assert_eq!(file.length().expect("length"), 5 * CHUNK_BYTES + 3);
        disk.rename("a", "b").expect("renames");
        assert_eq!(disk.list().expect("lists"), ["b"]);
        assert_eq!(disk.create("b").expect_err("taken").kind, DiskErrorKind::Exists);
        disk.remove("b").expect("removes");
        assert_eq!(disk.open("b").expect_err("gone").kind, DiskErrorKind::NotFound);
        assert_eq!(file.read_at(CHUNK_BYTES, &mut bytes[..1]).expect("handles stay usable"), 1);
    }

    #[test]
    fn one_owner_at_a_time() {
        let disk = MemoryDisk::new();
        let held = disk.lock("lock").expect("free");
        assert_eq!(disk.lock("lock").expect_err("held").kind, DiskErrorKind::Locked);
        drop(held);
        disk.lock("lock").expect("free again");
    }
}
