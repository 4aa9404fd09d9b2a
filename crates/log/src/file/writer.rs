//! The commit: everything that waits, one write, one sync, then the watermark.

use std::io::IoSlice;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use stele_io::DiskError;

use super::{FileLane, LaneFile};
use crate::format::commit::FLAG_CLEAN_STOP;
use crate::format::file_header::{FILE_HEADER_BYTES, FileHeader};
use crate::group::{Marks, PendingGroup};
use crate::{Step, StopReason};

use super::names;

/// The position of the one writer.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) epoch: u64,
    pub(super) active: Arc<LaneFile>,
    /// Where the active file ends by plan; a single group that is larger than a file gets one of its size.
    pub(super) capacity: u64,
    /// Everything below is synced.
    pub(super) durable: u64,
    /// When the last frames were committed that no later commit record calls known synced.
    pub(super) unmarked_since: Option<Instant>,
}

impl Writer {
    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    fn position(&self) -> u64 {
        self.active.position(self.durable)
    }
}

impl FileLane {
    pub(super) fn commit_next(&self, slot: &mut Option<Writer>, now: Instant) -> Result<Step, DiskError> {
        let Some(writer) = slot else {
            return Ok(Step::Stopped(self.queue.stopped().unwrap_or(StopReason::Closed)));
        };
        if let Some(group) = self.queue.take() {
            return self.commit(writer, group, 0, now);
        }
        let wake_at = writer.unmarked_since.map(|since| since + self.settings.idle_mark_after);
        let due = wake_at.is_some_and(|wake_at| wake_at <= now);
        if (due || self.queue.log_start().1)
            && let Some(group) = self.queue.take_empty(writer.epoch)
        {
            return self.commit(writer, group, 0, now);
        }
        Ok(Step::Idle { wake_at })
    }

    /// Commits all that waits and then a record that says that the end is clean.
    pub(super) fn commit_rest(&self, slot: &mut Option<Writer>, now: Instant) -> Result<(), DiskError> {
        let Some(writer) = slot else { return Ok(()) };
        while let Some(group) = self.queue.take() {
            self.commit(writer, group, 0, now)?;
        }
        if let Some(group) = self.queue.take_empty(writer.epoch) {
            self.commit(writer, group, FLAG_CLEAN_STOP, now)?;
        }
        Ok(())
    }

    fn commit(
        &self,
        writer: &mut Writer,
        mut group: PendingGroup,
        flags: u32,
        now: Instant,
    ) -> Result<Step, DiskError> {
        assert_eq!(group.start(), writer.durable, "groups follow each other without gaps");
        if writer.position() + group.stored_bytes() > writer.capacity {
            self.roll(writer, group.stored_bytes())?;
        }
        let (log_start, _) = self.queue.log_start();
        self.queue.log_start_written(log_start);
        group.finish(writer.active.incarnation, Marks { known_synced: writer.durable, log_start, flags });
        writer.active.file.write_at(writer.position(), &group.slices())?;
        writer.active.file.sync_data()?;
        writer.durable = group.end();
        writer.unmarked_since = if group.is_empty() { None } else { Some(now) };
        self.log_start_durable.store(log_start, Ordering::Release);
        self.spare_wanted.store(writer.position() > writer.capacity / 2, Ordering::Release);
        self.queue.give_back(group);
        self.note_room(writer);
        self.watch.advance(writer.durable);
        Ok(Step::Durable(crate::Lsn(writer.durable)))
    }

    /// While the disk is full, the queue may take only what fits into blocks that exist.
    pub(super) fn note_room(&self, writer: &Writer) {
        if !self.disk_full.load(Ordering::Acquire) {
            self.queue.set_room(None);
            return;
        }
        let here = writer.active.allocated.saturating_sub(writer.position());
        let spare = self.spares().largest().saturating_sub(FILE_HEADER_BYTES as u64);
        self.queue.set_room(Some((here.max(spare), self.settings.reserve_bytes)));
    }

    fn roll(&self, writer: &mut Writer, group_bytes: u64) -> Result<(), DiskError> {
        let header = FileHeader {
            lane: self.id.0,
            index: writer.active.index + 1,
            incarnation: self.incarnation(writer.active.index + 1, writer.epoch),
            first_lsn: writer.durable,
            epoch: writer.epoch,
            log_start: self.log_start_durable.load(Ordering::Acquire),
        };
        let (active, capacity) = self.activate(header, group_bytes)?;
        writer.active = active;
        writer.capacity = capacity;
        Ok(())
    }

    /// Makes the file that begins with `header`, with room for a group of `group_bytes`. Everything below
    /// its first LSN must be synced. Also returns its capacity.
    pub(super) fn activate(
        &self,
        header: FileHeader,
        group_bytes: u64,
    ) -> Result<(Arc<LaneFile>, u64), DiskError> {
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
        let active = Arc::new(LaneFile {
            name,
            index: header.index,
            incarnation: header.incarnation,
            first_lsn: header.first_lsn,
            file: spare.file,
            allocated: spare.bytes,
        });
        let capacity = self.target_bytes(header.index).max(spare.bytes).max(page.len() as u64 + group_bytes);
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        files.insert(active.first_lsn, Arc::clone(&active));
        Ok((active, capacity))
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
