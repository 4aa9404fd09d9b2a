//! `$JS.API.DIRECT.GET`: records as plain messages (ADR-31).
//!
//! One record, a batch in order, or the newest of several subjects (`multi_last`). Streams without `allow_direct` have
//! no responder there.

use super::deliver::{publish_status, publish_with_headers};
use super::messages::GetRequest;
use super::stream_spec::StreamExtras;
use super::subjects::is_ack;
use super::time::{parse_rfc3339, rfc3339};
use super::{JetStream, Progress, REQUEST_BYTES_MAX, REQUESTS_MAX, status};
use stele_model::{
    Error, Filter, Header, ManySelector, Offset, Outcome, Publish, RecordSelector, Request, StoredRecord,
    StreamCommand, StreamName, StreamReply, Turn,
};

/// Subjects that `multi_last` may match without a batch (nats-server's limit).
const MULTI_LAST_MAX: usize = 1024;
/// Bytes read at a time for a batch.
const CHUNK_BYTES: usize = 1 << 20;

/// What waits for the core.
#[derive(Debug)]
pub(super) enum Step {
    /// Does the stream answer direct gets?
    Allowed {
        subject: Box<[u8]>,
        stream: StreamName,
        wanted: Wanted,
    },
    One {
        stream: StreamName,
        no_headers: bool,
    },
    /// Where in time the batch begins or the view ends.
    Bound {
        batch: Box<Batch>,
        ends: bool,
    },
    Batch(Box<Batch>),
}

/// What the request asks for.
#[derive(Debug)]
pub(super) enum Wanted {
    One { selector: RecordSelector, no_headers: bool },
    Many(Box<Batch>),
}

/// A batch on its way.
#[derive(Debug)]
pub(super) struct Batch {
    stream: StreamName,
    /// Filters; one for a batch in order.
    filters: Vec<Filter>,
    /// The newest of each subject, and no later than this one.
    last_per_subject: bool,
    up_to: Option<Offset>,
    /// Continue here.
    from: Offset,
    /// Begin, or end, at a time.
    since_ns: Option<u64>,
    up_to_ns: Option<u64>,
    left: usize,
    bytes_left: Option<u64>,
    /// No batch size was given: more than [`MULTI_LAST_MAX`] results are refused.
    unbatched: bool,
    no_headers: bool,
    last_sequence: u64,
    sent: bool,
}

/// Takes a direct get.
pub(super) fn request<'a>(
    jetstream: &mut JetStream,
    message: &Publish<'a>,
    stream: &str,
    last_of: Option<&[u8]>,
    payload: &[u8],
    turn: &mut Turn<'a, '_>,
) {
    debug_assert!(!is_ack(message.subject));
    // Without a reply subject the answer has no way to go.
    if message.reply.is_empty() {
        return;
    }
    if payload.len() > REQUEST_BYTES_MAX || jetstream.waiting.len() >= REQUESTS_MAX {
        publish_status(message.reply, &status::block(status::BAD_DIRECT_REQUEST, &[]), turn);
        return;
    }
    let stream = StreamName::new(stream);
    let wanted = match last_of {
        Some(_) if !payload.is_empty() => Err(status::BAD_DIRECT_REQUEST),
        Some(subject) => match Filter::new(subject) {
            Ok(filter) => Ok(Wanted::One { selector: RecordSelector::Last(filter), no_headers: false }),
            Err(_) => Err(status::BAD_DIRECT_REQUEST),
        },
        None => read(&stream, payload),
    };
    match wanted {
        Ok(wanted) => {
            let command = StreamCommand::Info(stream.clone());
            let step = Step::Allowed { subject: message.subject.into(), stream, wanted };
            jetstream.ask(message.reply, "direct", Request::Stream(command), super::Step::Direct(step), turn);
        }
        Err(text) => publish_status(message.reply, &status::block(text, &[]), turn),
    }
}

/// Reads a body.
pub(super) fn read(stream: &StreamName, payload: &[u8]) -> Result<Wanted, &'static str> {
    if payload.trim_ascii().is_empty() {
        return Err(status::EMPTY_REQUEST);
    }
    let request: GetRequest = serde_json::from_slice(payload).map_err(|_| status::MALFORMED_REQUEST)?;
    let multi = request.multi_last.as_deref().unwrap_or_default();
    let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let sequence = request.seq.unwrap_or(0);
    let says_nothing = sequence == 0
        && !filled(&request.last_by_subj)
        && !filled(&request.next_by_subj)
        && !filled(&request.start_time)
        && multi.is_empty();
    if says_nothing {
        return Err(status::EMPTY_REQUEST);
    }
    let batch = usize::try_from(request.batch.unwrap_or(0)).unwrap_or(0);
    if !multi.is_empty() {
        return read_multi(stream, &request, batch);
    }
    if batch == 0 {
        let selector = request.selector().ok_or(status::BAD_DIRECT_REQUEST)?;
        return Ok(Wanted::One { selector, no_headers: request.no_hdr.unwrap_or(false) });
    }
    let both = sequence > 0 && filled(&request.start_time);
    if both || filled(&request.last_by_subj) {
        return Err(status::BAD_DIRECT_REQUEST);
    }
    let subject = request.next_by_subj.as_deref().filter(|subject| !subject.is_empty()).unwrap_or(">");
    let filter = Filter::new(subject.as_bytes()).map_err(|_| status::BAD_DIRECT_REQUEST)?;
    let mut wanted = Batch::new(stream, &request, vec![filter], batch)?;
    wanted.last_per_subject = false;
    Ok(Wanted::Many(Box::new(wanted)))
}

fn read_multi(stream: &StreamName, request: &GetRequest, batch: usize) -> Result<Wanted, &'static str> {
    let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let contradiction = filled(&request.last_by_subj)
        || filled(&request.next_by_subj)
        || request.up_to_seq.unwrap_or(0) > 0 && filled(&request.up_to_time);
    if contradiction {
        return Err(status::BAD_DIRECT_REQUEST);
    }
    let filters = request.multi_last.iter().flatten().map(|subject| Filter::new(subject.as_bytes()));
    let filters = filters.collect::<Result<Vec<_>, _>>().map_err(|_| status::BAD_DIRECT_REQUEST)?;
    let left = if batch == 0 { MULTI_LAST_MAX } else { batch };
    let mut wanted = Batch::new(stream, request, filters, left)?;
    wanted.unbatched = batch == 0;
    Ok(Wanted::Many(Box::new(wanted)))
}

impl Batch {
    fn new(
        stream: &StreamName,
        request: &GetRequest,
        filters: Vec<Filter>,
        left: usize,
    ) -> Result<Self, &'static str> {
        let time = |text: &Option<String>| match text.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => parse_rfc3339(text).map(Some).ok_or(status::MALFORMED_REQUEST),
            None => Ok(None),
        };
        Ok(Self {
            stream: stream.clone(),
            filters,
            last_per_subject: true,
            up_to: request.up_to_seq.filter(|sequence| *sequence > 0).map(|sequence| sequence - 1),
            from: request.seq.unwrap_or(0).saturating_sub(1),
            since_ns: time(&request.start_time)?,
            up_to_ns: time(&request.up_to_time)?,
            left,
            bytes_left: request
                .max_bytes
                .and_then(|bytes| u64::try_from(bytes).ok())
                .filter(|bytes| *bytes > 0),
            unbatched: false,
            no_headers: request.no_hdr.unwrap_or(false),
            last_sequence: 0,
            sent: false,
        })
    }

    /// The next question about this batch.
    fn ask(mut self: Box<Self>) -> Progress {
        let any = Filter::new(b">").expect("`>` is a filter");
        let bound = |time_ns| StreamCommand::Get {
            stream: self.stream.clone(),
            partition: 0,
            selector: RecordSelector::Since { time_ns, filter: any.clone() },
        };
        let (command, step) = if let Some(time_ns) = self.since_ns.take() {
            (bound(time_ns), Step::Bound { batch: self, ends: false })
        } else if let Some(time_ns) = self.up_to_ns.take() {
            (bound(time_ns), Step::Bound { batch: self, ends: true })
        } else {
            (self.chunk(), Step::Batch(self))
        };
        Progress::Ask(Request::Stream(command), super::Step::Direct(step))
    }

    fn chunk(&self) -> StreamCommand {
        let selector = if self.last_per_subject {
            ManySelector::LastPerSubject {
                filters: self.filters.clone(),
                up_to: self.up_to,
                after: self.from.checked_sub(1),
            }
        } else {
            let filter = self.filters.first().cloned();
            ManySelector::From { from: self.from, filter: filter.expect("a batch in order has one filter") }
        };
        StreamCommand::GetMany {
            stream: self.stream.clone(),
            partition: 0,
            selector,
            count_max: self.left,
            bytes_max: CHUNK_BYTES,
        }
    }

    /// Publishes a chunk; goes on, or says that this was the end.
    fn publish_chunk(
        mut self: Box<Self>,
        records: &[StoredRecord],
        mut remaining: u64,
        end: Offset,
        reply: &[u8],
        turn: &mut Turn<'_, '_>,
    ) -> Progress {
        if self.unbatched && !self.sent && records.len() as u64 + remaining > MULTI_LAST_MAX as u64 {
            publish_status(reply, &status::block(status::TOO_MANY_RESULTS, &[]), turn);
            return Progress::Silent;
        }
        if records.is_empty() && !self.sent {
            let text = if self.last_per_subject { status::NO_RESULTS } else { status::MESSAGE_NOT_FOUND };
            publish_status(reply, &status::block(text, &[]), turn);
            return Progress::Silent;
        }
        if self.last_per_subject {
            // Later chunks must see the stream as the first one did.
            self.up_to = self.up_to.or(end.checked_sub(1)).map(|up_to| up_to.min(end.saturating_sub(1)));
        }
        remaining += records.len() as u64;
        let mut full = false;
        for record in records {
            remaining -= 1;
            publish_record(
                &self.stream,
                record,
                self.no_headers,
                Some((remaining, self.last_sequence)),
                reply,
                turn,
            );
            self.sent = true;
            self.last_sequence = record.offset + 1;
            self.from = record.offset + 1;
            self.left = self.left.saturating_sub(1);
            let bytes = record.value.as_ref().map_or(0, |value| value.len()) + record.headers_raw.len();
            self.bytes_left = self.bytes_left.map(|left| left.saturating_sub(bytes as u64));
            full = self.left == 0 || self.bytes_left == Some(0);
            if full {
                break;
            }
        }
        if !full && remaining > 0 && !records.is_empty() {
            return self.ask();
        }
        let mut headers = vec![("Nats-Num-Pending", remaining), ("Nats-Last-Sequence", self.last_sequence)];
        if self.last_per_subject {
            headers.push(("Nats-UpTo-Sequence", self.up_to.map_or(0, |up_to| up_to + 1)));
        }
        publish_status(reply, &status::block(status::END_OF_BATCH, &headers), turn);
        Progress::Silent
    }
}

impl Step {
    /// Takes the core's answer.
    pub(super) fn advance(self, outcome: Outcome, reply: &[u8], turn: &mut Turn<'_, '_>) -> Progress {
        match (self, outcome) {
            (Self::Allowed { subject, stream, wanted }, Outcome::Stream(StreamReply::Info { info, .. })) => {
                if !StreamExtras::of(&info.spec).allow_direct {
                    publish_status(reply, &status::no_responders_block(&subject), turn);
                    return Progress::Silent;
                }
                match wanted {
                    Wanted::Many(batch) => batch.ask(),
                    Wanted::One { selector, no_headers } => {
                        let command = StreamCommand::Get { stream: stream.clone(), partition: 0, selector };
                        let step = Self::One { stream, no_headers };
                        Progress::Ask(Request::Stream(command), super::Step::Direct(step))
                    }
                }
            }
            (Self::Allowed { subject, .. }, Outcome::Failed(Error::StreamNotFound(_))) => {
                publish_status(reply, &status::no_responders_block(&subject), turn);
                Progress::Silent
            }
            (Self::One { stream, no_headers }, Outcome::Stream(StreamReply::Record(record))) => {
                publish_record(&stream, &record, no_headers, None, reply, turn);
                Progress::Silent
            }
            (Self::Bound { mut batch, ends }, Outcome::Stream(StreamReply::Record(record))) => {
                if ends {
                    let Some(up_to) = record.offset.checked_sub(1) else {
                        return refuse(&Error::RecordNotFound, reply, turn);
                    };
                    batch.up_to = Some(up_to);
                } else {
                    batch.from = record.offset;
                }
                batch.ask()
            }
            // Nothing was stored after that time: the view ends with the stream.
            (Self::Bound { batch, ends: true }, Outcome::Failed(Error::RecordNotFound)) => batch.ask(),
            (Self::Batch(batch), Outcome::Stream(StreamReply::Records { records, remaining, end })) => {
                batch.publish_chunk(&records, remaining, end, reply, turn)
            }
            (_, Outcome::Failed(error)) => refuse(&error, reply, turn),
            _ => refuse(&Error::Internal("another kind of answer was expected"), reply, turn),
        }
    }
}

fn refuse(error: &Error, reply: &[u8], turn: &mut Turn<'_, '_>) -> Progress {
    let block = match error {
        Error::RecordNotFound | Error::OffsetOutOfRange => status::block(status::MESSAGE_NOT_FOUND, &[]),
        other => {
            let text = other.to_string().replace(['\r', '\n'], " ");
            status::block(&format!("500 {text}"), &[])
        }
    };
    publish_status(reply, &block, turn);
    Progress::Silent
}

fn publish_record(
    stream: &StreamName,
    record: &StoredRecord,
    no_headers: bool,
    batch: Option<(u64, u64)>,
    reply: &[u8],
    turn: &mut Turn<'_, '_>,
) {
    let payload = record.value.as_deref().unwrap_or_default();
    if no_headers && batch.is_none() {
        publish_with_headers(reply, b"", payload, turn);
        return;
    }
    let (sequence, time) = ((record.offset + 1).to_string(), rfc3339(record.append_time_ns));
    let mut extra: Vec<Header<'_>> = vec![
        (b"Nats-Stream", Some(stream.as_str().as_bytes())),
        (b"Nats-Subject", Some(&record.subject)),
        (b"Nats-Sequence", Some(sequence.as_bytes())),
        (b"Nats-Time-Stamp", Some(time.as_bytes())),
    ];
    let (pending, last) = batch.unwrap_or_default();
    let (pending, last) = (pending.to_string(), last.to_string());
    if batch.is_some() {
        extra.push((b"Nats-Num-Pending", Some(pending.as_bytes())));
        extra.push((b"Nats-Last-Sequence", Some(last.as_bytes())));
    }
    let mut block = Vec::new();
    super::write_record_block(record, &extra, &mut block);
    publish_with_headers(reply, &block, payload, turn);
}
