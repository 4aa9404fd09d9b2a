//! A client's side of Kafka: requests in flight, answered in their order.

use std::collections::VecDeque;
use stele_kafka::codec::{self, RequestBody, Split};

/// One connection; `T` says what a request was for.
#[derive(Debug)]
pub(super) struct Link<T> {
    name: String,
    buffer: Vec<u8>,
    correlation: i32,
    pending: VecDeque<(i32, T, u64)>,
}

impl<T> Link<T> {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), buffer: Vec::new(), correlation: 0, pending: VecDeque::new() }
    }

    /// Forgets the connection.
    pub(super) fn reset(&mut self) {
        self.buffer.clear();
        self.pending.clear();
    }

    /// Sends a request.
    pub(super) fn ask<'b, B: RequestBody<'b>>(
        &mut self,
        out: &mut Vec<u8>,
        now_ns: u64,
        tag: T,
        version: i16,
        body: &B,
    ) {
        self.correlation = self.correlation.wrapping_add(1);
        codec::encode_request(version, self.correlation, Some(&self.name), body, out);
        self.pending.push_back((self.correlation, tag, now_ns));
    }

    /// Bytes came.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole answer: what it answers, and its frame. An error is the broker's.
    pub(super) fn next(&mut self) -> Result<Option<(T, Vec<u8>)>, String> {
        let split = codec::split(&self.buffer, codec::FRAME_BYTES_MAX).map_err(|error| error.to_string())?;
        let Split::Whole { frame, consumed } = split else { return Ok(None) };
        let frame = frame.to_vec();
        self.buffer.drain(..consumed);
        let correlation = frame.first_chunk::<4>().map(|bytes| i32::from_be_bytes(*bytes));
        match self.pending.pop_front() {
            Some((asked, tag, _)) if Some(asked) == correlation => Ok(Some((tag, frame))),
            _ => Err(format!("an answer to question {correlation:?} came out of turn")),
        }
    }

    /// Requests that wait for their answer.
    pub(super) fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Since when the oldest of them waits.
    pub(super) fn waits_since(&self) -> Option<u64> {
        self.pending.front().map(|(.., since)| *since)
    }
}
