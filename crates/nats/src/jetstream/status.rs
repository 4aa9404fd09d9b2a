//! Status messages: a header block without a payload. Clients compare these texts.

use std::io::Write as _;

/// 404 for pulls that do not wait.
pub(super) const NO_MESSAGES: &str = "404 No Messages";
/// 404 of direct get.
pub(super) const MESSAGE_NOT_FOUND: &str = "404 Message Not Found";
/// 404 of direct get for several subjects.
pub(super) const NO_RESULTS: &str = "404 No Results";
/// 408: the wait is over.
pub(super) const REQUEST_TIMEOUT: &str = "408 Request Timeout";
/// 408 of direct get.
pub(super) const EMPTY_REQUEST: &str = "408 Empty Request";
/// 408 of direct get.
pub(super) const MALFORMED_REQUEST: &str = "408 Malformed Request";
/// 408 of direct get.
pub(super) const BAD_DIRECT_REQUEST: &str = "408 Bad Request";
/// 413 of direct get.
pub(super) const TOO_MANY_RESULTS: &str = "413 Too Many Results";
/// 409: the bytes of a pull were used up exactly with its batch.
pub(super) const BATCH_COMPLETED: &str = "409 Batch Completed";
/// 409: the next message does not fit.
pub(super) const TOO_LARGE: &str = "409 Message Size Exceeds MaxBytes";
/// 409: gone.
pub(super) const CONSUMER_DELETED: &str = "409 Consumer Deleted";
/// 409: the broker stops.
pub(super) const SERVER_SHUTDOWN: &str = "409 Server Shutdown";
/// 409: too many pulls wait.
pub(super) const MAX_WAITING: &str = "409 Exceeded MaxWaiting";
/// 409: the consumer delivers by itself.
pub(super) const PUSH_BASED: &str = "409 Consumer is push based";
/// 100: still there.
pub(super) const IDLE_HEARTBEAT: &str = "100 Idle Heartbeat";
/// 100: answer when all before was received.
pub(super) const FLOW_CONTROL: &str = "100 FlowControl Request";
/// 204: the end of a batch of direct gets.
pub(super) const END_OF_BATCH: &str = "204 EOB";

/// The header block of a status with numeric headers.
pub(super) fn block(status: &str, headers: &[(&str, u64)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    // Writing into a vector cannot fail.
    let _ = write!(out, "NATS/1.0 {status}\r\n");
    for (name, value) in headers {
        let _ = write!(out, "{name}: {value}\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// The block of a status with what is left of a pull.
pub(super) fn pending_block(status: &str, batch_left: u64, bytes_left: u64) -> Vec<u8> {
    block(status, &[("Nats-Pending-Messages", batch_left), ("Nats-Pending-Bytes", bytes_left)])
}

/// The block of a heartbeat.
pub(super) fn heartbeat_block(last_delivery: u64, last_sequence: u64) -> Vec<u8> {
    block(IDLE_HEARTBEAT, &[("Nats-Last-Consumer", last_delivery), ("Nats-Last-Stream", last_sequence)])
}

/// The no-responders block, which names the subject that nobody answers.
pub(super) fn no_responders_block(subject: &[u8]) -> Vec<u8> {
    [b"NATS/1.0 503\r\nNats-Subject: ", subject, b"\r\n\r\n"].concat()
}
