//! `$JS.API.STREAM.MSG.GET` and `$JS.API.STREAM.MSG.DELETE`.

use super::errors::{ApiError, BAD_REQUEST};
use super::replies::{Success, success};
use super::time::{parse_rfc3339, rfc3339};
use super::{Progress, read_json, unexpected};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use stele_model::{
    Error, Filter, Outcome, RecordSelector, Request, StoredRecord, StreamCommand, StreamName, StreamReply,
};

/// What waits for the core.
#[derive(Debug)]
pub(super) enum Step {
    Got { no_headers: bool },
    Deleted { sequence: u64 },
}

/// Which message, in MSG.GET and DIRECT.GET.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GetRequest {
    pub(super) seq: Option<u64>,
    pub(super) last_by_subj: Option<String>,
    pub(super) next_by_subj: Option<String>,
    pub(super) start_time: Option<String>,
    pub(super) no_hdr: Option<bool>,
    pub(super) batch: Option<i64>,
    pub(super) max_bytes: Option<i64>,
    pub(super) multi_last: Option<Vec<String>>,
    pub(super) up_to_seq: Option<u64>,
    pub(super) up_to_time: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DeleteRequest {
    seq: Option<u64>,
    // `no_erase` asks not to overwrite the bytes; records are never overwritten in place here.
}

impl GetRequest {
    /// The one record that is asked for; `None`: the fields contradict each other or say nothing.
    pub(super) fn selector(&self) -> Option<RecordSelector> {
        let filter = |text: &str| Filter::new(text.as_bytes()).ok();
        let sequence = self.seq.filter(|sequence| *sequence > 0);
        let last = self.last_by_subj.as_deref().filter(|subject| !subject.is_empty());
        let next = self.next_by_subj.as_deref().filter(|subject| !subject.is_empty());
        let time = self.start_time.as_deref().filter(|time| !time.is_empty());
        match (sequence, last, next, time) {
            (Some(sequence), None, None, None) => Some(RecordSelector::At(sequence - 1)),
            (None, Some(last), None, None) => Some(RecordSelector::Last(filter(last)?)),
            (sequence, None, Some(next), None) => Some(RecordSelector::Next {
                from: sequence.map_or(0, |sequence| sequence - 1),
                filter: filter(next)?,
            }),
            (None, None, next, Some(time)) => Some(RecordSelector::Since {
                time_ns: parse_rfc3339(time)?,
                filter: filter(next.unwrap_or(">"))?,
            }),
            _ => None,
        }
    }
}

/// MSG.GET.
pub(super) fn begin_get(stream: &str, payload: &[u8]) -> Result<Progress, ApiError> {
    if payload.trim_ascii().is_empty() {
        return Err(BAD_REQUEST);
    }
    let request: GetRequest = read_json(payload)?;
    if request.batch.unwrap_or(0) != 0 || request.multi_last.is_some() {
        return Err(BAD_REQUEST);
    }
    let selector = request.selector().ok_or(BAD_REQUEST)?;
    let command = StreamCommand::Get { stream: StreamName::new(stream), partition: 0, selector };
    let step = Step::Got { no_headers: request.no_hdr.unwrap_or(false) };
    Ok(Progress::Ask(Request::Stream(command), super::Step::Messages(step)))
}

/// MSG.DELETE.
pub(super) fn begin_delete(stream: &str, payload: &[u8]) -> Result<Progress, ApiError> {
    if payload.trim_ascii().is_empty() {
        return Err(BAD_REQUEST);
    }
    let request: DeleteRequest = read_json(payload)?;
    let sequence = request.seq.filter(|sequence| *sequence > 0).ok_or(BAD_REQUEST)?;
    let command =
        StreamCommand::DeleteRecord { stream: StreamName::new(stream), partition: 0, offset: sequence - 1 };
    Ok(Progress::Ask(Request::Stream(command), super::Step::Messages(Step::Deleted { sequence })))
}

impl Step {
    /// Takes the core's answer.
    pub(super) fn advance(self, outcome: Outcome) -> Progress {
        match (self, outcome) {
            (Self::Got { no_headers }, Outcome::Stream(StreamReply::Record(record))) => {
                Progress::Answer(success("stream_msg_get_response", &StoredMessage::new(&record, no_headers)))
            }
            (Self::Deleted { .. }, Outcome::Stream(StreamReply::Done)) => Progress::Answer(success(
                "stream_msg_delete_response",
                &Success { success: true, purged: None },
            )),
            (Self::Deleted { sequence }, Outcome::Failed(Error::RecordNotFound)) => {
                let text = format!("sequence {sequence} not found");
                Progress::Refuse(ApiError::with_text(400, 10043, text))
            }
            (Self::Deleted { .. }, Outcome::Failed(Error::OffsetOutOfRange)) => {
                Progress::Refuse(ApiError::new(500, 10057, "stream store EOF"))
            }
            (_, outcome) => unexpected(&outcome),
        }
    }
}

#[derive(Serialize)]
struct StoredMessage {
    message: StoredMessageBody,
}

#[derive(Serialize)]
struct StoredMessageBody {
    subject: String,
    seq: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    hdrs: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    data: String,
    time: String,
}

impl StoredMessage {
    fn new(record: &StoredRecord, no_headers: bool) -> Self {
        let mut block = Vec::new();
        if !no_headers {
            super::write_record_block(record, &[], &mut block);
        }
        Self {
            message: StoredMessageBody {
                subject: String::from_utf8_lossy(&record.subject).into_owned(),
                seq: record.offset + 1,
                hdrs: STANDARD.encode(block),
                data: STANDARD.encode(record.value.as_deref().unwrap_or_default()),
                time: rfc3339(record.append_time_ns),
            },
        }
    }
}
