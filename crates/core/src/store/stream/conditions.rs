//! What must hold for a message to be stored, in the order in which nats-server looks at it.

use super::capture::Staged;
use super::dedup;
use super::machine::Stream;
use super::subjects::Posting;
use crate::store::Capture;
use crate::store::context::Context;
use crate::store::frames::Mark;
use stele_model::{Conditions, Discard, Error, Filter, Offset, Retention, Rollup};

/// What becomes of a message.
pub(crate) enum Verdict {
    /// It is stored; its marks were added.
    Store,
    /// It was stored before, there.
    Duplicate(Offset),
    /// It depends on the batch that is being built: finish that first.
    Later,
    /// It is not stored.
    Refuse(Error),
}

impl Stream {
    /// Decides about one message. `size`: its bytes as JetStream counts them.
    pub(crate) fn decide(
        &mut self,
        context: &Context,
        at: usize,
        time_ns: u64,
        capture: &Capture<'_>,
        size: u64,
        staged: &mut Staged<'_>,
    ) -> Verdict {
        if self.spec.sealed {
            return Verdict::Refuse(Error::NotAllowed("the stream is sealed"));
        }
        if let Some(conditions) = capture.conditions {
            match self.conditions(context, at, time_ns, capture.message.subject, conditions, staged) {
                Verdict::Store => {}
                other => return other,
            }
        }
        if self.spec.limits.discard == Discard::New {
            match self.room(at, capture.message.subject, size, staged) {
                Verdict::Store => {}
                other => return other,
            }
        }
        if let Some(conditions) = capture.conditions {
            mark(conditions, time_ns, staged);
        }
        if self.spec.retention == Retention::Interest
            && !self.cursors.interest(at as u32, capture.message.subject)
        {
            // Nobody will ever take it: it gets its sequence and is gone, as with nats-server.
            staged.mark(Mark::Gone);
        }
        Verdict::Store
    }

    fn conditions(
        &mut self,
        context: &Context,
        at: usize,
        time_ns: u64,
        subject: &[u8],
        conditions: &Conditions<'_>,
        staged: &mut Staged<'_>,
    ) -> Verdict {
        if let Some(error) = conditions.refused {
            return Verdict::Refuse(error.clone());
        }
        let named = conditions.expected_stream;
        if named.is_some_and(|name| name != self.spec.name.as_str().as_bytes()) {
            return Verdict::Refuse(Error::WrongExpectedStream);
        }
        if conditions.ttl_ns.is_some() && !self.spec.allow_message_ttl {
            return Verdict::Refuse(Error::FeatureNotAllowed("per-message TTL"));
        }
        if let Some(id) = conditions.message_id.filter(|_| self.spec.dedup_window_ns > 0) {
            match self.check_id(context, time_ns, id, staged) {
                Verdict::Store => {}
                other => return other,
            }
        }
        if let Some(expected) = conditions.expected_last_subject_sequence {
            if !staged.is_empty() {
                return Verdict::Later;
            }
            let filter = match conditions.expected_subject.map(Filter::new) {
                None => None,
                Some(Ok(filter)) => Some(filter),
                Some(Err(_)) => {
                    return Verdict::Refuse(Error::InvalidHeader(
                        "Nats-Expected-Last-Subject-Sequence-Subject",
                    ));
                }
            };
            let actual = self.last_sequence(at, subject, filter.as_ref());
            if actual != expected {
                return Verdict::Refuse(Error::WrongLastSequence(actual));
            }
        }
        let actual = self.partitions[at].table.end() + staged.count();
        if conditions.expected_last_sequence.is_some_and(|expected| expected != actual) {
            return Verdict::Refuse(Error::WrongLastSequence(actual));
        }
        if let Some(expected) = conditions.expected_last_message_id {
            if !staged.is_empty() {
                return Verdict::Later;
            }
            if expected != self.last_message_id {
                let actual = String::from_utf8_lossy(&self.last_message_id).into_owned();
                return Verdict::Refuse(Error::WrongLastMessageId(actual));
            }
        }
        if conditions.rollup.is_some() && !self.spec.allow_rollup {
            return Verdict::Refuse(Error::FeatureNotAllowed("rollup"));
        }
        Verdict::Store
    }

    fn check_id(&mut self, context: &Context, time_ns: u64, id: &[u8], staged: &Staged<'_>) -> Verdict {
        let hash = dedup::hash(id);
        let window =
            dedup::Window { clock: &context.clock, span_ns: self.spec.dedup_window_ns, now_ns: time_ns };
        if let Some(offset) = staged.find_id(hash) {
            return Verdict::Duplicate(offset);
        }
        if let Some((_, offset)) = self.dedup.find(hash, &window) {
            return Verdict::Duplicate(offset);
        }
        match self.dedup.reserve(staged.ids() + 1, &window, context.settings.message_ids_max) {
            Ok(()) => Verdict::Store,
            Err(error) => Verdict::Refuse(error),
        }
    }

    /// The last sequence of a subject, or of what a filter matches; 0: none.
    fn last_sequence(&self, at: usize, subject: &[u8], filter: Option<&Filter>) -> u64 {
        let partition = &self.partitions[at];
        let last = match (filter, &partition.subjects) {
            (Some(filter), _) => partition.last(filter),
            (None, Some(subjects)) => subjects.get(subject).and_then(|own| own.last_below(u64::MAX)),
            (None, None) if partition.subject == subject => partition.table.last_live(u64::MAX),
            (None, None) => None,
        };
        last.map_or(0, |offset| offset + 1)
    }

    /// Is there room in a stream that discards new messages?
    fn room(&self, at: usize, subject: &[u8], size: u64, staged: &Staged<'_>) -> Verdict {
        let (partition, limits) = (&self.partitions[at], &self.spec.limits);
        let mut replaced = 0;
        if let Some(max) = limits.records_per_subject_max {
            if !staged.is_empty() {
                return Verdict::Later;
            }
            let posting = partition.subjects.as_ref().and_then(|subjects| subjects.get(subject));
            let count = match (&partition.subjects, posting) {
                (None, _) => partition.table.live(),
                (Some(_), posting) => posting.map_or(0, |posting| posting.len() as u64),
            };
            if count >= max {
                if limits.discard_new_per_subject {
                    return Verdict::Refuse(Error::SubjectRecordsExceeded);
                }
                let first = posting.and_then(Posting::first);
                replaced = 1 + first.map_or(0, |first| u64::from(partition.table.row(first).size));
            }
        }
        let records = partition.table.live() + staged.count();
        if replaced == 0 && limits.records_max.is_some_and(|max| records >= max) {
            return Verdict::Refuse(Error::RecordsExceeded);
        }
        let bytes = partition.size + staged.bytes() + size;
        if limits.bytes_max.is_some_and(|max| bytes > max.saturating_add(replaced)) {
            return Verdict::Refuse(Error::BytesExceeded);
        }
        Verdict::Store
    }
}

fn mark(conditions: &Conditions<'_>, time_ns: u64, staged: &mut Staged<'_>) {
    if let Some(id) = conditions.message_id {
        staged.mark(Mark::Id(id.to_vec()));
    }
    match conditions.ttl_ns {
        None => {}
        Some(0) => staged.mark(Mark::Never),
        Some(ttl) => staged.mark(Mark::Expires(time_ns.saturating_add(ttl))),
    }
    match conditions.rollup {
        None => {}
        Some(Rollup::Subject) => staged.mark(Mark::ReplacesSubject),
        Some(Rollup::All) => staged.mark(Mark::ReplacesAll),
    }
}
