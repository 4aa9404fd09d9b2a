//! Files that wait for their turn, and the two chores that keep a few of them ready.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use stele_io::{DiskError, DiskErrorKind, DiskFile};

use super::{FileLane, LaneFile, names};

/// Recycled files beyond this number are removed instead.
const SPARES_MAX: usize = 2;
/// Bytes of zeros between two syncs while a file is prepared.
const FILL_STEP_BYTES: u64 = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct Spares {
    ready: Vec<Spare>,
    pub(super) next_number: u64,
}

#[derive(Debug)]
pub(super) struct Spare {
    pub(super) name: String,
    pub(super) file: Arc<dyn DiskFile>,
    /// One for each flight.
    pub(super) handles: Vec<Arc<dyn DiskFile>>,
    /// Written blocks.
    pub(super) bytes: u64,
}

impl Spares {
    pub(super) fn take(&mut self) -> Option<Spare> {
        self.ready.pop()
    }

    pub(super) fn put(&mut self, spare: Spare) {
        self.ready.push(spare);
    }

    pub(super) fn clear(&mut self) {
        self.ready.clear();
    }

    pub(super) fn has_room(&self) -> bool {
        self.ready.len() < SPARES_MAX
    }

    /// Bytes of the file that [`Spares::take`] gives next.
    pub(super) fn largest(&self) -> u64 {
        self.ready.last().map_or(0, |spare| spare.bytes)
    }
}

impl FileLane {
    /// A new file under a spare's name with `bytes` of written, synced zeros. The name is not durable.
    pub(super) fn create_spare(&self, bytes: u64) -> Result<Spare, DiskError> {
        let name = {
            let mut spares = self.spares();
            spares.next_number += 1;
            names::spare(self.id, spares.next_number)
        };
        let file = self.disk.create(&name)?;
        match fill(&*file, bytes).and_then(|()| self.handles(&name, &file)) {
            Ok(handles) => Ok(Spare { name, file, handles, bytes }),
            Err(error) => {
                // Give the room back; the first error is the one to tell.
                let _ = self.disk.remove(&name);
                Err(error)
            }
        }
    }

    /// Prepares the next file when the active one is half full. True when it did.
    pub(super) fn prepare_spare(&self) -> Result<bool, DiskError> {
        if !self.wants_spare() {
            return Ok(false);
        }
        let index = self.newest().map_or(1, |file| file.index + 1);
        let made = self.create_spare(self.target_bytes(index));
        if matches!(&made, Err(error) if error.kind == DiskErrorKind::Full) {
            // The commit that follows tells the queue how much room is left.
            self.disk_full.store(true, Ordering::Release);
        }
        let spare = made?;
        self.spares().put(spare);
        self.note_space();
        Ok(true)
    }

    pub(super) fn wants_spare(&self) -> bool {
        let wanted = self.spare_wanted.load(Ordering::Acquire) || self.disk_full.load(Ordering::Acquire);
        wanted && self.spares().largest() == 0
    }

    /// Recycles the oldest file that is trimmed or released. True when it did.
    ///
    /// One file at a time, oldest first, each with its own directory sync: so what a power loss brings back of
    /// the trimmed ones is always the file right below the others, never one with a gap behind it.
    pub(super) fn recycle_one(&self) -> Result<bool, DiskError> {
        let Some(oldest) = self.take_unneeded() else { return Ok(false) };
        let full_size = oldest.allocated >= self.settings.file_bytes_max;
        if full_size
            && self.spares().has_room()
            && let Ok(handles) = self.handles(&oldest.name, &oldest.file)
        {
            let name = {
                let mut spares = self.spares();
                spares.next_number += 1;
                names::spare(self.id, spares.next_number)
            };
            self.disk.rename(&oldest.name, &name)?;
            self.disk.sync_dir()?;
            let spare = Spare { name, file: Arc::clone(&oldest.file), handles, bytes: oldest.allocated };
            self.spares().put(spare);
        } else {
            self.disk.remove(&oldest.name)?;
            self.disk.sync_dir()?;
        }
        self.note_space();
        Ok(true)
    }

    /// There is room again. The queue hears of it here: where all that comes is refused, no commit would tell it.
    fn note_space(&self) {
        self.disk_full.store(false, Ordering::Release);
        self.queue.set_room(None);
    }

    fn newest(&self) -> Option<Arc<LaneFile>> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        files.last_key_value().map(|(_, file)| Arc::clone(file))
    }
}

/// Writes and syncs zeros in steps: one large sync would hold up the commits that wait behind it.
fn fill(file: &dyn DiskFile, bytes: u64) -> Result<(), DiskError> {
    let mut filled = 0;
    while filled < bytes {
        filled = bytes.min(filled + FILL_STEP_BYTES);
        file.preallocate(filled)?;
        file.sync_data()?;
    }
    Ok(())
}
