//! Published messages become records: the hot path.
//!
//! A run of messages goes into one batch per partition and 64 KiB; what depends on the batch that is being built
//! ends it. State changes only after the journal took the frame, by the code that replay uses.

use super::apply::{Appended, total};
use super::conditions::Verdict;
use super::dedup::{self, IdHash};
use super::machine::Stream;
use super::record::{collect_headers, stored_size};
use crate::journal::{FrameKind, JournalFrame, Lsn, StoredFrame};
use crate::store::context::Context;
use crate::store::frames::{Mark, Origin, Trailer};
use crate::store::{Capture, Stored};
use bytes::Bytes;
use stele_model::batch::{BatchBuilder, BatchHeader};
use stele_model::{Error, Header, Now, Offset};

/// Own batches end here, unless one record is larger (semantics 12).
const BATCH_BYTES: usize = 64 << 10;
/// Bytes of a record beyond subject, headers and payload, for reserving.
const RECORD_OVERHEAD: usize = 32;

/// What the batch that is being built will hold.
#[derive(Default)]
pub(crate) struct Staged<'m> {
    rows: Vec<(&'m [u8], u32)>,
    marks: Vec<(u32, Mark)>,
    ids: Vec<(IdHash, Offset)>,
    bytes: u64,
    base: Offset,
    /// Where in the run each record came from.
    sources: Vec<usize>,
}

impl Staged<'_> {
    /// Nothing yet?
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Records.
    pub(crate) fn count(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Their bytes as JetStream counts them.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Message ids among them.
    pub(crate) fn ids(&self) -> usize {
        self.ids.len()
    }

    /// Where an id stands in this batch.
    pub(crate) fn find_id(&self, id: IdHash) -> Option<Offset> {
        self.ids.iter().find(|known| known.0 == id).map(|known| known.1)
    }

    /// The next record asks for this.
    pub(crate) fn mark(&mut self, mark: Mark) {
        if let Mark::Id(id) = &mark {
            self.ids.push((dedup::hash(id), self.base + self.rows.len() as u64));
        }
        self.marks.push((self.rows.len() as u32, mark));
    }
}

impl Stream {
    /// Stores what may be stored of a run; one result per message. The position that the results depend on.
    pub(crate) fn capture(
        &mut self,
        context: &mut Context,
        now: Now,
        messages: &[Capture<'_>],
        results: &mut Vec<Result<Stored, Error>>,
    ) -> Lsn {
        let time_ns = context.time(now);
        let first = results.len();
        results.resize(first + messages.len(), Err(Error::Internal("a message was not decided")));
        let results = &mut results[first..];
        let partitions = self.partitions.len();
        if partitions == 1 {
            self.capture_into(context, time_ns, 0, messages, None, results);
        } else {
            let mut picks: Vec<Vec<usize>> = vec![Vec::new(); partitions];
            for (number, capture) in messages.iter().enumerate() {
                picks[partition_of(capture.message.subject, partitions)].push(number);
            }
            for (at, pick) in picks.iter().enumerate().filter(|(_, pick)| !pick.is_empty()) {
                self.capture_into(context, time_ns, at, messages, Some(pick), results);
            }
        }
        if (self.timer.is_none() && self.spec.limits.age_max_ns.is_some()) || self.has_expiries() {
            self.arm(context, now);
        }
        self.lsn
    }

    fn capture_into(
        &mut self,
        context: &mut Context,
        time_ns: u64,
        at: usize,
        messages: &[Capture<'_>],
        picked: Option<&[usize]>,
        results: &mut [Result<Stored, Error>],
    ) {
        let count = picked.map_or(messages.len(), <[usize]>::len);
        let index = |number: usize| picked.map_or(number, |picked| picked[number]);
        if self.partitions[at].is_offline() {
            (0..count).for_each(|number| results[index(number)] = Err(Error::Quarantined));
            return;
        }
        let mut next = 0;
        let mut headers = Vec::new();
        let mut staged = Staged::default();
        while next < count {
            staged.rows.clear();
            staged.marks.clear();
            staged.ids.clear();
            staged.sources.clear();
            (staged.bytes, staged.base) = (0, self.partitions[at].table.end());
            let waiting = (next..count).map(|number| weight(&messages[index(number)]));
            let mut buffer = Vec::with_capacity(reserve(waiting));
            let mut builder = BatchBuilder::new(&mut buffer, staged.base as i64)
                .leader_epoch(context.settings.leader_epoch);
            while next < count {
                let source = index(next);
                let capture = &messages[source];
                if !staged.is_empty() && builder.len() + weight(capture) > BATCH_BYTES {
                    break;
                }
                let block = collect_headers(&capture.message, &mut headers);
                match self.stage(context, at, time_ns, capture, block, &mut staged) {
                    Verdict::Later => break,
                    Verdict::Duplicate(offset) => results[source] = Ok(Stored { offset, duplicate: true }),
                    Verdict::Refuse(error) => results[source] = Err(error),
                    Verdict::Store => {
                        staged.sources.push(source);
                        let pushed = push(&mut builder, self.is_bucket(), time_ns, capture, &headers);
                        debug_assert!(pushed.is_ok(), "sizes were checked");
                    }
                }
                next += 1;
            }
            let header = builder.finish();
            let Some(header) = header else { continue };
            self.finish_batch(context, at, time_ns, buffer, header, &mut staged, results);
        }
    }

    fn stage<'m>(
        &mut self,
        context: &Context,
        at: usize,
        time_ns: u64,
        capture: &Capture<'m>,
        block: usize,
        staged: &mut Staged<'m>,
    ) -> Verdict {
        let message = &capture.message;
        let payload = message.payload.map_or(0, <[u8]>::len);
        let bytes = (block + payload) as u64;
        let bytes_max = self.spec.limits.message_bytes_max.unwrap_or(u64::MAX);
        if bytes > bytes_max.min(context.settings.record_bytes_max) {
            return Verdict::Refuse(Error::MessageTooLarge);
        }
        let size = stored_size(message.subject.len(), block, payload);
        let marks = staged.marks.len();
        let ids = staged.ids.len();
        let verdict = self.decide(context, at, time_ns, capture, u64::from(size), staged);
        if matches!(verdict, Verdict::Store) {
            staged.rows.push((message.subject, size));
            staged.bytes += u64::from(size);
        } else {
            staged.marks.truncate(marks);
            staged.ids.truncate(ids);
        }
        verdict
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one batch, on the hot path")]
    fn finish_batch(
        &mut self,
        context: &mut Context,
        at: usize,
        time_ns: u64,
        buffer: Vec<u8>,
        header: BatchHeader,
        staged: &mut Staged<'_>,
        results: &mut [Result<Stored, Error>],
    ) {
        let trailer = Trailer { origin: Origin::Captured, time_ns, marks: std::mem::take(&mut staged.marks) };
        // As replay counts it: without rows nobody knows the records' own bytes.
        let size = match self.partitions[at].table.has_rows() {
            true => total(&staged.rows),
            false => buffer.len() as u64,
        };
        match self.append_batch(context, at, buffer, header, &trailer) {
            Ok((batch, stored, frame)) => {
                let rows: &[(&[u8], u32)] = &staged.rows;
                let appended = Appended { batch, header, trailer: &trailer, stored, frame, size };
                self.apply_batch(context, at, appended, rows);
                for (number, source) in staged.sources.iter().enumerate() {
                    results[*source] = Ok(Stored { offset: staged.base + number as u64, duplicate: false });
                }
            }
            Err(error) => staged.sources.iter().for_each(|source| results[*source] = Err(error.clone())),
        }
    }

    /// Writes a batch with its trailer; the batch alone, where it stands, and the length of its frame.
    pub(crate) fn append_batch(
        &mut self,
        context: &mut Context,
        at: usize,
        mut buffer: Vec<u8>,
        header: BatchHeader,
        trailer: &Trailer,
    ) -> Result<(Bytes, Option<StoredFrame>, u32), Error> {
        let length = buffer.len();
        if self.is_volatile() {
            self.forget_lazy(context);
            return Ok((buffer.into(), None, 0));
        }
        trailer.write(&mut buffer);
        let payload = Bytes::from(buffer);
        let frame = JournalFrame {
            shard: context.shard,
            log: self.partitions[at].log,
            kind: FrameKind::Batch,
            base: header.base_offset as u64,
            count: header.last_offset_delta as u32 + 1,
            payload: payload.clone(),
        };
        let mut frames = self.lazy_frames(context);
        let stored = if frames.is_empty() {
            context.append(std::slice::from_ref(&frame))?
        } else {
            frames.push(frame);
            let stored = context.append(&frames)?;
            self.forget_lazy(context);
            stored
        };
        Ok((payload.slice(..length), Some(stored), payload.len() as u32))
    }

    fn has_expiries(&self) -> bool {
        self.partitions.iter().any(|partition| !partition.expiries.is_empty())
    }

    /// A key-value bucket: what deletes a key is stored as null (semantics 34).
    fn is_bucket(&self) -> bool {
        self.spec.name.as_str().starts_with("KV_")
    }
}

fn push(
    builder: &mut BatchBuilder<'_>,
    bucket: bool,
    time_ns: u64,
    capture: &Capture<'_>,
    headers: &[Header<'_>],
) -> Result<(), stele_model::batch::BatchError> {
    let message = &capture.message;
    let mut value = message.payload;
    if bucket && value.is_some_and(<[u8]>::is_empty) && headers.iter().any(is_delete) {
        value = None;
    }
    let time_ms = i64::try_from(time_ns / 1_000_000).unwrap_or(i64::MAX);
    builder.push(time_ms, Some(message.subject), value, headers.iter().copied())
}

fn is_delete(header: &Header<'_>) -> bool {
    header.0 == b"KV-Operation" && matches!(header.1, Some(b"DEL" | b"PURGE"))
}

/// About the bytes of a message in a batch.
fn weight(capture: &Capture<'_>) -> usize {
    let message = &capture.message;
    message.subject.len()
        + message.headers.raw.len()
        + message.payload.map_or(0, <[u8]>::len)
        + RECORD_OVERHEAD
}

fn reserve(weights: impl Iterator<Item = usize>) -> usize {
    let mut bytes = stele_model::batch::BATCH_HEADER_BYTES + Trailer::fixed_bytes();
    for weight in weights {
        if bytes > BATCH_BYTES {
            break;
        }
        bytes += weight;
    }
    bytes
}

/// Which partition a subject belongs to: Java's default partitioner (murmur2), so that every wire agrees.
pub(crate) fn partition_of(subject: &[u8], partitions: usize) -> usize {
    (murmur2(subject) & 0x7fff_ffff) as usize % partitions.max(1)
}

/// MurmurHash2, 32 bits, with the seed of Kafka's Java client.
fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_as_javas_client_does() {
        // From Kafka's own UtilsTest.
        for (text, expected) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ] {
            assert_eq!(murmur2(text.as_bytes()) as i32, expected, "{text}");
        }
    }
}
