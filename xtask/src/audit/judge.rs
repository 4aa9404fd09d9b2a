//! Whether every acknowledgement left after the sync that covers what it acknowledges.
//!
//! Positions in time are lines of the trace. A record is durable from the line on where an fdatasync returned 0 that began
//! after the write of the record had returned, on the same file. An acknowledgement leaves at the line where the call that
//! takes its first byte begins.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::trace::Call;
use super::wires::{self, Conversation, Exchange};

/// The acknowledgements that promise durability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// JetStream's.
    PubAck,
    /// Kafka's.
    Produce,
    /// MQTT, QoS 1.
    PubAckMqtt,
    /// MQTT, QoS 2: the message is taken.
    PubRec,
    /// MQTT, QoS 2: its packet id is free again.
    PubComp,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::PubAck, Self::Produce, Self::PubAckMqtt, Self::PubRec, Self::PubComp];

    fn name(self) -> &'static str {
        match self {
            Self::PubAck => "PubAck",
            Self::Produce => "Produce response",
            Self::PubAckMqtt => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubComp => "PUBCOMP",
        }
    }
}

/// A request to store something.
#[derive(Debug)]
pub(super) struct Asked {
    /// What its acknowledgement names.
    pub(super) key: String,
    /// The messages in it.
    pub(super) marks: Vec<String>,
    /// Where it had been read.
    pub(super) line: usize,
    /// The session outlives its connection, so its packet ids are stored, too.
    pub(super) kept: bool,
}

/// What a client was told.
#[derive(Debug)]
pub(super) struct Acknowledgement {
    pub(super) kind: Kind,
    pub(super) key: String,
    /// Where it left.
    pub(super) line: usize,
}

/// What the audit found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) counts: BTreeMap<Kind, u64>,
    /// Acknowledgements that left too early.
    pub(super) early: Vec<String>,
    pub(super) syncs: u64,
}

impl Verdict {
    /// Kinds of which fewer than `least` were seen: an audit of nothing proves nothing.
    pub(super) fn missing(&self, least: u64) -> Vec<&'static str> {
        let few = |kind: &Kind| self.counts.get(kind).copied().unwrap_or(0) < least;
        Kind::ALL.into_iter().filter(few).map(Kind::name).collect()
    }

    pub(super) fn summary(&self) -> String {
        let counts: Vec<String> =
            self.counts.iter().map(|(kind, count)| format!("{count} {}", kind.name())).collect();
        format!("{}; {} syncs of the log; {} too early", counts.join(", "), self.syncs, self.early.len())
    }
}

/// Judges a trace of a broker that listens on these ports.
pub(super) fn judge(calls: &[Call], ports: &HashMap<u16, &'static str>) -> anyhow::Result<Verdict> {
    let mut watcher = Watcher::new(ports);
    for call in calls {
        watcher.watch(call)?;
    }
    let mut verdict = Verdict { syncs: watcher.syncs.len() as u64, ..Verdict::default() };
    let conversations = watcher.finished.into_iter().chain(watcher.open.into_values());
    for (wire, conversation) in conversations {
        let exchange = match wire {
            "nats" => wires::nats(&conversation)?,
            "kafka" => wires::kafka(&conversation)?,
            _ => wires::mqtt(&conversation)?,
        };
        compare(exchange, &watcher.durable, &watcher.syncs, &mut verdict);
    }
    verdict.early.sort();
    Ok(verdict)
}

/// Files, connections and syncs as the trace goes on.
struct Watcher<'a> {
    ports: &'a HashMap<u16, &'static str>,
    /// Files of the log.
    lanes: HashMap<i64, Vec<Write>>,
    open: HashMap<i64, (&'static str, Conversation)>,
    finished: Vec<(&'static str, Conversation)>,
    /// From which line on a mark is durable.
    durable: HashMap<String, usize>,
    /// Syncs that stored something: where the first write that they cover began, and where they had returned.
    syncs: Vec<(usize, usize)>,
}

/// A write that no sync covers yet.
struct Write {
    began: usize,
    ended: usize,
    marks: Vec<String>,
}

impl<'a> Watcher<'a> {
    fn new(ports: &'a HashMap<u16, &'static str>) -> Self {
        Self {
            ports,
            lanes: HashMap::new(),
            open: HashMap::new(),
            finished: Vec::new(),
            durable: HashMap::new(),
            syncs: Vec::new(),
        }
    }

    fn watch(&mut self, call: &Call) -> anyhow::Result<()> {
        let Some(result) = call.result else { return Ok(()) };
        match call.name.as_str() {
            "openat" if result >= 0 => self.opened(call, result)?,
            "accept4" if result >= 0 => self.closed(result),
            "close" => self.closed(call.descriptor().unwrap_or(-1)),
            "getsockname" => {
                if let (Some(descriptor), Some(wire)) =
                    (call.descriptor(), call.port().and_then(|port| self.ports.get(&port)))
                {
                    self.open.entry(descriptor).or_insert_with(|| (wire, Conversation::default()));
                }
            }
            "fdatasync" | "fsync" if result == 0 => self.synced(call),
            "read" | "readv" | "recvfrom" | "recvmsg" => {
                if let Some((_, conversation)) = self.conversation(call) {
                    conversation.input.push(&call.bytes()?, call.ended);
                }
            }
            "write" | "writev" | "sendto" | "sendmsg" => {
                if let Some((_, conversation)) = self.conversation(call) {
                    conversation.output.push(&call.bytes()?, call.began);
                } else if call.descriptor().is_some_and(|descriptor| self.lanes.contains_key(&descriptor)) {
                    self.wrote(call)?;
                }
            }
            "pwrite64" | "pwritev" | "pwritev2" => self.wrote(call)?,
            "sendmmsg" | "sendfile" | "splice" | "io_uring_enter" => {
                anyhow::bail!("line {}: the audit cannot read {}", call.ended, call.name)
            }
            _ => {}
        }
        Ok(())
    }

    fn conversation(&mut self, call: &Call) -> Option<&mut (&'static str, Conversation)> {
        self.open.get_mut(&call.descriptor()?)
    }

    fn opened(&mut self, call: &Call, descriptor: i64) -> anyhow::Result<()> {
        self.closed(descriptor);
        let path = String::from_utf8_lossy(&call.strings()?).into_owned();
        let name = path.rsplit('/').next().unwrap_or_default();
        if name.starts_with("lane-") && name.ends_with(".log") {
            self.lanes.insert(descriptor, Vec::new());
        }
        Ok(())
    }

    fn closed(&mut self, descriptor: i64) {
        self.lanes.remove(&descriptor);
        self.finished.extend(self.open.remove(&descriptor));
    }

    fn wrote(&mut self, call: &Call) -> anyhow::Result<()> {
        if let Some(writes) = call.descriptor().and_then(|descriptor| self.lanes.get_mut(&descriptor)) {
            writes.push(Write { began: call.began, ended: call.ended, marks: wires::marks(&call.bytes()?) });
        }
        Ok(())
    }

    fn synced(&mut self, call: &Call) {
        let Some(writes) = call.descriptor().and_then(|descriptor| self.lanes.get_mut(&descriptor)) else {
            return;
        };
        let (covered, later): (Vec<Write>, Vec<Write>) =
            writes.drain(..).partition(|write| write.ended < call.began);
        *writes = later;
        if let Some(last) = covered.iter().map(|write| write.began).max() {
            self.syncs.push((last, call.ended));
        }
        for mark in covered.into_iter().flat_map(|write| write.marks) {
            self.durable.entry(mark).or_insert(call.ended);
        }
    }
}

/// Pairs acknowledgements with requests: of several with one key, in their order.
fn compare(
    exchange: Exchange,
    durable: &HashMap<String, usize>,
    syncs: &[(usize, usize)],
    verdict: &mut Verdict,
) {
    let mut asked: HashMap<String, VecDeque<Asked>> = HashMap::new();
    for question in exchange.asked {
        asked.entry(question.key.clone()).or_default().push_back(question);
    }
    for ack in exchange.acknowledged {
        let name = ack.kind.name();
        let Some(question) = asked.get_mut(&ack.key).and_then(VecDeque::pop_front) else { continue };
        // Traffic of other kinds, as requests to the API, has no marks and promises nothing.
        if question.marks.is_empty() && ack.kind != Kind::PubComp {
            continue;
        }
        *verdict.counts.entry(ack.kind).or_default() += 1;
        for mark in &question.marks {
            match durable.get(mark) {
                Some(line) if *line < ack.line => {}
                Some(line) => verdict.early.push(format!(
                    "{name} of {mark} left at line {}, its sync returned at line {line}",
                    ack.line
                )),
                None => verdict.early.push(format!("{name} of {mark} left, and no sync covers it")),
            }
        }
        let released = |(began, returned): &(usize, usize)| *began > question.line && *returned < ack.line;
        if ack.kind == Kind::PubComp && question.kept && !syncs.iter().any(released) {
            verdict.early.push(format!("{name} left at line {} before its release was synced", ack.line));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Verdict, judge};
    use crate::audit::trace;

    const MARK: &str = r"\x6d\x61\x72\x6b\x3a\x6d\x30\x30\x30\x30\x30\x30\x30\x31";

    /// A lane file, a client's QoS 1 publish, and these lines.
    fn verdict(lines: &[&str]) -> Verdict {
        let lane = "lane-1.log".bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
        let start = [
            format!("1 1.0 openat(AT_FDCWD, \"{lane}\", O_RDWR, 0666) = 5"),
            "2 1.0 getsockname(9, {sa_family=AF_INET, sin_port=htons(1883)}, [16]) = 0".to_owned(),
            format!(
                "2 1.0 recvfrom(9, \"\\x32\\x13\\x00\\x01\\x61\\x00\\x03{MARK}\", 65536, 0, NULL, NULL) = 21"
            ),
        ];
        let text: Vec<String> =
            start.into_iter().chain(lines.iter().map(|line| (*line).to_owned())).collect();
        let calls = trace::read(&text.join("\n")).expect("it can be read");
        judge(&calls, &HashMap::from([(1883, "mqtt")])).expect("it can be judged")
    }

    fn write() -> String {
        format!("1 1.0 pwritev(5, [{{iov_base=\"{MARK}\", iov_len=14}}], 1, 4096) = 14")
    }

    const SYNC: &str = "1 1.0 fdatasync(5) = 0";
    const ACK: &str = r#"2 1.0 sendto(9, "\x40\x02\x00\x03", 4, MSG_NOSIGNAL, NULL, 0) = 4"#;

    #[test]
    fn after_the_sync_is_right() {
        let verdict = verdict(&[&write(), SYNC, ACK]);
        assert_eq!(verdict.early, [""; 0]);
        assert_eq!(verdict.summary(), "1 PUBACK; 1 syncs of the log; 0 too early");
        assert_eq!(verdict.missing(1), ["PubAck", "Produce response", "PUBREC", "PUBCOMP"]);
    }

    #[test]
    fn before_the_sync_is_found() {
        assert_eq!(verdict(&[&write(), ACK, SYNC]).early.len(), 1, "the sync came later");
        assert_eq!(verdict(&[&write(), ACK]).early.len(), 1, "no sync at all");
        assert_eq!(verdict(&[SYNC, &write(), ACK]).early.len(), 1, "the sync came before the write");
        assert_eq!(verdict(&[&write(), "1 1.0 fdatasync(6) = 0", ACK]).early.len(), 1, "another file's sync");
        let failed = "1 1.0 fdatasync(5) = -1 EIO (Input/output error)";
        assert_eq!(verdict(&[&write(), failed, ACK]).early.len(), 1, "the sync failed");
    }

    #[test]
    fn interleaved_calls_count_from_where_they_begin_and_end() {
        let (began, ended) = ("1 1.0 fdatasync(5 <unfinished ...>", "1 1.0 <... fdatasync resumed>) = 0");
        assert_eq!(verdict(&[&write(), began, ACK, ended]).early.len(), 1, "it had not returned");
        assert_eq!(verdict(&[&write(), began, ended, ACK]).early.len(), 0);
        let ack_began = r#"2 1.0 sendto(9, "\x40\x02\x00\x03", 4, MSG_NOSIGNAL, NULL, 0 <unfinished ...>"#;
        let ack_ended = "2 1.0 <... sendto resumed>) = 4";
        assert_eq!(
            verdict(&[&write(), began, ack_began, ended, ack_ended]).early.len(),
            1,
            "it left too early"
        );
        let (write_began, write_ended) =
            (write().replace(") = 14", " <unfinished ...>"), "1 1.0 <... pwritev resumed>) = 14");
        assert_eq!(
            verdict(&[
                &write_began,
                began.replace("1 1.0", "3 1.0").as_str(),
                write_ended,
                "3 1.0 <... fdatasync resumed>) = 0",
                ACK
            ])
            .early
            .len(),
            1,
            "the sync began before the write was done"
        );
    }
}
