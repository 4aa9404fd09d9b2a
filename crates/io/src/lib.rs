//! The disk seam: a real disk, one in memory, and a simulated one that loses what was not synced.
//!
//! A [`Disk`] is one flat directory of named files. Everything that Stele stores goes through it, so that
//! a test can stand a [`SimDisk`] in its place, cut the power at any call and look at what survives.
//!
//! Invariants:
//! - Nothing here reads a clock, and nothing draws random numbers except from the seed that was given.
//! - Bytes count as stored only after [`DiskFile::sync_data`] returned `Ok`; names only after
//!   [`Disk::sync_dir`] returned `Ok`. [`SimDisk`] punishes every caller that believes otherwise.
//! - A failed sync says nothing about which bytes are stored. It must never be tried again on the same bytes.

mod disk;
mod memory;
mod random;
mod real;
mod sim;

pub use disk::{
    Disk, DiskError, DiskErrorKind, DiskFile, DiskLock, FILE_NAME_BYTES_MAX, Operation, check_name,
};
pub use memory::MemoryDisk;
pub use random::Random;
pub use real::RealDisk;
pub use sim::{SimDisk, SimFaults};
