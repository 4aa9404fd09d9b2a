//! Stored records on their way to a subject: consumer deliveries, status messages, API replies.

use super::headers::write_record_block;
use super::subjects::write_ack_subject;
use crate::codec::headers::headers as borrow_block;
use stele_model::{CursorName, Delivered, Publish, StreamName, Turn};

/// Publishes a delivery to `inbox`: the MSG line shows the stored subject, the reply is the acknowledgement's subject.
/// Says whether somebody received it, and its bytes as JetStream counts them for `max_bytes`.
pub(super) fn deliver<'a>(
    stream: &StreamName,
    consumer: &CursorName,
    delivered: &Delivered,
    headers_only: bool,
    inbox: &[u8],
    turn: &mut Turn<'a, '_>,
) -> (bool, u64) {
    let record = &delivered.record;
    let mut reply = Vec::with_capacity(96);
    write_ack_subject(&mut reply, stream.as_str(), consumer.as_str(), delivered);
    let mut block = Vec::new();
    let mut payload = record.value.as_deref().unwrap_or_default();
    if headers_only {
        let size = payload.len().to_string();
        write_record_block(record, &[(b"Nats-Msg-Size", Some(size.as_bytes()))], &mut block);
        payload = b"";
    } else {
        write_record_block(record, &[], &mut block);
    }
    let bytes = record.subject.len() + reply.len() + block.len() + payload.len();
    let arena = turn.arena;
    let mut message = Publish::new(arena.alloc_slice_copy(&record.subject), arena.alloc_slice_copy(payload));
    message.by_broker = true;
    message.route = Some(arena.alloc_slice_copy(inbox));
    message.reply = arena.alloc_slice_copy(&reply);
    message.headers = borrow_block(arena.alloc_slice_copy(&block));
    (turn.publish(message).received, bytes as u64)
}

/// Publishes a header block without a payload.
pub(super) fn publish_status(to: &[u8], block: &[u8], turn: &mut Turn<'_, '_>) {
    publish_with_headers(to, block, b"", turn);
}

/// Publishes a header block with a reply subject, for requests to a receiver.
pub(super) fn publish_with_reply(to: &[u8], reply: &[u8], block: &[u8], turn: &mut Turn<'_, '_>) {
    let arena = turn.arena;
    let mut message = Publish::new(arena.alloc_slice_copy(to), b"");
    message.by_broker = true;
    message.reply = arena.alloc_slice_copy(reply);
    message.headers = borrow_block(arena.alloc_slice_copy(block));
    turn.publish(message);
}

/// Publishes a payload without headers; nothing without a subject.
pub(super) fn publish_reply(to: &[u8], payload: &[u8], turn: &mut Turn<'_, '_>) {
    publish_with_headers(to, b"", payload, turn);
}

/// Publishes a header block and a payload; nothing without a subject.
pub(super) fn publish_with_headers(to: &[u8], block: &[u8], payload: &[u8], turn: &mut Turn<'_, '_>) {
    if !stele_model::is_literal_subject(to) {
        return;
    }
    let arena = turn.arena;
    let mut message = Publish::new(arena.alloc_slice_copy(to), arena.alloc_slice_copy(payload));
    message.by_broker = true;
    if !block.is_empty() {
        message.headers = borrow_block(arena.alloc_slice_copy(block));
    }
    turn.publish(message);
}
