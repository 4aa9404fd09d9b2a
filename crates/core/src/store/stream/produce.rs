//! Batches as producers send them: stored as received, with base offset and leader epoch patched.

use super::apply::{Appended, total};
use super::dedup;
use super::machine::Stream;
use super::record::Decoded;
use crate::store::context::Context;
use crate::store::frames::{Mark, Origin, Trailer};
use bytes::Bytes;
use std::collections::BTreeSet;
use stele_model::batch::{Batch, patch, set_log_append_time};
use stele_model::{BatchReply, CleanupPolicy, Error, Now, PartitionIndex, Wire, is_literal_subject};

/// The header by which a record is stored once within the window.
const MESSAGE_ID: &[u8] = b"Nats-Msg-Id";

impl Stream {
    /// Appends one batch to a partition.
    ///
    /// # Errors
    /// Says why it was not stored; nothing of it was.
    pub(crate) fn produce(
        &mut self,
        context: &mut Context,
        now: Now,
        partition: PartitionIndex,
        batch: &Bytes,
    ) -> Result<BatchReply, Error> {
        self.partition(partition)?;
        let at = partition as usize;
        let header =
            *Batch::parse(batch).map_err(|_| Error::CorruptBatch("its header cannot be read"))?.header();
        let bytes_max =
            self.spec.limits.batch_bytes_max.unwrap_or(u64::MAX).min(context.settings.record_bytes_max);
        if self.spec.sealed {
            return Err(Error::NotAllowed("the stream is sealed"));
        }
        if batch.len() as u64 > bytes_max {
            return Err(Error::MessageTooLarge);
        }
        if header.total_bytes() != batch.len() || header.attributes.is_control() || header.record_count <= 0 {
            return Err(Error::CorruptBatch("it is not one plain batch"));
        }
        if header.attributes.is_transactional() {
            return Err(Error::InvalidRecord("transactions are not offered"));
        }
        if let Some(original) = self.partitions[at].producers.check(&header)? {
            return Ok(self.reply(at, original, -1));
        }
        let time_ns = context.time(now);
        let (rows, marks) = self.inspect(context, at, time_ns, batch)?;
        let mut buffer = Vec::with_capacity(batch.len() + Trailer::fixed_bytes());
        buffer.extend_from_slice(batch);
        let base = self.partitions[at].table.end();
        patch(&mut buffer, base as i64, context.settings.leader_epoch);
        let mut append_time_ms = -1;
        if self.spec.stamps_time {
            append_time_ms = i64::try_from(time_ns / 1_000_000).unwrap_or(i64::MAX);
            set_log_append_time(&mut buffer, append_time_ms);
        }
        let header =
            *Batch::parse(&buffer).map_err(|_| Error::CorruptBatch("its offsets overflow"))?.header();
        let trailer = Trailer { origin: Origin::Produced, time_ns, marks };
        let (batch, stored, frame) = self.append_batch(context, at, buffer, header, &trailer)?;
        let rows: Vec<(&[u8], u32)> = rows.iter().map(|(subject, size)| (&**subject, *size)).collect();
        let size = if rows.is_empty() { batch.len() as u64 } else { total(&rows) };
        self.apply_batch(
            context,
            at,
            Appended { batch, header, trailer: &trailer, stored, frame, size },
            &rows,
        );
        if self.spec.limits.age_max_ns.is_some() && self.timer.is_none() {
            self.arm(context, now);
        }
        Ok(self.reply(at, base, append_time_ms))
    }

    fn reply(&self, at: usize, base_offset: u64, append_time_ms: i64) -> BatchReply {
        BatchReply { base_offset, append_time_ms, log_start: self.partitions[at].table.start() }
    }

    /// Looks into the records where something needs it (semantics 13): subjects, keys, message ids.
    #[allow(clippy::type_complexity, reason = "rows and marks, used once")]
    fn inspect(
        &mut self,
        context: &Context,
        at: usize,
        time_ns: u64,
        batch: &Bytes,
    ) -> Result<(Vec<(Bytes, u32)>, Vec<(u32, Mark)>), Error> {
        let rows = self.decode_rows(context, at, batch, Origin::Produced)?;
        let compacted = self.spec.cleanup != CleanupPolicy::Delete;
        let window =
            dedup::Window { clock: &context.clock, span_ns: self.spec.dedup_window_ns, now_ns: time_ns };
        if !compacted && window.span_ns == 0 {
            return Ok((rows, Vec::new()));
        }
        let mut marks = Vec::new();
        let mut seen: BTreeSet<dedup::IdHash> = BTreeSet::new();
        let decoded = Decoded::new(batch, context.settings.plain_bytes_max)?;
        for (delta, record) in (0..).zip(decoded.records()) {
            if compacted && record.key.is_none() {
                return Err(Error::InvalidRecord("a compacted topic takes no record without a key"));
            }
            let Some(id) = record.header(MESSAGE_ID).filter(|_| window.span_ns > 0) else { continue };
            let hash = dedup::hash(&id);
            if seen.contains(&hash) || self.dedup.find(hash, &window).is_some() {
                marks.push((delta, Mark::Gone));
                continue;
            }
            seen.insert(hash);
            marks.push((delta, Mark::Id(id)));
        }
        self.dedup.reserve(seen.len(), &window, context.settings.message_ids_max)?;
        Ok((rows, marks))
    }

    /// The subject of a produced record: its key where that is a subject which the stream captures, else the
    /// stream's name (semantics 21, 40).
    ///
    /// # Errors
    /// `InvalidRecord` where a stream made through JetStream does not capture its own name.
    pub(crate) fn subject_of_produced(&self, at: usize, key: Option<&Bytes>) -> Result<Bytes, Error> {
        let partition = &self.partitions[at];
        if partition.subjects.is_none() {
            return Ok(partition.subject.clone());
        }
        if let Some(key) = key.filter(|key| is_subject_key(key) && self.captures(key)) {
            return Ok(key.clone());
        }
        let name = self.spec.name.as_str().as_bytes();
        if self.spec.made_by == Wire::Nats && !self.captures(name) {
            return Err(Error::InvalidRecord(
                "the stream captures neither the record's key nor its own name",
            ));
        }
        Ok(Bytes::copy_from_slice(name))
    }
}

/// Can a key be a subject: text without controls, not internal but for buckets and objects?
fn is_subject_key(key: &[u8]) -> bool {
    let internal = key.first() == Some(&b'$') && !key.starts_with(b"$KV.") && !key.starts_with(b"$O.");
    !internal
        && is_literal_subject(key)
        && std::str::from_utf8(key)
            .is_ok_and(|text| !text.chars().any(|c| c.is_control() || c.is_whitespace()))
}
