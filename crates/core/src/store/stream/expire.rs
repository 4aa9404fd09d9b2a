//! Records go by age: the stream's, or their own. Each removal is a frame.

use super::machine::Stream;
use crate::store::Capture;
use crate::store::context::Context;
use stele_model::{Conditions, Error, Header, Headers, Message, Now, Offset, Quality, StoredRecord, Wire};

/// Records removed by one frame at most; the rest follows at once.
const REMOVED_MAX: usize = 100_000;

impl Stream {
    /// Removes what is due, and leaves markers where the stream wants them.
    pub(crate) fn expire(&mut self, context: &mut Context, now: Now) {
        let time_ns = context.time(now);
        for at in 0..self.partitions.len() {
            if self.partitions[at].is_offline() {
                continue;
            }
            let (offsets, start) = self.due(context, at, time_ns);
            if offsets.is_empty() && start.is_none() {
                self.forget_expiries(at, time_ns);
                continue;
            }
            let subjects = self.markers_wanted(context, at, &offsets);
            if let Err(error) = self.take_away(context, at, &offsets, start) {
                tracing::error!(stream = %self.spec.name, %error, "expired records could not be removed");
                return;
            }
            self.forget_expiries(at, time_ns);
            self.leave_markers(context, now, at, subjects);
        }
    }

    /// What was due is gone, by this or before.
    fn forget_expiries(&mut self, at: usize, time_ns: u64) {
        let partition = &mut self.partitions[at];
        while let Some((_, offset)) = partition.expiries.first().copied().filter(|(time, _)| *time <= time_ns)
        {
            if partition.table.is_live(offset) {
                return;
            }
            partition.expiries.pop_first();
        }
    }

    /// Records that are due, rising, and where the log starts then.
    fn due(&self, context: &Context, at: usize, time_ns: u64) -> (Vec<Offset>, Option<Offset>) {
        let partition = &self.partitions[at];
        let mut offsets: Vec<Offset> = Vec::new();
        let mut start = None;
        if let Some(age) = self.spec.limits.age_max_ns.filter(|_| self.ages()) {
            for entry in partition.batches.from(partition.table.start()) {
                let due = context.clock.due_ns(self.age_time(entry.time_ns, entry.time_max_ms), age);
                if due > time_ns || offsets.len() >= REMOVED_MAX {
                    break;
                }
                let live = (entry.base..entry.end()).filter(|offset| partition.table.is_live(*offset));
                offsets.extend(live.filter(|offset| !partition.never.contains(offset)));
                start = Some(entry.end());
            }
        }
        if let Some(kept) = partition.never.first() {
            start = start.map(|start| start.min(*kept));
        }
        let own = partition.expiries.iter().take_while(|(time, _)| *time <= time_ns).take(REMOVED_MAX);
        offsets.extend(own.map(|(_, offset)| *offset).filter(|offset| partition.table.is_live(*offset)));
        offsets.sort_unstable();
        offsets.dedup();
        (offsets, start)
    }

    /// Subjects that lose their last record.
    fn markers_wanted(&self, context: &mut Context, at: usize, offsets: &[Offset]) -> Vec<Vec<u8>> {
        let partition = &self.partitions[at];
        if self.spec.delete_marker_ttl_ns == 0 {
            return Vec::new();
        }
        let mut wanted: Vec<Vec<u8>> = Vec::new();
        for offset in offsets {
            let name = partition.subject_of(*offset);
            let last = match &partition.subjects {
                Some(subjects) => subjects.get(name).and_then(|posting| posting.last_below(u64::MAX)),
                None => partition.table.last_live(u64::MAX),
            };
            // The last record of a subject goes, and so do all before it: they are older. A marker leaves none.
            if last == Some(*offset) && !is_marker(partition.record(context, *offset)) {
                wanted.push(name.to_vec());
            }
        }
        wanted
    }

    fn leave_markers(&mut self, context: &mut Context, now: Now, at: usize, subjects: Vec<Vec<u8>>) {
        let ttl_ns = self.spec.delete_marker_ttl_ns;
        let seconds = (ttl_ns / 1_000_000_000).max(1).to_string();
        let block = format!("NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: {seconds}\r\n\r\n");
        let conditions = Conditions { ttl_ns: Some(ttl_ns), ..Conditions::default() };
        for subject in subjects {
            if !self.captures(&subject) || super::capture::partition_of(&subject, self.partitions.len()) != at
            {
                continue;
            }
            let headers = Headers { wire: Wire::Nats, raw: block.as_bytes(), visit: visit_block };
            let message = Message {
                subject: &subject,
                reply: &[],
                headers,
                payload: None,
                quality: Quality::AtLeastOnce,
                retain: false,
                from: stele_model::ConnectionId::default(),
            };
            let marker = Capture { message, conditions: Some(&conditions) };
            let mut results = Vec::new();
            self.capture(context, now, &[marker], &mut results);
        }
    }
}

fn is_marker(record: Result<StoredRecord, Error>) -> bool {
    record.is_ok_and(|record| record.headers().get(b"Nats-Marker-Reason").is_some())
}

/// Visits the headers of a block that is in the usual form.
fn visit_block<'b>(raw: &'b [u8], visitor: &mut dyn FnMut(Header<'b>)) {
    for line in raw.split(|byte| *byte == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            visitor((&line[..colon], Some(line[colon + 1..].trim_ascii_start())));
        }
    }
}
