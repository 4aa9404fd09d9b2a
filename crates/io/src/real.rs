//! A directory of the operating system.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::disk::{Disk, DiskError, DiskErrorKind, DiskFile, DiskLock, Operation, check_name};

/// Most slices that one `pwritev` takes (`IOV_MAX` on Linux and macOS).
const SLICES_MAX: usize = 1024;
/// Bytes of zeros per write while preallocating.
const ZEROS_BYTES: usize = 256 << 10;
static ZEROS: [u8; ZEROS_BYTES] = [0; ZEROS_BYTES];

/// A real directory. Syncs are `fdatasync` on Linux and `F_FULLFSYNC` on macOS, where `fsync` does not reach
/// the medium.
#[derive(Debug)]
pub struct RealDisk {
    path: PathBuf,
    directory: File,
}

impl RealDisk {
    /// Opens `path`, creating it and its parents where missing. Created directories are made durable, too.
    ///
    /// # Errors
    /// What the operating system says, with [`Operation::Open`] and the path.
    pub fn open(path: impl AsRef<Path>) -> Result<Arc<Self>, DiskError> {
        let path = path.as_ref();
        let shown = path.display().to_string();
        let failed = |error| DiskError::from_io(Operation::Open, &shown, error);
        create_durably(path).map_err(failed)?;
        let directory = File::open(path).map_err(failed)?;
        Ok(Arc::new(Self { path: path.to_owned(), directory }))
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, operation: Operation, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        check_name(operation, name)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(operation == Operation::Create);
        let file =
            options.open(self.path.join(name)).map_err(|error| DiskError::from_io(operation, name, error))?;
        Ok(Arc::new(RealFile { name: name.to_owned(), file }))
    }
}

impl Disk for RealDisk {
    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.file(Operation::Create, name)
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.file(Operation::Open, name)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        check_name(Operation::Rename, from)?;
        check_name(Operation::Rename, to)?;
        std::fs::rename(self.path.join(from), self.path.join(to))
            .map_err(|error| DiskError::from_io(Operation::Rename, from, error))
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        check_name(Operation::Remove, name)?;
        std::fs::remove_file(self.path.join(name))
            .map_err(|error| DiskError::from_io(Operation::Remove, name, error))
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let failed = |error| DiskError::from_io(Operation::List, "", error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if !entry.file_type().map_err(failed)?.is_file() {
                continue;
            }
            // Foreign files in the directory are not ours to judge: they are left alone and not listed.
            if let Ok(name) = entry.file_name().into_string()
                && check_name(Operation::List, &name).is_ok()
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        sync_all(&self.directory).map_err(|error| DiskError::from_io(Operation::SyncDir, "", error))
    }

    fn lock(&self, name: &str) -> Result<Box<dyn DiskLock>, DiskError> {
        check_name(Operation::Lock, name)?;
        let failed = |error| DiskError::from_io(Operation::Lock, name, error);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.path.join(name))
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Box::new(RealLock { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                Err(DiskError::new(Operation::Lock, name, DiskErrorKind::Locked, "held by another owner"))
            }
            Err(error) => Err(failed(error.into())),
        }
    }
}

/// The kernel drops an advisory lock with the last handle, so a killed process leaves nothing behind.
#[derive(Debug)]
struct RealLock {
    _file: File,
}

impl DiskLock for RealLock {}

#[derive(Debug)]
struct RealFile {
    name: String,
    file: File,
}

impl RealFile {
    fn failed(&self, operation: Operation, error: io::Error) -> DiskError {
        DiskError::from_io(operation, &self.name, error)
    }
}

impl DiskFile for RealFile {
    fn write_at(&self, position: u64, parts: &[IoSlice<'_>]) -> Result<(), DiskError> {
        write_parts(&self.file, position, parts).map_err(|error| self.failed(Operation::Write, error))
    }

    fn read_at(&self, position: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let mut filled = 0;
        while filled < into.len() {
            match self.file.read_at(&mut into[filled..], position + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(Operation::Read, error)),
            }
        }
        Ok(filled)
    }

    #[expect(clippy::disallowed_methods, reason = "the clock of syncs is the disk's")]
    fn sync_data(&self) -> Result<Duration, DiskError> {
        if cfg!(feature = "unsound-no-sync") {
            return Ok(Duration::ZERO);
        }
        let begin = Instant::now();
        sync_data(&self.file).map_err(|error| self.failed(Operation::Sync, error))?;
        Ok(begin.elapsed())
    }

    fn length(&self) -> Result<u64, DiskError> {
        let metadata = self.file.metadata().map_err(|error| self.failed(Operation::Length, error))?;
        Ok(metadata.len())
    }

    fn preallocate(&self, length: u64) -> Result<(), DiskError> {
        let failed = |error| self.failed(Operation::Preallocate, error);
        let mut position = self.length()?;
        while position < length {
            let count = ZEROS_BYTES.min(usize::try_from(length - position).unwrap_or(ZEROS_BYTES));
            self.file.write_all_at(&ZEROS[..count], position).map_err(failed)?;
            position += count as u64;
        }
        Ok(())
    }
}

fn write_parts(file: &File, position: u64, parts: &[IoSlice<'_>]) -> io::Result<()> {
    // The system call takes a bounded number of slices and may write less than asked; the copy of the slice
    // list is what `advance_slices` needs to move through it.
    let mut position = position;
    for chunk in parts.chunks(SLICES_MAX) {
        let mut owned: Vec<IoSlice<'_>> = chunk.to_vec();
        let mut rest: &mut [IoSlice<'_>] = &mut owned;
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let written = match write_some(file, position, rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            position += written as u64;
            IoSlice::advance_slices(&mut rest, written);
        }
    }
    Ok(())
}

#[cfg(not(target_vendor = "apple"))]
fn write_some(file: &File, position: u64, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    rustix::io::pwritev(file, parts, position).map_err(io::Error::from)
}

#[cfg(target_vendor = "apple")]
fn write_some(file: &File, position: u64, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    // pwritev exists only from macOS 11 on; one slice per call is right everywhere.
    file.write_at(&parts[0], position)
}

#[cfg(not(target_vendor = "apple"))]
fn sync_data(file: &File) -> io::Result<()> {
    rustix::fs::fdatasync(file).map_err(io::Error::from)
}

#[cfg(target_vendor = "apple")]
fn sync_data(file: &File) -> io::Result<()> {
    rustix::fs::fcntl_fullfsync(file).map_err(io::Error::from)
}

#[cfg(not(target_vendor = "apple"))]
fn sync_all(file: &File) -> io::Result<()> {
    rustix::fs::fsync(file).map_err(io::Error::from)
}

#[cfg(target_vendor = "apple")]
fn sync_all(file: &File) -> io::Result<()> {
    rustix::fs::fcntl_fullfsync(file).map_err(io::Error::from)
}

/// Creates a directory with its parents, each synced into the one above it.
fn create_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_durably(parent)?;
    match std::fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_all(&File::open(parent)?)
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use super::RealDisk;
    use crate::{Disk, DiskErrorKind};

    #[test]
    fn files_hold_what_was_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let disk = RealDisk::open(directory.path().join("deep/er")).expect("opens");
        let file = disk.create("a").expect("creates");
        let many: Vec<IoSlice<'_>> = (0..3000).map(|_| IoSlice::new(b"xy")).collect();
        file.write_at(3, &many).expect("writes");
        file.preallocate(1 << 20).expect("preallocates");
        file.sync_data().expect("syncs");
        disk.sync_dir().expect("syncs the directory");
        assert_eq!(file.length().expect("length"), 1 << 20);
        let mut bytes = vec![1; 6010];
        assert_eq!(file.read_at(0, &mut bytes).expect("reads"), 6010);
        assert_eq!(&bytes[..6], b"\0\0\0xyx");
        assert_eq!(&bytes[5999..6005], b"xyxy\0\0");
        assert_eq!(file.read_at((1 << 20) - 1, &mut bytes).expect("reads"), 1);
        disk.rename("a", "b").expect("renames");
        assert_eq!(disk.list().expect("lists"), ["b"]);
        assert_eq!(disk.create("b").expect_err("taken").kind, DiskErrorKind::Exists);
        disk.remove("b").expect("removes");
        assert_eq!(disk.open("b").expect_err("gone").kind, DiskErrorKind::NotFound);
    }

    #[test]
    fn one_owner_at_a_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let disk = RealDisk::open(directory.path()).expect("opens");
        let held = disk.lock("lock").expect("free");
        assert_eq!(disk.lock("lock").expect_err("held").kind, DiskErrorKind::Locked);
        drop(held);
        disk.lock("lock").expect("free again");
    }
}
