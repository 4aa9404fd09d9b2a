//! The subjects of the JetStream API and of acknowledgements.
//!
//! A subject outside of this table is not answered at all, as by nats-server.

use stele_model::Offset;

const API: &[u8] = b"$JS.API.";
const ACK: &[u8] = b"$JS.ACK.";

/// What is asked for, from the subject after `$JS.API.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call<'a> {
    /// `INFO`
    AccountInfo,
    /// `STREAM.CREATE.<s>`
    StreamCreate(&'a str),
    /// `STREAM.UPDATE.<s>`
    StreamUpdate(&'a str),
    /// `STREAM.INFO.<s>`
    StreamInfo(&'a str),
    /// `STREAM.NAMES`
    StreamNames,
    /// `STREAM.LIST`
    StreamList,
    /// `STREAM.DELETE.<s>`
    StreamDelete(&'a str),
    /// `STREAM.PURGE.<s>`
    StreamPurge(&'a str),
    /// `STREAM.MSG.GET.<s>`
    MessageGet(&'a str),
    /// `STREAM.MSG.DELETE.<s>`
    MessageDelete(&'a str),
    /// `DIRECT.GET.<s>[.<subject>]`
    DirectGet {
        /// The stream.
        stream: &'a str,
        /// The newest message of this subject is wanted.
        last_of: Option<&'a [u8]>,
    },
    /// `CONSUMER.CREATE.<s>[.<c>[.<filter>]]` and `CONSUMER.DURABLE.CREATE.<s>.<c>`
    ConsumerCreate {
        /// The stream.
        stream: &'a str,
        /// The consumer, where the subject names it.
        name: Option<&'a str>,
        /// The filter, where the subject names it; permissions can then tell consumers apart.
        filter: Option<&'a str>,
        /// The old form for durables.
        durable: bool,
    },
    /// `CONSUMER.INFO.<s>.<c>`
    ConsumerInfo(&'a str, &'a str),
    /// `CONSUMER.DELETE.<s>.<c>`
    ConsumerDelete(&'a str, &'a str),
    /// `CONSUMER.NAMES.<s>`
    ConsumerNames(&'a str),
    /// `CONSUMER.LIST.<s>`
    ConsumerList(&'a str),
    /// `CONSUMER.MSG.NEXT.<s>.<c>`
    ConsumerNext(&'a str, &'a str),
    /// `CONSUMER.PAUSE.<s>.<c>`
    ConsumerPause(&'a str, &'a str),
    /// An operation that exists in clusters only, with the name of its reply's type.
    ClusterOnly(&'static str),
    /// Backup and restore, which this server does not have; with the name of the reply's type.
    NotOffered(&'static str),
}

/// Is this subject an API request or an acknowledgement?
///
/// The API of any domain is claimed; requests to another domain than ours find nobody there.
pub(super) fn is_claimed(subject: &[u8]) -> bool {
    let Some(rest) = subject.strip_prefix(b"$JS.") else { return false };
    rest.starts_with(b"ACK.") || rest.starts_with(b"API.") || {
        let domain_ends = rest.iter().position(|byte| *byte == b'.').unwrap_or(rest.len());
        !rest.starts_with(b"FC.") && !rest.starts_with(b"EVENT.") && rest[domain_ends..].starts_with(b".API.")
    }
}

/// Does this server answer on this API subject?
pub(super) fn is_our_api(subject: &[u8], domain: Option<&str>) -> bool {
    after_prefix(subject, domain).is_some()
}

/// Is this subject an acknowledgement?
pub(super) fn is_ack(subject: &[u8]) -> bool {
    subject.starts_with(ACK)
}

/// The part after `$JS.API.` or `$JS.<domain>.API.`.
fn after_prefix<'a>(subject: &'a [u8], domain: Option<&str>) -> Option<&'a [u8]> {
    subject.strip_prefix(API).or_else(|| {
        let rest = subject.strip_prefix(b"$JS.")?.strip_prefix(domain?.as_bytes())?;
        rest.strip_prefix(b".API.")
    })
}

/// Reads an API subject. `None`: nobody answers there.
pub(super) fn parse_call<'a>(subject: &'a [u8], domain: Option<&str>) -> Option<Call<'a>> {
    let text = std::str::from_utf8(after_prefix(subject, domain)?).ok()?;
    let (noun, rest) = text.split_once('.').unwrap_or((text, ""));
    match (noun, rest) {
        ("INFO", "") if text == "INFO" => Some(Call::AccountInfo),
        ("STREAM", rest) => parse_stream_call(rest),
        ("CONSUMER", rest) => parse_consumer_call(rest),
        ("DIRECT", rest) => {
            let rest = rest.strip_prefix("GET.")?;
            let (stream, last_of) = match rest.split_once('.') {
                Some((stream, subject)) => (stream, Some(subject.as_bytes())),
                None => (rest, None),
            };
            one(stream).map(|stream| Call::DirectGet { stream, last_of })
        }
        _ => None,
    }
}

fn parse_stream_call(rest: &str) -> Option<Call<'_>> {
    let (verb, name) = rest.split_once('.').unwrap_or((rest, ""));
    match verb {
        "NAMES" if name.is_empty() => Some(Call::StreamNames),
        "LIST" if name.is_empty() => Some(Call::StreamList),
        "CREATE" => one(name).map(Call::StreamCreate),
        "UPDATE" => one(name).map(Call::StreamUpdate),
        "INFO" => one(name).map(Call::StreamInfo),
        "DELETE" => one(name).map(Call::StreamDelete),
        "PURGE" => one(name).map(Call::StreamPurge),
        "SNAPSHOT" => one(name).map(|_| Call::NotOffered("stream_snapshot_response")),
        "RESTORE" => one(name).map(|_| Call::NotOffered("stream_restore_response")),
        "MSG" => match name.split_once('.')? {
            ("GET", name) => one(name).map(Call::MessageGet),
            ("DELETE", name) => one(name).map(Call::MessageDelete),
            _ => None,
        },
        "LEADER" => {
            one(name.strip_prefix("STEPDOWN.")?).map(|_| Call::ClusterOnly("stream_leader_stepdown_response"))
        }
        "PEER" => {
            one(name.strip_prefix("REMOVE.")?).map(|_| Call::ClusterOnly("stream_remove_peer_response"))
        }
        _ => None,
    }
}

fn parse_consumer_call(rest: &str) -> Option<Call<'_>> {
    let (verb, names) = rest.split_once('.')?;
    match verb {
        "CREATE" => {
            let mut parts = names.splitn(3, '.');
            let stream = parts.next().and_then(one)?;
            let name = parts.next().map(one);
            if name == Some(None) {
                return None;
            }
            Some(Call::ConsumerCreate { stream, name: name.flatten(), filter: parts.next(), durable: false })
        }
        "DURABLE" => {
            let (stream, name) = two(names.strip_prefix("CREATE.")?)?;
            Some(Call::ConsumerCreate { stream, name: Some(name), filter: None, durable: true })
        }
        "NAMES" => one(names).map(Call::ConsumerNames),
        "LIST" => one(names).map(Call::ConsumerList),
        "INFO" => two(names).map(|(stream, name)| Call::ConsumerInfo(stream, name)),
        "DELETE" => two(names).map(|(stream, name)| Call::ConsumerDelete(stream, name)),
        "PAUSE" => two(names).map(|(stream, name)| Call::ConsumerPause(stream, name)),
        "MSG" => two(names.strip_prefix("NEXT.")?).map(|(stream, name)| Call::ConsumerNext(stream, name)),
        "LEADER" => two(names.strip_prefix("STEPDOWN.")?)
            .map(|_| Call::ClusterOnly("consumer_leader_stepdown_response")),
        _ => None,
    }
}

/// Exactly one token.
fn one(text: &str) -> Option<&str> {
    (!text.is_empty() && !text.contains('.')).then_some(text)
}

/// Exactly two tokens.
fn two(text: &str) -> Option<(&str, &str)> {
    let (first, second) = text.split_once('.')?;
    Some((one(first)?, one(second)?))
}

/// What the reply subject of a delivery says, read back from an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AckSubject<'a> {
    /// The stream.
    pub(super) stream: &'a str,
    /// The consumer.
    pub(super) consumer: &'a str,
    /// How often the record was delivered.
    pub(super) count: u64,
    /// The record.
    pub(super) offset: Offset,
    /// The number of the delivery within the consumer.
    pub(super) delivery: u64,
}

impl<'a> AckSubject<'a> {
    /// Reads `$JS.ACK.<stream>.<consumer>.<count>.<sequence>.<delivery>.<time>.<pending>`, or the longer form with
    /// domain and account in front of the stream, which some servers send and clients echo.
    pub(super) fn parse(subject: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(subject.strip_prefix(ACK)?).ok()?;
        let dots = text.bytes().filter(|byte| *byte == b'.').count();
        let mut tokens = text.split('.');
        match dots {
            6 => {}
            8.. => {
                tokens.next()?;
                tokens.next()?;
            }
            _ => return None,
        }
        let (stream, consumer) = (one(tokens.next()?)?, one(tokens.next()?)?);
        let mut number = || tokens.next()?.parse::<u64>().ok();
        let (count, sequence, delivery) = (number()?, number()?, number()?);
        let (_time, _pending) = (number()?, number()?);
        Some(Self { stream, consumer, count, offset: sequence.checked_sub(1)?, delivery })
    }
}

/// Appends the reply subject of a delivery.
pub(super) fn write_ack_subject(
    out: &mut Vec<u8>,
    stream: &str,
    consumer: &str,
    delivered: &stele_model::Delivered,
) {
    use std::io::Write as _;
    let record = &delivered.record;
    // Writing into a vector cannot fail.
    let _ = write!(
        out,
        "$JS.ACK.{stream}.{consumer}.{}.{}.{}.{}.{}",
        delivered.count,
        record.offset + 1,
        delivered.delivery,
        record.append_time_ns,
        delivered.pending,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_table_of_calls() {
        for (subject, expected) in [
            ("INFO", Some(Call::AccountInfo)),
            ("STREAM.CREATE.S", Some(Call::StreamCreate("S"))),
            ("STREAM.CREATE.a.b", None),
            ("STREAM.INFO", None),
            ("STREAM.NAMES", Some(Call::StreamNames)),
            ("STREAM.MSG.GET.S", Some(Call::MessageGet("S"))),
            ("DIRECT.GET.S", Some(Call::DirectGet { stream: "S", last_of: None })),
            ("DIRECT.GET.S.$KV.b.k", Some(Call::DirectGet { stream: "S", last_of: Some(b"$KV.b.k") })),
            (
                "CONSUMER.CREATE.S",
                Some(Call::ConsumerCreate { stream: "S", name: None, filter: None, durable: false }),
            ),
            (
                "CONSUMER.CREATE.S.C.a.>",
                Some(Call::ConsumerCreate {
                    stream: "S",
                    name: Some("C"),
                    filter: Some("a.>"),
                    durable: false,
                }),
            ),
            (
                "CONSUMER.DURABLE.CREATE.S.C",
                Some(Call::ConsumerCreate { stream: "S", name: Some("C"), filter: None, durable: true }),
            ),
            ("CONSUMER.MSG.NEXT.S.C", Some(Call::ConsumerNext("S", "C"))),
            ("META.LEADER.STEPDOWN", None),
            ("FOO", None),
            ("", None),
        ] {
            assert_eq!(parse_call(format!("$JS.API.{subject}").as_bytes(), None), expected, "{subject}");
            assert_eq!(parse_call(format!("$JS.hub.API.{subject}").as_bytes(), Some("hub")), expected);
            assert_eq!(parse_call(format!("$JS.hub.API.{subject}").as_bytes(), None), None);
        }
    }

    #[test]
    fn acknowledgements_in_both_forms() {
        let expected = AckSubject { stream: "S", consumer: "C", count: 2, offset: 6, delivery: 9 };
        for subject in ["$JS.ACK.S.C.2.7.9.123.0", "$JS.ACK._.hash.S.C.2.7.9.123.0.x"] {
            assert_eq!(AckSubject::parse(subject.as_bytes()), Some(expected));
        }
        for bad in ["$JS.ACK.", "$JS.ACK.S.C.2.7.9.123", "$JS.ACK.S.C.2.0.9.1.0", "$JS.ACK.S.C.x.1.9.1.0"] {
            assert_eq!(AckSubject::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
