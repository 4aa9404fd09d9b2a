//! A stream in an image: its specification, partitions, remembered ids and cursors.

use super::dedup::{Dedup, Window};
use super::machine::Stream;
use crate::journal::Lsn;
use crate::store::Settings;
use crate::store::clock::ShardClock;
use crate::store::cursor::Cursors;
use crate::store::frames::StreamPut;
use crate::store::image::{Reader, Unreadable, Writer};
use stele_model::{Offset, PartitionIndex, StreamSpec};

impl Stream {
    /// What frames decided; nothing may wait to be written. The time, on the shard's clock, tells which remembered ids
    /// still count: the wall clock itself must not, it may have jumped and nobody have noted it yet.
    pub(crate) fn write_image(&self, clock: &ShardClock, now_ns: u64) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(&self.id);
        out.u64(self.created_ns);
        out.value(&*self.spec);
        self.cursors.write_image(&mut out, self.is_volatile());
        if !self.is_volatile() {
            out.bytes(&self.last_message_id);
            self.partitions.iter().for_each(|partition| partition.write_image(&mut out));
            self.dedup.write_image(&mut out, &Window { clock, span_ns: self.spec.dedup_window_ns, now_ns });
        }
        out.finish()
    }

    /// The stream of this number as its image says.
    ///
    /// # Errors
    /// The image contradicts itself, or asks for more than the settings allow.
    pub(crate) fn read_image(number: u64, image: &[u8], settings: &Settings) -> Result<Self, Unreadable> {
        let mut image = Reader::new(image)?;
        let id = image.raw(16)?.try_into().map_err(|_| Unreadable)?;
        let created_ns = image.u64()?;
        let spec: StreamSpec = image.value()?;
        // Before anything is made for them.
        if spec.partitions > settings.partitions_max {
            return Err(Unreadable);
        }
        let mut stream = Self::new(&StreamPut { stream: number, id, created_ns, spec });
        let cursors = Cursors::read_image(&mut image, &stream)?;
        if !stream.is_volatile() {
            stream.last_message_id = image.bytes()?.to_vec();
            for partition in &mut stream.partitions {
                partition.read_image(&mut image)?;
            }
            stream.dedup = Dedup::read_image(&mut image)?;
        }
        image.finish()?;
        stream.cursors = cursors;
        Ok(stream)
    }

    /// The newest time that a frame of it carried (ns), as far as its state tells.
    pub(crate) fn newest_ns(&self) -> u64 {
        let times = self.partitions.iter().map(|partition| partition.last_time_ns);
        times.max().unwrap_or(0).max(self.created_ns)
    }

    /// The partitions with records of producers, and from which offset on: whoever passes them on must look at them.
    pub(crate) fn produced(&self) -> Vec<(PartitionIndex, Offset)> {
        let own = (0..).zip(&self.partitions).filter(|_| self.is_relayed());
        let first = own.filter_map(|(at, partition): (PartitionIndex, _)| {
            Some((at, partition.batches.from(0).find(|entry| entry.produced)?.base))
        });
        first.collect()
    }

    /// Where the frames of records that are there start.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (u64, u32)> {
        let written = if self.is_volatile() { &[][..] } else { &self.partitions[..] };
        let entries = written.iter().flat_map(|partition| partition.batches.from(0));
        entries.map(|entry| (entry.position, entry.frame))
    }

    /// Everything up to here is in the state.
    pub(crate) fn covers(&mut self, lsn: Lsn) {
        self.lsn = self.lsn.max(lsn);
    }
}
