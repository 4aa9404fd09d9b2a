//! A client's side of NATS: what it sends, and what it understands of what comes.

/// An event for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The server's greeting: the connection can be used.
    Greeted,
    /// A message on one of the client's inboxes.
    Message(Delivered),
    /// `-ERR`.
    Refused(String),
}

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Delivered {
    /// Behind the last dot of the subject: which of the client's questions it answers.
    pub(super) inbox: String,
    pub(super) reply: String,
    /// As in `NATS/1.0 404 No Messages`; 0: none.
    pub(super) status: u16,
    pub(super) payload: Vec<u8>,
}

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Link {
    name: String,
    buffer: Vec<u8>,
}

impl Link {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), buffer: Vec::new() }
    }

    /// Forgets what was read.
    pub(super) fn reset(&mut self) {
        self.buffer.clear();
    }

    /// Takes bytes and says what they mean; answers what wants an answer at once.
    pub(super) fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Vec<Event> {
        self.buffer.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some((event, used)) = self.next(out) {
            self.buffer.drain(..used);
            events.extend(event);
        }
        events
    }

    /// Sends a message; the answer comes to this inbox.
    pub(super) fn publish(
        &self,
        out: &mut Vec<u8>,
        subject: &str,
        inbox: &str,
        headers: &[(&str, &str)],
        payload: &[u8],
    ) {
        let reply = if inbox.is_empty() { String::new() } else { format!("_INBOX.{}.{inbox} ", self.name) };
        if headers.is_empty() {
            out.extend_from_slice(format!("PUB {subject} {reply}{}\r\n", payload.len()).as_bytes());
        } else {
            let mut block = String::from("NATS/1.0\r\n");
            for (name, value) in headers {
                block.push_str(&format!("{name}: {value}\r\n"));
            }
            block.push_str("\r\n");
            let total = block.len() + payload.len();
            out.extend_from_slice(
                format!("HPUB {subject} {reply}{} {total}\r\n{block}", block.len()).as_bytes(),
            );
        }
        out.extend_from_slice(payload);
        out.extend_from_slice(b"\r\n");
    }

    fn next(&self, out: &mut Vec<u8>) -> Option<(Option<Event>, usize)> {
        let end = self.buffer.windows(2).position(|pair| pair == b"\r\n")?;
        let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            ["MSG", subject, _, reply @ .., size] => self.message(end + 2, subject, reply, "0", size),
            ["HMSG", subject, _, reply @ .., head, size] => self.message(end + 2, subject, reply, head, size),
            ["INFO", ..] => {
                let connect = r#"CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"lang":"sim","version":"1.0.0","protocol":1}"#;
                out.extend_from_slice(format!("{connect}\r\nSUB _INBOX.{}.* 1\r\n", self.name).as_bytes());
                Some((Some(Event::Greeted), end + 2))
            }
            ["PING"] => {
                out.extend_from_slice(b"PONG\r\n");
                Some((None, end + 2))
            }
            ["-ERR", ..] => Some((Some(Event::Refused(line)), end + 2)),
            _ => Some((None, end + 2)),
        }
    }

    fn message(
        &self,
        from: usize,
        subject: &str,
        reply: &[&str],
        head: &str,
        size: &str,
    ) -> Option<(Option<Event>, usize)> {
        let (head, size): (usize, usize) = (head.parse().ok()?, size.parse().ok()?);
        let body = self.buffer.get(from..from + size + 2)?;
        let headers = String::from_utf8_lossy(&body[..head]);
        let status = headers.strip_prefix("NATS/1.0 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let delivered = Delivered {
            inbox: subject.rsplit('.').next().unwrap_or_default().to_owned(),
            reply: reply.first().copied().unwrap_or_default().to_owned(),
            status: status.unwrap_or(0),
            payload: body[head..size].to_vec(),
        };
        Some((Some(Event::Message(delivered)), from + size + 2))
    }
}

/// JetStream's answer: the body, and its error if it is one.
pub(super) fn answer(delivered: &Delivered) -> (serde_json::Value, Option<String>) {
    if delivered.status != 0 {
        return (serde_json::Value::Null, Some(format!("status {}", delivered.status)));
    }
    let body: serde_json::Value = serde_json::from_slice(&delivered.payload).unwrap_or_default();
    let error = match &body["error"] {
        serde_json::Value::Null if body.is_object() => None,
        serde_json::Value::Null => Some("no JSON object".to_owned()),
        error => Some(format!("{} {}", error["err_code"], error["description"])),
    };
    (body, error)
}
