//! One Kafka connection.
//!
//! ```text
//!  frame ─→ dispatch ─→ respond                        what needs no core
//!              │  └──→ ask ─→ outcomes ─→ respond      one such request at a time; what follows it waits in `backlog`
//!              └────→ append ─→ outcome ─→ respond     any number of produce requests in a row
//! ```
//!
//! Kafka handles one request of a connection at a time. So do we, but for produce requests that follow one another:
//! they are appended as they come and answered in turn, so that many of them share a commit. Responses leave in the
//! order of their requests in any case.

mod call;
mod cluster;
mod config;
mod configs;
mod coordinator;
mod create_topics;
mod delete_topics;
mod errors;
mod fetch;
mod groups;
mod limits;
mod list_offsets;
mod metadata;
mod partitions;
mod produce;
mod records;
#[cfg(test)]
mod tests;
mod topics;
mod versions;

use crate::KafkaSettings;
use crate::codec::messages::ApiVersionsResponse;
use crate::codec::{
    self, ApiKey, ErrorCode, FRAME_PREFIX_BYTES, Request, RequestError, RequestHeader, Split,
};
use call::{Call, Ends, Waiting};
use produce::Produced;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use stele_model::{Close, Now, Outcome, Session, Ticket, Turn};
use topics::Topics;

/// What is said of leader epochs: nothing. A record that a client has seen is never taken back, so there is no
/// truncation that an epoch could tell of, and without epochs no client asks (KIP-320).
const LEADER_EPOCH: i32 = -1;

/// What all Kafka connections of a broker share.
#[derive(Debug)]
pub struct KafkaService {
    settings: KafkaSettings,
    topics: Topics,
}

impl KafkaService {
    /// One per broker.
    pub fn new(settings: KafkaSettings) -> Self {
        Self { settings, topics: Topics::default() }
    }
}

/// One connection's protocol state; see the module's head.
pub struct KafkaSession {
    service: Arc<KafkaService>,
    ends: Ends,
    /// Bytes that the next `receive` needs at least.
    wants: usize,
    /// What an idle connection does not have.
    busy: Option<Box<Busy>>,
}

/// Requests on their way.
#[derive(Default)]
struct Busy {
    /// Produce requests whose answer is awaited, in order.
    produced: VecDeque<Produced>,
    /// Record bytes of `produced`.
    bytes: usize,
    /// The one other request, and whose it is.
    waiting: Option<(RequestHeader<'static>, Waiting)>,
    /// Whole frames that came behind it.
    backlog: Vec<u8>,
}

impl Busy {
    fn is_idle(&self) -> bool {
        self.produced.is_empty() && self.waiting.is_none() && self.backlog.is_empty()
    }
}

impl KafkaSession {
    /// A session for a fresh connection from `peer`, which reached us at `local`.
    pub fn new(service: Arc<KafkaService>, peer: IpAddr, local: SocketAddr) -> Self {
        Self { service, ends: Ends { peer, local }, wants: 0, busy: None }
    }

    /// Handles whole frames from the front of `input`; returns the bytes used. Stops where a frame must wait for
    /// the answer to an earlier one.
    fn handle_frames(
        &mut self,
        now: Now,
        input: &[u8],
        turn: &mut Turn<'_, '_>,
    ) -> Result<(usize, Stop), Close> {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            match codec::split(rest, self.bytes_max(rest)).map_err(|_| FRAME_TOO_LARGE)? {
                Split::Incomplete { needed } => return Ok((used, Stop::Needs(needed))),
                Split::Whole { frame, consumed } => {
                    if !self.handle(now, frame, turn)? {
                        return Ok((used, Stop::Busy));
                    }
                    used += consumed;
                }
            }
        }
    }

    /// The largest frame that may stand here; its API decides, once it can be read.
    fn bytes_max(&self, input: &[u8]) -> usize {
        let settings = &self.service.settings;
        let produce = match input.get(FRAME_PREFIX_BYTES..FRAME_PREFIX_BYTES + 2) {
            Some(key) => key == ApiKey::Produce.code().to_be_bytes(),
            None => true,
        };
        if produce { settings.produce_bytes_max } else { settings.request_bytes_max }
    }

    /// Handles one frame; false: it must wait.
    fn handle(&mut self, now: Now, frame: &[u8], turn: &mut Turn<'_, '_>) -> Result<bool, Close> {
        let produce = frame.starts_with(&ApiKey::Produce.code().to_be_bytes());
        if let Some(busy) = &self.busy
            && (busy.waiting.is_some() || (!produce && !busy.produced.is_empty()))
        {
            return Ok(false);
        }
        let (header, request) = match codec::decode_request(frame) {
            Ok(decoded) => decoded,
            Err(error) => return refuse(&error, turn).map(|()| true),
        };
        if limits::items(&request) > self.service.settings.items_max {
            return Err(Close::Protocol("a request names too many things"));
        }
        let request = match request {
            Request::Produce(request) => {
                return self.on_produce(now, header.detached(), &request, turn);
            }
            request => request,
        };
        let client = header.client_id.unwrap_or_default();
        let mut call = Call::new(now, &self.service, self.ends, header.detached(), turn);
        dispatch(&mut call, client, request)?;
        if let Some(waiting) = call.waiting.take() {
            self.busy.get_or_insert_default().waiting = Some((header.detached(), waiting));
        }
        Ok(true)
    }

    /// The one request that is no pipelined produce goes on.
    fn go_on(&mut self, now: Now, outcome: Outcome, turn: &mut Turn<'_, '_>) {
        let Some(busy) = &mut self.busy else { return };
        let Some((header, mut waiting)) = busy.waiting.take() else { return };
        waiting.outcomes.push(outcome);
        waiting.left -= 1;
        if waiting.left > 0 {
            busy.waiting = Some((header, waiting));
            return;
        }
        let mut call = Call::new(now, &self.service, self.ends, header, turn);
        (waiting.then)(waiting.outcomes, &mut call);
        busy.waiting = call.waiting.take().map(|waiting| (header, waiting));
    }

    /// Handles frames that waited.
    fn catch_up(&mut self, now: Now, turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        let Some(busy) = &mut self.busy else { return Ok(()) };
        if !busy.backlog.is_empty() && busy.waiting.is_none() {
            let mut backlog = std::mem::take(&mut busy.backlog);
            let (used, _) = self.handle_frames(now, &backlog, turn)?;
            backlog.drain(..used);
            if !backlog.is_empty() {
                self.busy.get_or_insert_default().backlog = backlog;
            }
        }
        if self.busy.as_ref().is_some_and(|busy| busy.is_idle()) {
            self.busy = None;
        }
        Ok(())
    }
}

/// Why handling frames stopped.
enum Stop {
    /// The next frame needs this many bytes in all.
    Needs(usize),
    /// The next frame waits for an answer.
    Busy,
}

const FRAME_TOO_LARGE: Close = Close::Protocol("a frame's length is negative or too large");

impl Session for KafkaSession {
    fn receive<'a>(&mut self, now: Now, input: &'a [u8], turn: &mut Turn<'a, '_>) -> Result<usize, Close> {
        self.wants = 0;
        // What waits stays in front; the host reads nothing while something does, but for what it had read.
        if let Some(busy) = &self.busy
            && !busy.backlog.is_empty()
        {
            return self.put_off(input, 0);
        }
        let (used, stop) = self.handle_frames(now, input, turn)?;
        match stop {
            Stop::Busy => self.put_off(input, used),
            Stop::Needs(needed) => {
                self.wants = needed;
                Ok(used)
            }
        }
    }

    fn wants(&self) -> usize {
        self.wants
    }

    fn complete(
        &mut self,
        now: Now,
        ticket: Ticket,
        outcome: Outcome,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Close> {
        if self.busy.as_ref().is_some_and(|busy| busy.waiting.is_some()) {
            self.go_on(now, outcome, turn);
        } else {
            self.on_appended(ticket, outcome, turn)?;
        }
        self.catch_up(now, turn)
    }

    fn wake(&mut self, _now: Now, _turn: &mut Turn<'_, '_>) -> Result<(), Close> {
        Ok(())
    }

    fn deadline(&self) -> Option<u64> {
        None
    }

    fn ready(&self) -> bool {
        let settings = &self.service.settings;
        self.busy.as_ref().is_none_or(|busy| {
            busy.backlog.is_empty()
                && busy.bytes < settings.in_flight_bytes_max
                && busy.produced.len() < settings.in_flight_max
        })
    }

    /// Members of groups stay until their session timeout, as in Kafka; everything else of a connection is the core's
    /// to drop.
    fn close(&mut self, _now: Now, _why: &Close, _turn: &mut Turn<'_, '_>) {
        self.busy = None;
    }
}

impl KafkaSession {
    /// Keeps the whole frames of `input` from `used` on for later. The host calls again only when more bytes come, so
    /// none of them may stay with it.
    fn put_off(&mut self, input: &[u8], mut used: usize) -> Result<usize, Close> {
        let start = used;
        loop {
            let rest = &input[used..];
            match codec::split(rest, self.bytes_max(rest)).map_err(|_| FRAME_TOO_LARGE)? {
                Split::Whole { consumed, .. } => used += consumed,
                Split::Incomplete { needed } => {
                    self.wants = needed;
                    break;
                }
            }
        }
        self.busy.get_or_insert_default().backlog.extend_from_slice(&input[start..used]);
        Ok(used)
    }
}

/// A frame that is no request. Only an unknown version of ApiVersions has an answer; Kafka closes for all else.
fn refuse(error: &RequestError, turn: &mut Turn<'_, '_>) -> Result<(), Close> {
    match error {
        RequestError::UnsupportedVersion(header) if header.api == ApiKey::ApiVersions => {
            let answer = ApiVersionsResponse::unsupported_version(versions::ADVERTISED);
            header.at_version(0).respond(&answer, turn.send());
            Ok(())
        }
        RequestError::UnsupportedVersion(_) => {
            Err(Close::Protocol("the version of a request is not offered"))
        }
        RequestError::UnknownApi { .. } => Err(Close::Protocol("an API is not offered")),
        RequestError::Malformed(_) => Err(Close::Protocol("a request cannot be read")),
    }
}

fn dispatch(call: &mut Call<'_, '_, '_>, client: &str, request: Request<'_>) -> Result<(), Close> {
    match request {
        Request::ApiVersions(request) => versions::handle(call, &request),
        Request::Metadata(request) => metadata::handle(call, &request),
        Request::Fetch(request) => fetch::handle(call, &request),
        Request::ListOffsets(request) => list_offsets::handle(call, &request),
        Request::FindCoordinator(request) => coordinator::find(call, &request),
        Request::InitProducerId(request) => coordinator::init_producer_id(call, &request),
        Request::CreateTopics(request) => create_topics::handle(call, &request),
        Request::DeleteTopics(request) => delete_topics::handle(call, &request),
        Request::DescribeCluster(request) => cluster::describe(call, &request),
        Request::DescribeConfigs(request) => configs::describe(call, &request),
        Request::CreatePartitions(request) => partitions::create(call, &request),
        Request::ListPartitionReassignments(_) => partitions::list_reassignments(call),
        Request::DeleteRecords(request) => records::delete(call, &request),
        Request::JoinGroup(request) => groups::join(call, client, &request),
        Request::SyncGroup(request) => groups::sync(call, &request),
        Request::Heartbeat(request) => groups::heartbeat(call, &request),
        Request::LeaveGroup(request) => groups::leave(call, &request),
        Request::OffsetCommit(request) => groups::commit(call, &request),
        Request::OffsetFetch(request) => groups::fetch(call, &request),
        Request::DescribeGroups(request) => groups::describe(call, &request),
        Request::ListGroups(request) => groups::list(call, &request),
        Request::DeleteGroups(request) => groups::delete(call, &request),
        // Decoded, but not offered.
        Request::OffsetForLeaderEpoch(_) => return Err(Close::Protocol("an API is not offered")),
        // Handled before: it does not wait for its turn as the others do.
        Request::Produce(_) => return Err(Close::Protocol("a produce request came out of its place")),
    }
    Ok(())
}

/// Text for an error where the wire has room for it.
fn message(code: ErrorCode, error: &stele_model::Error) -> Option<std::borrow::Cow<'static, str>> {
    (!code.is_none()).then(|| error.to_string().into())
}
