//! The stored sessions of a shard in an image.

use super::Sessions;
use super::frames::PacketPartlyClaimed;
use super::state::{Claimed, Entry, Kept, KeptMessage, Progress, State};
use crate::journal::Lsn;
use crate::store::image::{Reader, Unreadable, Writer};
use std::collections::VecDeque;
use std::sync::Arc;
use stele_model::SessionFilter;

impl Sessions {
    /// What frames decided.
    pub(crate) fn write_image(&self) -> Vec<u8> {
        let mut out = Writer::new();
        let state = &self.state;
        out.u64(state.next);
        out.count(state.messages.len());
        let mut before = (0, 0);
        for (number, message) in &state.messages {
            out.u64(number - before.0);
            out.step(before.1, message.position);
            out.u64(u64::from(message.length));
            out.step(message.position, message.lsn.0);
            before = (*number, message.position);
        }
        out.count(state.relayed.len());
        for ((shard, log), offset) in &state.relayed {
            out.u64(u64::from(*shard));
            out.u64(*log);
            out.u64(*offset);
        }
        out.count(state.sessions.len());
        for (client, session) in &state.sessions {
            out.bytes(client);
            session.write_image(&mut out);
        }
        let partly = state.partly();
        // Rare, and unknown to older images: left out where there is none.
        if !partly.is_empty() {
            out.value(&partly);
        }
        out.finish()
    }

    /// Sessions as their image says.
    ///
    /// # Errors
    /// The image contradicts itself.
    pub(crate) fn read_image(image: &[u8]) -> Result<Self, Unreadable> {
        let mut image = Reader::new(image)?;
        let mut sessions = Self::default();
        let state = &mut sessions.state;
        state.next = image.u64()?;
        let mut before = (0, 0);
        for _ in 0..image.count(4)? {
            let number = image.rising(before.0)?;
            let position = image.step(before.1)?;
            let length = image.u32()?;
            let lsn = Lsn(image.step(position)?);
            if state.messages.insert(number, KeptMessage { position, length, lsn, holders: 0 }).is_some() {
                return Err(Unreadable);
            }
            before = (number, position);
        }
        for _ in 0..image.count(3)? {
            let shard = u16::try_from(image.u64()?).map_err(|_| Unreadable)?;
            state.relayed.insert((shard, image.u64()?), image.u64()?);
        }
        for _ in 0..image.count(8)? {
            let client: Arc<[u8]> = image.bytes()?.into();
            let session = Kept::read_image(&mut image)?;
            state.restore(client, session)?;
        }
        if !image.is_finished() {
            let partly: Vec<PacketPartlyClaimed> = image.value()?;
            partly.iter().for_each(|partly| state.partly_claimed(partly));
            if state.partly() != partly {
                return Err(Unreadable);
            }
        }
        image.finish()?;
        if sessions.state.messages.values().any(|message| message.holders == 0) {
            return Err(Unreadable);
        }
        Ok(sessions)
    }

    /// Where the frames of messages that some queue holds start.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (u64, u32)> {
        self.state.messages.values().map(|message| (message.position, message.length))
    }
}

impl State {
    fn restore(&mut self, client: Arc<[u8]>, session: Kept) -> Result<(), Unreadable> {
        for entry in session.queue.iter().filter(|entry| entry.progress != Progress::Done) {
            self.messages.get_mut(&entry.number).ok_or(Unreadable)?.holders += 1;
        }
        for filter in &session.filters {
            self.list(&client, filter);
        }
        match self.sessions.insert(client, session) {
            None => Ok(()),
            Some(_) => Err(Unreadable),
        }
    }
}

impl Kept {
    fn write_image(&self, out: &mut Writer) {
        out.u64(u64::from(self.expiry_s));
        out.u64(self.queued_max);
        out.value(&self.detached_ns);
        out.value(&self.will);
        out.value(&self.filters);
        self.since.iter().for_each(|position| out.u64(*position));
        out.u64(self.first);
        out.u64(self.sent_below);
        let whole = || self.claimed.iter().filter(|(_, claimed)| **claimed == Claimed::Whole);
        out.count(whole().count());
        whole().for_each(|(packet, _)| out.u64(u64::from(*packet)));
        out.u64(self.dropped);
        out.count(self.queue.len());
        for entry in &self.queue {
            out.u64(entry.number);
            out.value(&entry.quality);
            out.u64(u64::from(entry.options));
            out.count(entry.identifiers.len());
            entry.identifiers.iter().for_each(|identifier| out.u64(u64::from(*identifier)));
            out.u64(match entry.progress {
                Progress::Waits => 0,
                Progress::Received => 1,
                Progress::Done => 2,
            });
        }
    }

    fn read_image(image: &mut Reader<'_>) -> Result<Self, Unreadable> {
        let expiry_s = image.u32()?;
        let queued_max = image.u64()?;
        let (detached_ns, will) = (image.value()?, image.value()?);
        let filters: Vec<SessionFilter> = image.value()?;
        let since = (0..filters.len()).map(|_| image.u64()).collect::<Result<_, _>>()?;
        let (first, sent_below) = (image.u64()?, image.u64()?);
        let claimed = (0..image.count(1)?).map(|_| {
            let packet = u16::try_from(image.u64()?).map_err(|_| Unreadable)?;
            Ok((packet, Claimed::Whole))
        });
        let claimed = claimed.collect::<Result<_, _>>()?;
        let dropped = image.u64()?;
        let mut queue = VecDeque::new();
        for _ in 0..image.count(5)? {
            queue.push_back(Entry::read_image(image)?);
        }
        if first.checked_add(queue.len() as u64).is_none() {
            return Err(Unreadable);
        }
        Ok(Self {
            expiry_s,
            queued_max,
            detached_ns,
            will,
            filters,
            since,
            queue,
            first,
            sent_below,
            claimed,
            dropped,
        })
    }
}

impl Entry {
    fn read_image(image: &mut Reader<'_>) -> Result<Self, Unreadable> {
        let number = image.u64()?;
        let quality = image.value()?;
        let options = u8::try_from(image.u64()?).map_err(|_| Unreadable)?;
        let identifiers = (0..image.count(1)?).map(|_| image.u32());
        let identifiers = identifiers.collect::<Result<_, _>>()?;
        let progress = match image.u64()? {
            0 => Progress::Waits,
            1 => Progress::Received,
            2 => Progress::Done,
            _ => return Err(Unreadable),
        };
        Ok(Self { number, quality, options, identifiers, progress })
    }
}
