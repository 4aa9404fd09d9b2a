//! Captured messages to the streams that store them, and the answers for their publishers.

use crate::journal::Lsn;
use crate::port::TurnPort;
use crate::scratch::Captured;
use crate::store::{Attempt, Caller, Capture, Keeper, Once, Stored};
use stele_model::{AppendReply, Claim, Error, Outcome, Quality, StreamName};

/// What became of one message in all the streams that wanted it.
#[derive(Clone, Debug, Default)]
struct Fate {
    lsn: Lsn,
    /// By the stream that acknowledges.
    acknowledged: Option<(StreamName, Stored)>,
    /// As that stream says.
    refused_first: Option<Error>,
    /// By a stream, or by the queues of stored sessions.
    refusals: Vec<(Option<StreamName>, Error)>,
}

/// Stores every message in every stream that captures it, a stream at a time, and notes the answers in turn.
pub(crate) fn store(port: &mut TurnPort<'_, '_>, captured: &[Captured<'_>]) {
    let fates = keep(port, captured, &|_, _| false);
    for (message, fate) in captured.iter().zip(fates) {
        if let Some(ticket) = message.ticket {
            let (lsn, outcome) = fate.outcome(message.hears_all);
            port.state.pending.push_ready(ticket, lsn, outcome);
        }
    }
}

/// Stores what counts once, where it is not stored yet; nothing where nobody wants it.
pub(crate) fn store_once(
    port: &TurnPort<'_, '_>,
    caller: &Caller,
    claim: &Claim<'_>,
    captured: &[Captured<'_>],
) -> Once {
    let names = captured.iter().enumerate().flat_map(|(number, captured)| keepers(number, captured));
    let room = names.map(|keeper| keeper.bytes() as u64).sum();
    port.core.durable.once(port.now, caller, claim, room, &mut |before| {
        let has = |number, stream: Option<&StreamName>| {
            before
                .iter()
                .any(|keeper| (usize::from(keeper.message), keeper.stream.as_ref()) == (number, stream))
        };
        let mut attempt = Attempt::default();
        for (number, fate) in keep(port, captured, &has).into_iter().enumerate() {
            attempt.lsn = attempt.lsn.max(fate.lsn);
            let wanted = keepers(number, &captured[number]);
            let refuses = |keeper: &Keeper| fate.refusals.iter().any(|(stream, _)| *stream == keeper.stream);
            let keeps = |keeper: &Keeper| !has(number, keeper.stream.as_ref()) && !refuses(keeper);
            attempt.kept.extend(wanted.into_iter().filter(keeps));
            attempt.refused = attempt.refused.or(fate.refusals.into_iter().next().map(|(_, error)| error));
        }
        attempt
    })
}

/// Who wants a message.
fn keepers(number: usize, captured: &Captured<'_>) -> Vec<Keeper> {
    let keeper = |stream| Keeper { message: number as u8, stream };
    let streams = captured.set.captures.iter().filter(|_| !captured.is_record());
    let streams = streams.map(|target| keeper(Some(target.stream.clone())));
    streams.chain(wanted_by_sessions(captured).then(|| keeper(None))).collect()
}

/// Stores messages in all streams and queues that want them and do not have them; one fate per message.
fn keep(
    port: &TurnPort<'_, '_>,
    captured: &[Captured<'_>],
    has: &dyn Fn(usize, Option<&StreamName>) -> bool,
) -> Vec<Fate> {
    let mut fates = vec![Fate::default(); captured.len()];
    let mut stored = Vec::with_capacity(captured.len());
    for stream in streams(captured) {
        let wants = |index: &usize| captures(&captured[*index], &stream) && !has(*index, Some(&stream));
        let wanted: Vec<usize> = (0..captured.len()).filter(wants).collect();
        if wanted.is_empty() {
            continue;
        }
        let messages: Vec<Capture<'_>> = wanted.iter().map(|index| capture_of(&captured[*index])).collect();
        stored.clear();
        let lsn = port.core.durable.capture(port.now, &stream, &messages, &mut stored);
        for (index, result) in wanted.into_iter().zip(stored.drain(..)) {
            let acknowledges =
                captured[index].set.captures.first().is_some_and(|t| t.acknowledges && t.stream == stream);
            fates[index].add(lsn, Some(&stream), acknowledges, result);
        }
    }
    let wants = |index: &usize| wanted_by_sessions(&captured[*index]) && !has(*index, None);
    let wanted: Vec<usize> = (0..captured.len()).filter(wants).collect();
    if !wanted.is_empty() {
        let messages: Vec<Capture<'_>> = wanted.iter().map(|index| capture_of(&captured[*index])).collect();
        stored.clear();
        let lsn = port.core.durable.enqueue(port.now, &messages, &mut stored);
        for (index, result) in wanted.into_iter().zip(stored) {
            fates[index].add(lsn, None, false, result);
        }
    }
    fates
}

/// Messages of quality ≥ 1 that stored sessions want.
fn wanted_by_sessions(captured: &Captured<'_>) -> bool {
    captured.set.sessions && captured.message.quality > Quality::AtMostOnce
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
    fn add(
        &mut self,
        lsn: Lsn,
        stream: Option<&StreamName>,
        acknowledges: bool,
        result: Result<Stored, Error>,
    ) {
        self.lsn = self.lsn.max(lsn);
        match result {
            Ok(stored) if acknowledges => self.acknowledged = stream.map(|stream| (stream.clone(), stored)),
            Ok(_) => {}
            Err(error) => {
                if acknowledges {
                    self.refused_first = Some(error.clone());
                }
                self.refusals.push((stream.cloned(), error));
            }
        }
    }

    /// The answer: of the stream that acknowledges; else whether all that wanted it stored it. A publisher that asked
    /// for quality is told of any refusal: a retry is deduplicated where it gives an id.
    fn outcome(self, hears_all: bool) -> (Lsn, Outcome) {
        let refused = self.refusals.into_iter().next().map(|(_, error)| error);
        let outcome = match (self.refused_first, self.acknowledged, refused) {
            (Some(error), ..) => Outcome::Failed(error),
            (None, Some(_), Some(error)) if hears_all => Outcome::Failed(error),
            (None, Some((stream, stored)), _) => Outcome::Appended(AppendReply {
                stream: Some(stream),
                first: stored.offset,
                duplicate: stored.duplicate,
                batches: Vec::new(),
            }),
            (None, None, Some(error)) => Outcome::Failed(error),
            (None, None, None) => Outcome::Appended(AppendReply::default()),
        };
        (self.lsn, outcome)
    }
}
