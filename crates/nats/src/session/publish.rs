//! PUB and HPUB, and the acknowledgements that streams give for them.

use super::NatsSession;
use crate::codec::encode;
use crate::codec::headers;
use crate::codec::parse::{PublishLine, is_publishable};
use crate::jetstream::{self, JetStream};
use stele_model::{Close, Conditions, Now, Outcome, Publish, Turn};

impl NatsSession {
    /// `checked` is the last subject of this read that was found good.
    #[inline]
    pub(super) fn on_publish<'a>(
        &mut self,
        now: Now,
        line: &PublishLine<'a>,
        checked: &mut &'a [u8],
        turn: &mut Turn<'a, '_>,
    ) -> Result<(), Close> {
        self.keep_alive.heard(now);
        if line.with_headers && !self.options.headers() {
            return Err(Close::Protocol("HPUB of a client without headers"));
        }
        if may_be_reserved(line) && refuses_reserved(line, turn) {
            return Ok(());
        }
        // JETSTREAM: its requests do not go through the router, and may name a filter with wildcards in the subject.
        let claimed = line.subject[0] == b'$' && JetStream::claims(line.subject);
        if !claimed && line.subject != *checked {
            if !is_publishable(line.subject) {
                self.on_unpublishable(line, turn);
                return Ok(());
            }
            *checked = line.subject;
        }
        self.acknowledge(turn);
        let mut publish = Publish {
            reply: line.reply,
            ack: !line.reply.is_empty(),
            no_echo: !self.options.echo(),
            ..Publish::new(line.subject, line.payload)
        };
        if !line.headers.is_empty() {
            read_headers(line, &mut publish, turn);
        }
        if claimed {
            turn.count_published(line.payload.len());
            self.rare().jetstream.request(now, &publish, turn);
            return Ok(());
        }
        let published = turn.publish(publish);
        if !line.reply.is_empty() {
            if let Some(ticket) = published.ticket {
                self.rare().expect_ack(ticket, line.reply);
            } else if !published.received {
                self.send_no_responders(line.subject, line.reply, turn);
            }
        }
        Ok(())
    }

    /// A subject with empty or wildcard tokens reaches nobody.
    #[cold]
    fn on_unpublishable(&mut self, line: &PublishLine<'_>, turn: &mut Turn<'_, '_>) {
        if self.options.pedantic() {
            encode::error("Invalid Publish Subject", turn.send());
        }
        self.acknowledge(turn);
        if !line.reply.is_empty() {
            self.send_no_responders(line.subject, line.reply, turn);
        }
    }
}

/// Publishes the acknowledgement of a stream to the publisher's reply subject.
pub(super) fn answer(reply: &[u8], outcome: &Outcome, domain: Option<&str>, turn: &mut Turn<'_, '_>) {
    // Only a stream that acknowledges answers; what others stored is nobody's business (semantics 17).
    if matches!(outcome, Outcome::Appended(appended) if appended.stream.is_none()) || !is_publishable(reply) {
        return;
    }
    let mut json = Vec::new();
    // JETSTREAM: the words of the answer.
    jetstream::publish_ack(outcome, domain, &mut json);
    if json.is_empty() {
        return;
    }
    let (reply, json) = (turn.arena.alloc_slice_copy(reply), turn.arena.alloc_slice_copy(&json));
    turn.publish(Publish { by_broker: true, ..Publish::new(reply, json) });
}

fn read_headers<'a>(line: &PublishLine<'a>, publish: &mut Publish<'a>, turn: &Turn<'a, '_>) {
    publish.headers = headers::headers(line.headers);
    if line.payload.is_empty() && means_null(line) {
        publish.payload = None;
    }
    // JETSTREAM: what the headers ask of a stream. What it cannot read, the stream refuses; others still get it.
    publish.conditions = match JetStream::conditions(line.headers, turn.arena) {
        Ok(conditions) => conditions,
        Err(fault) => {
            let refused = Some(&*turn.arena.alloc(fault.0));
            Some(turn.arena.alloc(Conditions { refused, ..Conditions::default() }))
        }
    };
}

/// Does an empty payload stand for a null one: a deletion in a bucket, or a null of Kafka that returns (semantics 34)?
fn means_null(line: &PublishLine<'_>) -> bool {
    let deletion = || matches!(headers::get(line.headers, b"KV-Operation"), Some(b"DEL" | b"PURGE"));
    line.subject.starts_with(b"$KV.") && deletion() || headers::get(line.headers, headers::NULL).is_some()
}

#[inline]
fn may_be_reserved(line: &PublishLine<'_>) -> bool {
    matches!(line.reply.first(), Some(b'_' | b'$')) || line.subject[0] == b'_'
}

/// Subjects that nats-server keeps for itself; the client is told and stays.
#[cold]
fn refuses_reserved(line: &PublishLine<'_>, turn: &mut Turn<'_, '_>) -> bool {
    let reserved_replies: [&[u8]; 3] = [b"_R_.", b"_GR_.", b"$JS.ACK."];
    let (what, subject) = if line.subject.starts_with(b"_GR_.") {
        ("to", line.subject)
    } else if reserved_replies.iter().any(|prefix| line.reply.starts_with(prefix)) {
        ("with Reply of", line.reply)
    } else {
        return false;
    };
    let text = format!("Permissions Violation for Publish {what} \"{}\"", String::from_utf8_lossy(subject));
    encode::error(&text, turn.send());
    true
}
