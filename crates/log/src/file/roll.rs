//! The next file: its header durable, renamed, the directory durable, and only then its first group.

use std::io::IoSlice;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use stele_io::{DiskError, DiskFile};

use super::writer::{Active, Writer};
use super::{FileLane, LaneFile, names};
use crate::format::file_header::FileHeader;

impl FileLane {
    /// The file behind the active one, for a group of `group_bytes`. Everything before it must be synced.
    pub(super) fn next_file(&self, writer: &Writer, group_bytes: u64) -> Result<Active, DiskError> {
        let index = writer.active.index + 1;
        let header = FileHeader {
            lane: self.id.0,
            index,
            incarnation: self.incarnation(index, writer.epoch),
            first_lsn: writer.durable(),
            epoch: writer.epoch,
            log_start: self.log_start_durable.load(Ordering::Acquire),
        };
        self.activate(header, group_bytes)
    }

    /// Makes the file that begins with `header`, with room for a group of `group_bytes`. Everything below
    /// its first LSN must be synced.
    pub(super) fn activate(&self, header: FileHeader, group_bytes: u64) -> Result<Active, DiskError> {
        // Taken first: a lock in the matched expression would be held through the creation, which takes it.
        let ready = self.spares().take();
        let spare = match ready {
            Some(spare) => spare,
            // The keeper did not come in time: go on in a file that grows, which is slower, not wrong.
            None => self.create_spare(0)?,
        };
        let page = header.encode();
        spare.file.write_at(0, &[IoSlice::new(&page)])?;
        spare.file.sync_data()?;
        let name = names::log(self.id, header.index);
        self.disk.rename(&spare.name, &name)?;
        self.disk.sync_dir()?;
        let file = Arc::new(LaneFile {
            name,
            index: header.index,
            incarnation: header.incarnation,
            first_lsn: header.first_lsn,
            file: spare.file,
            allocated: spare.bytes,
        });
        let capacity = self.target_bytes(header.index).max(spare.bytes).max(page.len() as u64 + group_bytes);
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        files.insert(file.first_lsn, Arc::clone(&file));
        Ok(Active { file, capacity, handles: spare.handles })
    }

    /// One handle for each flight, `file` among them. They are made ahead of the file's turn, where a lack of
    /// descriptors can be waited out.
    pub(super) fn handles(
        &self,
        name: &str,
        file: &Arc<dyn DiskFile>,
    ) -> Result<Vec<Arc<dyn DiskFile>>, DiskError> {
        let mut handles = vec![Arc::clone(file)];
        while handles.len() < self.flights_max() {
            handles.push(self.disk.open(name)?);
        }
        Ok(handles)
    }

    /// A number that a peer cannot guess and that no two uses of a file share.
    pub(super) fn incarnation(&self, index: u64, epoch: u64) -> u64 {
        let mut mixed = self.settings.salt ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (epoch << 48);
        mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        // Zero would match the zeros of a preallocated file.
        (mixed ^ (mixed >> 32)).max(1)
    }
}
