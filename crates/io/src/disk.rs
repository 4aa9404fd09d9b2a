//! The seam itself: what the log may ask of a disk, and how a disk may fail.

use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

/// Longest file name, in bytes.
pub const FILE_NAME_BYTES_MAX: usize = 128;

/// One flat directory of files. Object-safe: it is passed as `Arc<dyn Disk>`.
///
/// Names consist of `a-z`, `0-9`, `.`, `-` and `_`, start with a letter or digit, and have at most
/// [`FILE_NAME_BYTES_MAX`] bytes; every call refuses other names with [`DiskErrorKind::Invalid`], so that no
/// name leaves the directory. Calls block the calling thread.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Creates an empty file. [`DiskErrorKind::Exists`] when the name is taken. The name may be lost at a
    /// power loss until [`Disk::sync_dir`].
    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError>;

    /// Opens a file for reading and writing. [`DiskErrorKind::NotFound`] when there is none.
    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError>;

    /// Gives a file another name; a file that had that name is gone. Atomic at a power loss, but not
    /// durable before [`Disk::sync_dir`].
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a name. The file may come back after a power loss until [`Disk::sync_dir`].
    fn remove(&self, name: &str) -> Result<(), DiskError>;

    /// The names in the directory that this seam could have made, in byte order.
    fn list(&self) -> Result<Vec<String>, DiskError>;

    /// Makes all creations, renames and removals so far durable.
    fn sync_dir(&self) -> Result<(), DiskError>;

    /// Takes the lock named `name` for as long as the value lives, so that one process owns the directory.
    /// [`DiskErrorKind::Locked`] when somebody else has it.
    fn lock(&self, name: &str) -> Result<Box<dyn DiskLock>, DiskError>;
}

/// An open file. Handles stay usable after a rename or removal of the name.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Writes all `parts` one after the other from byte `position` on; a hole before it reads as zeros.
    /// After an error any part of the bytes may have been written.
    fn write_at(&self, position: u64, parts: &[IoSlice<'_>]) -> Result<(), DiskError>;

    /// Fills `into` from byte `position` on. Returns the number of bytes read, which is less than asked only
    /// at the end of the file.
    fn read_at(&self, position: u64, into: &mut [u8]) -> Result<usize, DiskError>;

    /// Returns when everything written so far, and the length, survives a power loss: how long that took by the
    /// disk's own clock.
    ///
    /// Calls may overlap with writes and with each other; one covers what had been written when it began.
    ///
    /// After an error the bytes are in an unknown state and the kernel may have forgotten that they are not
    /// stored: calling it again can succeed and lie. Read the file again, or write the bytes again. Of bytes that
    /// could not be stored each *handle* is told once, so whoever syncs one file from several threads gives each a
    /// handle of its own: of two syncs under way on one handle, the wrong one might hear of the failure.
    fn sync_data(&self) -> Result<Duration, DiskError>;

    /// Length in bytes.
    fn length(&self) -> Result<u64, DiskError>;

    /// Extends the file to `length` bytes with *written* zeros; no effect when it is that long already.
    /// Written blocks sync about twice as fast as blocks that are only reserved. Not durable by itself.
    fn preallocate(&self, length: u64) -> Result<(), DiskError>;
}

/// A held lock; dropping it releases it.
pub trait DiskLock: fmt::Debug + Send + Sync {}

/// Which call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the method of the same name")]
pub enum Operation {
    Create,
    Open,
    Rename,
    Remove,
    List,
    SyncDir,
    Lock,
    Write,
    Read,
    Sync,
    Length,
    Preallocate,
}

/// What a caller can decide on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskErrorKind {
    /// No file has this name.
    NotFound,
    /// The name is taken.
    Exists,
    /// No room (or quota) is left.
    Full,
    /// Another process, or another owner in this one, holds the lock.
    Locked,
    /// The name is not one that this seam accepts.
    Invalid,
    /// A simulated disk lost its power after this handle was made.
    PowerLost,
    /// Anything else that the operating system reports.
    Other,
}

/// A failed call: what was tried, on which file, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("disk: {operation:?} of `{name}` failed: {source}")]
pub struct DiskError {
    /// The call.
    pub operation: Operation,
    /// The file, or an empty string for calls on the directory.
    pub name: String,
    /// The class of the failure.
    pub kind: DiskErrorKind,
    /// The cause as the operating system (or the simulation) gave it.
    #[source]
    pub source: io::Error,
}

impl DiskError {
    /// Wraps an error of the operating system.
    #[must_use]
    pub fn from_io(operation: Operation, name: &str, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => DiskErrorKind::NotFound,
            io::ErrorKind::AlreadyExists => DiskErrorKind::Exists,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DiskErrorKind::Full,
            io::ErrorKind::WouldBlock if operation == Operation::Lock => DiskErrorKind::Locked,
            _ => DiskErrorKind::Other,
        };
        Self { operation, name: name.to_owned(), kind, source }
    }

    pub(crate) fn new(operation: Operation, name: &str, kind: DiskErrorKind, text: &'static str) -> Self {
        Self { operation, name: name.to_owned(), kind, source: io::Error::other(text) }
    }
}

/// Checks a name against the rule of [`Disk`].
///
/// # Errors
/// [`DiskErrorKind::Invalid`] with the operation and name given.
pub fn check_name(operation: Operation, name: &str) -> Result<(), DiskError> {
    let allowed = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(byte);
    let bytes = name.as_bytes();
    let starts_well = bytes.first().is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit());
    if starts_well && bytes.len() <= FILE_NAME_BYTES_MAX && bytes.iter().all(allowed) {
        Ok(())
    } else {
        Err(DiskError::new(operation, name, DiskErrorKind::Invalid, "not a name that this directory accepts"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Operation, check_name};

    #[test]
    fn names_stay_inside_the_directory() {
        for good in ["a", "lane-0000-0000000000000001.log", "0_x"] {
            assert!(check_name(Operation::Open, good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "../a", "a/b", "A", ".hidden", "ü", &"a".repeat(129)] {
            assert!(check_name(Operation::Open, bad).is_err(), "{bad}");
        }
    }
}
