//! `stele pub` and `stele sub`.

use super::At;
use crate::client::Message;
use anyhow::{Context, bail};
use std::io::{ErrorKind, Read, Write};
use stele_broker::Filter;
use stele_nats::codec::headers;
use stele_nats::codec::parse::is_publishable;

/// The subscription's number; 1 is the client's inbox.
const SID: u64 = 2;

/// Publish a message.
#[derive(Debug, clap::Args)]
pub(crate) struct Pub {
    /// The subject, as home.kitchen.temperature.
    subject: String,
    /// The payload; without it, what comes on standard input.
    body: Option<String>,
    /// A header, NAME:VALUE. May be given several times; order and duplicates are kept.
    #[arg(short = 'H', long = "header", value_name = "NAME:VALUE", value_parser = parse_header)]
    headers: Vec<(String, String)>,
    /// Where an answer shall go.
    #[arg(long, value_name = "SUBJECT", conflicts_with = "ack")]
    reply: Option<String>,
    /// Wait until a stream has stored it, and say where.
    #[arg(long)]
    ack: bool,
    /// Publish it as many times.
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,
    #[command(flatten)]
    at: At,
}

/// Print messages as they are published, until interrupted.
#[derive(Debug, clap::Args)]
pub(crate) struct Sub {
    /// Which subjects: `*` stands for one token, `>` for the rest.
    filter: String,
    /// Share the messages with others of this group: each goes to one member.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// End after as many messages.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Print payloads alone, without subjects and headers.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    at: At,
}

pub(crate) fn publish(arguments: Pub) -> anyhow::Result<()> {
    let Pub { subject, body, headers, reply, ack, count, at } = arguments;
    if !is_publishable(subject.as_bytes()) {
        bail!(
            "`{subject}` is not a subject to publish on: tokens with dots between them, no spaces, no `*` or `>`"
        );
    }
    let body = match body {
        Some(body) => body.into_bytes(),
        None => read_input()?,
    };
    let headers = header_block(&headers);
    let mut client = at.server.connect()?;
    for _ in 0..count {
        if !ack {
            client.publish(&subject, reply.as_deref().unwrap_or_default(), &headers, &body)?;
            continue;
        }
        let Some(answer) = client.request(&subject, &headers, &body)? else {
            bail!(
                "no stream at {} stores `{subject}`; make one with `stele stream add NAME --subjects '{subject}'`",
                client.server()
            );
        };
        let text = String::from_utf8_lossy(&answer.payload).into_owned();
        let acknowledged: serde_json::Value = serde_json::from_str(&text)
            .with_context(|| format!("the answer to `{subject}` is not a stream's: {text}"))?;
        if let Some(error) = acknowledged.get("error") {
            bail!("`{subject}` was not stored: {}", error["description"].as_str().unwrap_or(&text));
        }
        let (Some(stream), Some(sequence)) = (acknowledged["stream"].as_str(), acknowledged["seq"].as_u64())
        else {
            bail!("the answer to `{subject}` is not a stream's: {text}");
        };
        let again = if acknowledged["duplicate"] == true { ", as before" } else { "" };
        if !print(format!("stored in {stream} as {sequence}{again}\n").as_bytes())? {
            return Ok(());
        }
    }
    // What the server refuses, it says before it answers this.
    client.flush()
}

pub(crate) fn subscribe(arguments: Sub) -> anyhow::Result<()> {
    let Sub { filter, group, count, raw, at } = arguments;
    if let Err(error) = Filter::new(filter.as_bytes()) {
        bail!("`{filter}` is not a filter of subjects: {error}");
    }
    if let Some(group) = &group
        && (group.is_empty() || group.contains(|c: char| c.is_whitespace()))
    {
        bail!("`{group}` is not a group's name: it is empty or has spaces");
    }
    let mut client = at.server.connect()?;
    client.subscribe(&filter, group.as_deref(), SID)?;
    let mut seen = 0;
    while count.is_none_or(|count| seen < count) {
        if !print(&shown(&client.next()?, raw))? {
            return Ok(());
        }
        seen += 1;
    }
    Ok(())
}

/// `SUBJECT PAYLOAD`, a line before it for each header.
fn shown(message: &Message, raw: bool) -> Vec<u8> {
    let mut line = Vec::new();
    if !raw {
        for (name, value) in headers::lines(&message.headers) {
            line.extend_from_slice(&[b"  ", name, b": ", value, b"\n"].concat());
        }
        line.extend_from_slice(&message.subject);
        if !message.reply.is_empty() {
            line.extend_from_slice(&[b" (answer to ", message.reply.as_slice(), b")"].concat());
        }
        line.push(b' ');
    }
    line.extend_from_slice(&message.payload);
    line.push(b'\n');
    line
}

fn read_input() -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    std::io::stdin().lock().read_to_end(&mut body).context("standard input cannot be read")?;
    Ok(body)
}

fn header_block(pairs: &[(String, String)]) -> Vec<u8> {
    if pairs.is_empty() {
        return Vec::new();
    }
    let mut block = b"NATS/1.0\r\n".to_vec();
    for (name, value) in pairs {
        block.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    block.extend_from_slice(b"\r\n");
    block
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| format!("`{text}` is not NAME:VALUE"))?;
    let (name, value) = (name.trim_matches(' '), value.trim_matches(' '));
    if name.is_empty() || !headers::holds(name.as_bytes(), Some(value.as_bytes())) {
        return Err(format!("`{text}` cannot be a header: no line ends, and a name of visible characters"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// False: nobody reads any more.
pub(super) fn print(bytes: &[u8]) -> anyhow::Result<bool> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("standard output cannot be written"),
    }
}

#[cfg(test)]
mod tests {
    use super::{header_block, parse_header};

    #[test]
    fn headers_are_name_and_value() {
        assert_eq!(parse_header("A: b:c "), Ok(("A".into(), "b:c".into())));
        for wrong in ["A", ":b", "A: b\r\nC: d", "A\n:b"] {
            assert!(parse_header(wrong).is_err(), "{wrong:?}");
        }
        let block = header_block(&[("A".into(), "b".into()), ("A".into(), "c".into())]);
        assert_eq!(block, b"NATS/1.0\r\nA: b\r\nA: c\r\n\r\n");
        assert_eq!(header_block(&[]), b"");
    }
}
