//! What clients asked to be stored, and what they were told, out of the bytes of one connection.
//!
//! Only as much of each protocol is read as names a request and its acknowledgement. A message is known by the marks in
//! its bytes (`mark:` and nine letters), which stand in the log as they were sent.

use anyhow::Context;

use super::judge::{Acknowledgement, Asked, Kind};

/// Bytes in one direction, with the line of the trace that each came from.
#[derive(Default)]
pub(super) struct Stream {
    bytes: Vec<u8>,
    /// Where a piece ends, and its line.
    pieces: Vec<(usize, usize)>,
}

impl Stream {
    pub(super) fn push(&mut self, bytes: &[u8], line: usize) {
        if !bytes.is_empty() {
            self.bytes.extend_from_slice(bytes);
            self.pieces.push((self.bytes.len(), line));
        }
    }

    /// The line of the byte at `position`.
    fn line(&self, position: usize) -> usize {
        let piece = self.pieces.partition_point(|(end, _)| *end <= position);
        self.pieces.get(piece).map_or(0, |(_, line)| *line)
    }
}

/// One connection's two directions.
#[derive(Default)]
pub(super) struct Conversation {
    pub(super) input: Stream,
    pub(super) output: Stream,
}

/// What one connection was about.
#[derive(Default)]
pub(super) struct Exchange {
    pub(super) asked: Vec<Asked>,
    pub(super) acknowledged: Vec<Acknowledgement>,
}

const MARK: &[u8] = b"mark:";
const MARK_BYTES: usize = 14;

/// The marks in these bytes.
pub(super) fn marks(bytes: &[u8]) -> Vec<String> {
    let mut marks = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        let end = rest.len().min(at + MARK_BYTES);
        marks.push(String::from_utf8_lossy(&rest[at..end]).into_owned());
        rest = &rest[end..];
    }
    marks
}

/// PUB and HPUB with a reply, and the MSG to that reply.
pub(super) fn nats(conversation: &Conversation) -> anyhow::Result<Exchange> {
    let mut exchange = Exchange::default();
    nats_lines(&conversation.input, |words, body, line| {
        if let ["PUB", _, reply, _] | ["HPUB", _, reply, _, _] = words
            && !marks(body).is_empty()
        {
            exchange.asked.push(Asked { key: (*reply).to_owned(), marks: marks(body), line, kept: false });
        }
    })?;
    nats_lines(&conversation.output, |words, body, line| {
        if let ["MSG" | "HMSG", subject, ..] = words
            && body.windows(6).any(|window| window == b"\"seq\":")
            && body.windows(9).any(|window| window == b"\"stream\":")
        {
            let key = (*subject).to_owned();
            exchange.acknowledged.push(Acknowledgement { kind: Kind::PubAck, key, line });
        }
    })?;
    Ok(exchange)
}

/// Calls for every line with its body.
fn nats_lines(stream: &Stream, mut each: impl FnMut(&[&str], &[u8], usize)) -> anyhow::Result<()> {
    let mut at = 0;
    while let Some(length) = stream.bytes[at..].windows(2).position(|window| window == b"\r\n") {
        let text = std::str::from_utf8(&stream.bytes[at..at + length]).context("a line of NATS")?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let start = at + length + 2;
        let has_body = matches!(words.first(), Some(&("PUB" | "HPUB" | "MSG" | "HMSG")));
        let body = if has_body { words.last().context("a length")?.parse::<usize>()? } else { 0 };
        let Some(bytes) = stream.bytes.get(start..start + body) else { break };
        each(&words, bytes, stream.line(at));
        at = start + if has_body { body + 2 } else { 0 };
        if at > stream.bytes.len() {
            break;
        }
    }
    Ok(())
}

/// Produce requests and the responses with their numbers.
pub(super) fn kafka(conversation: &Conversation) -> anyhow::Result<Exchange> {
    let mut exchange = Exchange::default();
    let number = |frame: &[u8], at: usize| frame.get(at..at + 4).map(|bytes| format!("{bytes:?}"));
    kafka_frames(&conversation.input, |frame, line| {
        if frame.starts_with(&[0, 0])
            && let Some(key) = number(frame, 4)
        {
            exchange.asked.push(Asked { key, marks: marks(frame), line, kept: false });
        }
    });
    kafka_frames(&conversation.output, |frame, line| {
        if let Some(key) = number(frame, 0)
            && exchange.asked.iter().any(|asked| asked.key == key)
        {
            exchange.acknowledged.push(Acknowledgement { kind: Kind::Produce, key, line });
        }
    });
    Ok(exchange)
}

fn kafka_frames(stream: &Stream, mut each: impl FnMut(&[u8], usize)) {
    let mut at = 0;
    while let Some(length) = stream.bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let Some(frame) = stream.bytes.get(at + 4..at + 4 + length) else { break };
        each(frame, stream.line(at));
        at += 4 + length;
    }
}

/// PUBLISH with QoS 1 and 2, PUBREL, and their PUBACK, PUBREC and PUBCOMP.
pub(super) fn mqtt(conversation: &Conversation) -> anyhow::Result<Exchange> {
    let mut exchange = Exchange::default();
    let mut kept = false;
    let id = |body: &[u8], at: usize| {
        body.get(at..at + 2).map(|id| format!("{}", u16::from_be_bytes([id[0], id[1]])))
    };
    mqtt_packets(&conversation.input, |first, body, line| match first >> 4 {
        // CONNECT: the flags stand behind the protocol's name and level.
        1 => {
            let name =
                body.get(..2).map_or(0, |length| usize::from(u16::from_be_bytes([length[0], length[1]])));
            kept = body.get(3 + name).is_some_and(|flags| flags & 2 == 0);
        }
        3 if first & 6 != 0 => {
            let topic =
                body.get(..2).map_or(0, |length| usize::from(u16::from_be_bytes([length[0], length[1]])));
            if let Some(id) = id(body, 2 + topic) {
                exchange.asked.push(Asked { key: format!("publish {id}"), marks: marks(body), line, kept });
            }
        }
        6 => {
            if let Some(id) = id(body, 0) {
                exchange.asked.push(Asked { key: format!("release {id}"), marks: Vec::new(), line, kept });
            }
        }
        _ => {}
    });
    mqtt_packets(&conversation.output, |first, body, line| {
        let Some(id) = id(body, 0) else { return };
        let (kind, key) = match first >> 4 {
            4 => (Kind::PubAckMqtt, format!("publish {id}")),
            5 => (Kind::PubRec, format!("publish {id}")),
            7 => (Kind::PubComp, format!("release {id}")),
            _ => return,
        };
        exchange.acknowledged.push(Acknowledgement { kind, key, line });
    });
    Ok(exchange)
}

fn mqtt_packets(stream: &Stream, mut each: impl FnMut(u8, &[u8], usize)) {
    let mut at = 0;
    while let Some(first) = stream.bytes.get(at).copied() {
        let (mut length, mut bytes) = (0_usize, 0);
        loop {
            let Some(byte) = stream.bytes.get(at + 1 + bytes).copied() else { return };
            length |= usize::from(byte & 0x7f) << (7 * bytes);
            bytes += 1;
            if byte & 0x80 == 0 || bytes == 4 {
                break;
            }
        }
        let start = at + 1 + bytes;
        let Some(body) = stream.bytes.get(start..start + length) else { return };
        each(first, body, stream.line(at));
        at = start + length;
    }
}

#[cfg(test)]
mod tests {
    use super::{Conversation, Exchange, kafka, marks, mqtt, nats};
    use crate::audit::judge::Kind;

    fn conversation(input: &[u8], output: &[u8]) -> Conversation {
        let mut conversation = Conversation::default();
        conversation.input.push(&input[..3], 1);
        conversation.input.push(&input[3..], 2);
        conversation.output.push(output, 5);
        conversation
    }

    #[expect(clippy::type_complexity, reason = "both lists of an exchange, side by side")]
    fn shown(exchange: &Exchange) -> (Vec<(&str, usize)>, Vec<(Kind, &str)>) {
        (
            exchange.asked.iter().map(|asked| (asked.key.as_str(), asked.marks.len())).collect(),
            exchange.acknowledged.iter().map(|ack| (ack.kind, ack.key.as_str())).collect(),
        )
    }

    #[test]
    fn marks_are_found() {
        assert_eq!(marks(b"..mark:n00000001..mark:k00000002"), ["mark:n00000001", "mark:k00000002"]);
    }

    #[test]
    fn publishes_of_nats() {
        let input = b"CONNECT {}\r\nPUB a in.1 14\r\nmark:n00000001\r\nHPUB a in.2 12 26\r\nNATS/1.0\r\n\r\nmark:n00000002\r\nPING\r\n";
        let output = b"INFO {}\r\nMSG in.1 1 22\r\n{\"stream\":\"A\",\"seq\":1}\r\nPONG\r\n";
        let exchange = nats(&conversation(input, output)).expect("it can be read");
        assert_eq!(shown(&exchange), (vec![("in.1", 1), ("in.2", 1)], vec![(Kind::PubAck, "in.1")]));
        assert_eq!(exchange.asked[0].line, 2);
    }

    #[test]
    fn requests_of_kafka() {
        let mut input = vec![0, 0, 0, 22, 0, 0, 0, 9, 0, 0, 0, 7];
        input.extend_from_slice(b"mark:k00000001");
        input.extend_from_slice(&[0, 0, 0, 8, 0, 3, 0, 9, 0, 0, 0, 8]);
        let output = [0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 0, 8];
        let exchange = kafka(&conversation(&input, &output)).expect("it can be read");
        assert_eq!(shown(&exchange), (vec![("[0, 0, 0, 7]", 1)], vec![(Kind::Produce, "[0, 0, 0, 7]")]));
    }

    #[test]
    fn packets_of_mqtt() {
        let mut input = vec![0x10, 10, 0, 4, b'M', b'Q', b'T', b'T', 4, 0, 0, 0];
        input.extend_from_slice(&[0x34, 19, 0, 1, b'a', 0, 3]);
        input.extend_from_slice(b"mark:m00000001");
        input.extend_from_slice(&[0x62, 2, 0, 3]);
        let output = [0x20, 2, 0, 0, 0x50, 2, 0, 3, 0x70, 2, 0, 3];
        let exchange = mqtt(&conversation(&input, &output)).expect("it can be read");
        let asked = vec![("publish 3", 1), ("release 3", 0)];
        assert_eq!(
            shown(&exchange),
            (asked, vec![(Kind::PubRec, "publish 3"), (Kind::PubComp, "release 3")])
        );
        assert!(exchange.asked[0].kept);
    }
}
