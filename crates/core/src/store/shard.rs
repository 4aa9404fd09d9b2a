//! One shard: the streams that live in it, entered by one thread at a time.

use super::context::Context;
use super::directory::Place;
use super::frames::{
    ClockJumped, CursorDeleted, CursorMoved, CursorPut, Delta, GROUPS_FROM, RecordsRemoved, SESSIONS_FROM,
    SHARD_FROM, StreamDeleted, StreamPut,
};
use super::groups::Groups;
use super::sessions::Sessions;
use super::stream::Stream;
use crate::journal::{FrameKind, JournalFrame, Lsn, StoredFrame};
use std::collections::BTreeMap;
use stele_model::{Error, Now, PartitionIndex, StreamSpec};

/// The state of a shard.
pub(crate) struct Shard {
    /// What its machines share.
    pub context: Context,
    /// By number.
    pub streams: BTreeMap<u64, Stream>,
    /// Groups that live here.
    pub groups: Groups,
    /// Stored sessions that live here.
    pub sessions: Sessions,
    /// The number of the next stream; numbers are never reused.
    pub next_stream: u64,
}

impl Shard {
    /// An empty one.
    pub(crate) fn new(context: Context) -> Self {
        Self {
            context,
            streams: BTreeMap::new(),
            groups: Groups::default(),
            sessions: Sessions::default(),
            next_stream: 1,
        }
    }

    /// A stream with what it shares.
    ///
    /// # Errors
    /// `Internal` where it went since it was looked up; the caller names it better.
    pub(crate) fn stream(&mut self, place: Place) -> Option<(&mut Stream, &mut Context)> {
        let stream = self.streams.get_mut(&place.stream)?;
        Some((stream, &mut self.context))
    }

    /// Makes a stream.
    ///
    /// # Errors
    /// The journal's.
    pub(crate) fn create(&mut self, now: Now, spec: &StreamSpec) -> Result<u64, Error> {
        let created_ns = self.context.time(now);
        let number = self.next_stream;
        let id = topic_id(self.context.settings.seed, self.context.shard, number, created_ns);
        let put = StreamPut { stream: number, id, created_ns, spec: spec.clone() };
        let frame = self.context.delta(&put);
        let stored = self.context.append(&[frame])?;
        self.apply_put(&put);
        if let Some(stream) = self.streams.get_mut(&number) {
            stream.lsn = stored.lsn;
        }
        Ok(number)
    }

    /// Removes a stream with all that is in it.
    ///
    /// # Errors
    /// The journal's.
    pub(crate) fn delete(&mut self, number: u64) -> Result<(), Error> {
        let frame = self.context.delta(&StreamDeleted { stream: number });
        self.context.append(&[frame])?;
        if let Some(mut stream) = self.streams.remove(&number) {
            stream.close(&mut self.context);
        }
        Ok(())
    }

    /// The journal is durable up to here; which partitions show more than before?
    pub(crate) fn settle(&mut self, now: Now, durable: Lsn) -> Vec<(u64, PartitionIndex)> {
        self.sessions.settle(&mut self.context);
        let mut moved = Vec::new();
        for number in self.context.unsettled.iter().copied().collect::<Vec<_>>() {
            let Some(stream) = self.streams.get_mut(&number) else {
                self.context.unsettled.remove(&number);
                continue;
            };
            for partition in stream.settle(&mut self.context, durable) {
                stream.deliver_all(&mut self.context, now, partition);
                moved.push((number, partition));
            }
        }
        moved
    }

    /// Does everything that is due.
    pub(crate) fn wake(&mut self, now: Now) {
        while let Some(timer) = self.context.timers.first().copied() {
            let (due, number, cursor) = timer;
            if due > now.monotonic_ns {
                break;
            }
            self.context.timers.remove(&timer);
            let Some(stream) = self.streams.get_mut(&number) else { continue };
            if cursor == 0 {
                stream.timer = None;
                stream.expire(&mut self.context, now);
                stream.arm(&mut self.context, now);
            } else {
                stream.wake_cursor(&mut self.context, now, cursor);
            }
        }
        self.groups.wake(&mut self.context, now);
        if self.context.lazy_due.is_some_and(|due| due <= now.monotonic_ns) {
            self.write_lazy();
        }
        self.sessions.wake(&mut self.context, now);
    }

    /// Writes the delivery state that waits.
    pub(crate) fn write_lazy(&mut self) {
        self.context.lazy_due = None;
        for number in std::mem::take(&mut self.context.lazy) {
            let Some(stream) = self.streams.get_mut(&number) else { continue };
            if let Err(error) = stream.write(&mut self.context, Vec::new()) {
                tracing::error!(%error, "delivery state could not be written");
            }
        }
    }

    /// When `wake` has something to do (monotonic ns).
    pub(crate) fn deadline(&self) -> Option<u64> {
        let timer = self.context.timers.first().map(|timer| timer.0);
        let sessions = self.sessions.deadline(&self.context);
        let machines = sessions.into_iter().chain(self.groups.deadline());
        timer.into_iter().chain(self.context.lazy_due).chain(machines).min()
    }

    /// A frame is replayed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn replay(&mut self, stored: StoredFrame, frame: &JournalFrame) -> Result<(), &'static str> {
        self.context.lsn = stored.lsn;
        if frame.kind == FrameKind::Delta {
            let (kind, body) = frame.payload.split_first().ok_or("an empty delta")?;
            return self.replay_delta(stored, *kind, body);
        }
        let (number, partition) = Stream::of_log(frame.log).ok_or("a batch of no partition")?;
        let stream = self.streams.get_mut(&number).ok_or("a batch of an unknown stream")?;
        stream.replay_batch(&mut self.context, partition, stored, &frame.payload)
    }

    /// Everything was replayed: what is there is durable.
    pub(crate) fn opened(&mut self, now: Now) {
        self.context.unsettled.clear();
        self.sessions.opened(&mut self.context, now);
        for stream in self.streams.values_mut() {
            stream.opened(&mut self.context, now);
        }
        self.groups.opened(&mut self.context, now);
    }

    fn replay_delta(&mut self, stored: StoredFrame, kind: u8, body: &[u8]) -> Result<(), &'static str> {
        let number = match kind {
            StreamPut::KIND => {
                let put = StreamPut::decode(body)?;
                self.apply_put(&put);
                put.stream
            }
            StreamDeleted::KIND => {
                self.streams.remove(&StreamDeleted::decode(body)?.stream);
                return Ok(());
            }
            RecordsRemoved::KIND => {
                let removed = RecordsRemoved::decode(body)?;
                self.known(removed.stream)?.apply_removed(&removed);
                removed.stream
            }
            CursorPut::KIND => {
                let put = CursorPut::decode(body)?;
                self.known(put.stream)?.apply_cursor_put(&put);
                put.stream
            }
            CursorDeleted::KIND => {
                let deleted = CursorDeleted::decode(body)?;
                self.known(deleted.stream)?.cursors.forget(deleted.cursor);
                deleted.stream
            }
            CursorMoved::KIND => {
                let moved = CursorMoved::decode(body)?;
                self.known(moved.stream)?.cursors.apply_moved(&moved);
                moved.stream
            }
            ClockJumped::KIND => {
                let jumped = ClockJumped::decode(body)?;
                self.context.clock.replay_jump(jumped.at_ns, jumped.by_ns);
                return Ok(());
            }
            GROUPS_FROM..SESSIONS_FROM => {
                self.context.groups_lsn = stored.lsn;
                return self.groups.apply(kind, body);
            }
            SESSIONS_FROM..SHARD_FROM => {
                self.context.sessions_lsn = stored.lsn;
                return self.sessions.apply(stored, kind, body);
            }
            _ => return Err("a delta of an unknown kind"),
        };
        self.known(number)?.lsn = stored.lsn;
        Ok(())
    }

    fn known(&mut self, number: u64) -> Result<&mut Stream, &'static str> {
        self.streams.get_mut(&number).ok_or("a delta of an unknown stream")
    }

    fn apply_put(&mut self, put: &StreamPut) {
        self.context.clock.replay(put.created_ns);
        self.next_stream = self.next_stream.max(put.stream.saturating_add(1));
        match self.streams.get_mut(&put.stream) {
            Some(stream) => stream.update(&put.spec),
            None => {
                self.streams.insert(put.stream, Stream::new(put));
            }
        }
    }
}

/// 16 bytes that no other stream has, here or at another broker: a UUID of version 8 over what makes it unique.
fn topic_id(seed: u64, shard: u16, number: u64, created_ns: u64) -> [u8; 16] {
    use std::hash::{DefaultHasher, Hasher};
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(salt);
        for part in [seed, u64::from(shard), number, created_ns] {
            hasher.write_u64(part);
        }
        hasher.finish()
    };
    let mut id = (u128::from(half(1)) << 64 | u128::from(half(2))).to_be_bytes();
    id[6] = id[6] & 0x0f | 0x80;
    id[8] = id[8] & 0x3f | 0x80;
    id
}
