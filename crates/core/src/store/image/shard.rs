//! What the machines of a shard share in an image: its clock, and the number of its next stream.

use super::{Reader, Unreadable, Writer};
use crate::store::clock::ShardClock;
use crate::store::shard::Shard;

impl Shard {
    /// What frames decided, and how far the clock was.
    pub(crate) fn write_image(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u64(self.next_stream);
        out.u64(self.context.clock.last_ns());
        let jumps = self.context.clock.jumps();
        out.count(jumps.len());
        for (at_ns, by_ns) in jumps {
            out.u64(*at_ns);
            out.u64(*by_ns);
        }
        out.finish()
    }

    /// Takes over what an image says; streams may have been read before.
    ///
    /// # Errors
    /// The image contradicts itself.
    pub(crate) fn read_image(&mut self, image: &[u8]) -> Result<(), Unreadable> {
        let mut image = Reader::new(image)?;
        let next_stream = image.u64()?;
        let mut clock = ShardClock::default();
        clock.replay(image.u64()?);
        for _ in 0..image.count(2)? {
            clock.replay_jump(image.u64()?, image.u64()?);
        }
        image.finish()?;
        self.next_stream = self.next_stream.max(next_stream);
        clock.replay(self.context.clock.last_ns());
        self.context.clock = clock;
        Ok(())
    }
}
