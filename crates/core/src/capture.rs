//! Captured messages to the streams that store them, and the answers for their publishers.

use crate::journal::Lsn;
use crate::port::TurnPort;
use crate::scratch::Captured;
use crate::store::{Capture, Stored};
use stele_model::{AppendReply, Error, Outcome, Quality, StreamName};

/// What became of one message in all the streams that wanted it.
#[derive(Clone, Debug, Default)]
struct Fate {
    lsn: Lsn,
    acknowledged: Option<(StreamName, Result<Stored, Error>)>,
    refused: Option<Error>,
}

/// Stores every message in every stream that captures it, a stream at a time, and notes the answers in turn.
pub(crate) fn store(port: &mut TurnPort<'_, '_>, captured: &[Captured<'_>]) {
    let mut results = vec![Fate::default(); captured.len()];
    let mut stored = Vec::with_capacity(captured.len());
    for stream in streams(captured) {
        let wanted: Vec<usize> =
            (0..captured.len()).filter(|index| captures(&captured[*index], &stream)).collect();
        let messages: Vec<Capture<'_>> = wanted.iter().map(|index| capture_of(&captured[*index])).collect();
        stored.clear();
        let lsn = port.core.durable.capture(port.now, &stream, &messages, &mut stored);
        for (index, result) in wanted.into_iter().zip(stored.drain(..)) {
            let acknowledges =
                captured[index].set.captures.first().is_some_and(|t| t.acknowledges && t.stream == stream);
            results[index].add(lsn, acknowledges.then(|| stream.clone()), result);
        }
    }
    enqueue(port, captured, &mut results);
    for (message, result) in captured.iter().zip(results) {
        if let Some(ticket) = message.ticket {
            let (lsn, outcome) = result.outcome(message.hears_all);
            port.state.pending.push_ready(ticket, lsn, outcome);
        }
    }
}

/// Messages of quality ≥ 1 that stored sessions want.
fn enqueue(port: &mut TurnPort<'_, '_>, captured: &[Captured<'_>], results: &mut [Fate]) {
    let wants =
        |captured: &Captured<'_>| captured.set.sessions && captured.message.quality > Quality::AtMostOnce;
    let wanted: Vec<usize> = (0..captured.len()).filter(|index| wants(&captured[*index])).collect();
    if wanted.is_empty() {
        return;
    }
    let messages: Vec<Capture<'_>> = wanted.iter().map(|index| capture_of(&captured[*index])).collect();
    let mut stored = Vec::with_capacity(messages.len());
    let lsn = port.core.durable.enqueue(port.now, &messages, &mut stored);
    for (index, result) in wanted.into_iter().zip(stored) {
        results[index].add(lsn, None, result);
    }
}

/// The streams that capture any of these, each once, in the order in which they appear.
fn streams(captured: &[Captured<'_>]) -> Vec<StreamName> {
    let mut streams: Vec<StreamName> = Vec::new();
    let mut last: Option<&Captured<'_>> = None;
    for message in captured {
        if message.is_record() || last.is_some_and(|last| std::sync::Arc::ptr_eq(&last.set, &message.set)) {
            continue;
        }
        last = Some(message);
        for target in &message.set.captures {
            if !streams.contains(&target.stream) {
                streams.push(target.stream.clone());
            }
        }
    }
    streams
}

fn captures(captured: &Captured<'_>, stream: &StreamName) -> bool {
    !captured.is_record() && captured.set.captures.iter().any(|target| target.stream == *stream)
}

fn capture_of<'m>(captured: &'m Captured<'_>) -> Capture<'m> {
    Capture { message: captured.message, conditions: captured.conditions }
}

impl Fate {
    fn add(&mut self, lsn: Lsn, acknowledges: Option<StreamName>, result: Result<Stored, Error>) {
        self.lsn = self.lsn.max(lsn);
        match (acknowledges, result) {
            (Some(stream), result) => self.acknowledged = Some((stream, result)),
            (None, Err(error)) => self.refused = self.refused.take().or(Some(error)),
            (None, Ok(_)) => {}
        }
    }

    /// The answer: of the stream that acknowledges; else whether all that wanted it stored it. A publisher that asked
    /// for quality is told of any refusal: a retry is deduplicated where it gives an id.
    fn outcome(self, hears_all: bool) -> (Lsn, Outcome) {
        let outcome = match (self.acknowledged, self.refused) {
            (Some((_, Err(error))), _) => Outcome::Failed(error),
            (Some(_), Some(error)) if hears_all => Outcome::Failed(error),
            (Some((stream, Ok(stored))), _) => Outcome::Appended(AppendReply {
                stream: Some(stream),
                first: stored.offset,
                duplicate: stored.duplicate,
                batches: Vec::new(),
            }),
            (None, Some(error)) => Outcome::Failed(error),
            (None, None) => Outcome::Appended(AppendReply::default()),
        };
        (self.lsn, outcome)
    }
}
