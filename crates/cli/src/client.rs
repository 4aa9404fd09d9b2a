//! A NATS client as small as the command line needs it: one connection, blocking, one request at a time.

use anyhow::{Context, anyhow, bail};
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};
use stele_nats::codec::client::{self, Heard, Listen};
use stele_nats::codec::headers;
use stele_nats::codec::parse::ParseLimits;

/// How long connecting and each answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// INFO is one line; payloads are bounded by the server's `max_payload`, which is never above this.
const LIMITS: ParseLimits = ParseLimits { control_line_bytes_max: 64 << 10, payload_bytes_max: 64 << 20 };

/// The subscription of the inbox.
const INBOX_SID: u64 = 1;

/// Where a server is, as `nats://[USER:PASSWORD@]HOST[:PORT]` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    host: String,
    port: u16,
    user: Option<(String, String)>,
    token: Option<String>,
}

/// A connection to it.
pub(crate) struct Client {
    stream: TcpStream,
    /// Bytes that came and are not used yet.
    input: Vec<u8>,
    server: Server,
    payload_bytes_max: usize,
    inbox: String,
    requests: u64,
}

/// A message of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) subject: Vec<u8>,
    /// Empty: none.
    pub(crate) reply: Vec<u8>,
    /// The block as it came; empty: none.
    pub(crate) headers: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    sid: Vec<u8>,
}

enum Event {
    Message(Message),
    Pong,
}

impl std::str::FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is not nats://HOST:PORT: {why}");
        let rest = match text.split_once("://") {
            Some(("nats", rest)) => rest,
            Some(("tls", _)) => return Err(wrong("this command does not speak TLS")),
            Some((scheme, _)) => return Err(wrong(&format!("`{scheme}` is another protocol"))),
            None => text,
        };
        let rest = rest.trim_end_matches('/');
        let (login, address) = rest.rsplit_once('@').map_or((None, rest), |(login, at)| (Some(login), at));
        // An IPv6 address has colons of its own; then the port follows the bracket.
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong("the port is not a number up to 65535"))?)
            }
            _ => (address, 4222),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(wrong("the host is missing"));
        }
        let (user, token) = match login.map(|login| login.split_once(':').ok_or(login)) {
            Some(Ok((user, password))) => (Some((user.to_owned(), password.to_owned())), None),
            Some(Err(token)) => (None, Some(token.to_owned())),
            None => (None, None),
        };
        Ok(Self { host: host.to_owned(), port, user, token })
    }
}

impl std::fmt::Display for Server {
    /// Without its secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            return write!(f, "nats://[{}]:{}", self.host, self.port);
        }
        write!(f, "nats://{}:{}", self.host, self.port)
    }
}

impl Server {
    /// Connects and logs in.
    pub(crate) fn connect(&self) -> anyhow::Result<Client> {
        let stream = self.open().with_context(|| {
            format!(
                "cannot connect to {self}; start a broker with `stele serve`, or name another with --server nats://HOST:PORT"
            )
        })?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        // Subjects of inboxes are secrets as little as process ids are; two clients of one moment must only differ.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos();
        let inbox = format!("_INBOX.stele-{}-{now:x}", std::process::id());
        let mut client = Client {
            stream,
            input: Vec::new(),
            server: self.clone(),
            payload_bytes_max: LIMITS.payload_bytes_max,
            inbox,
            requests: 0,
        };
        client.greet()?;
        Ok(client)
    }

    fn open(&self) -> std::io::Result<TcpStream> {
        let mut last = ErrorKind::AddrNotAvailable.into();
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Client {
    /// Where it is connected.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Publishes; an empty `headers` is no block, an empty `reply` none.
    pub(crate) fn publish(
        &mut self,
        subject: &str,
        reply: &str,
        headers: &[u8],
        payload: &[u8],
    ) -> anyhow::Result<()> {
        let total = headers.len() + payload.len();
        if total > self.payload_bytes_max {
            let max = self.payload_bytes_max;
            bail!("the message has {total} bytes, and {} takes at most {max}", self.server);
        }
        let mut out = Vec::new();
        client::publish(subject.as_bytes(), reply.as_bytes(), headers, payload, &mut out);
        self.say(&out)
    }

    /// Publishes and waits for one answer. `None`: nobody is there to answer.
    pub(crate) fn request(
        &mut self,
        subject: &str,
        headers: &[u8],
        payload: &[u8],
    ) -> anyhow::Result<Option<Message>> {
        self.requests += 1;
        let reply = format!("{}.{}", self.inbox, self.requests);
        self.publish(subject, &reply, headers, payload)?;
        let until = Instant::now() + PATIENCE;
        loop {
            match self.event(Some(until))? {
                Some(Event::Message(message)) if message.subject == reply.as_bytes() => {
                    let nobody = headers::status(&message.headers).is_some_and(|(code, _)| code == b"503");
                    return Ok((!nobody).then_some(message));
                }
                Some(_) => {}
                None => bail!("{} did not answer on `{subject}` within {PATIENCE:?}", self.server),
            }
        }
    }

    /// Starts to receive; [`Client::next`] gives the messages.
    pub(crate) fn subscribe(&mut self, filter: &str, group: Option<&str>, sid: u64) -> anyhow::Result<()> {
        let mut out = Vec::new();
        client::subscribe(filter.as_bytes(), group.map(str::as_bytes), sid, &mut out);
        self.say(&out)?;
        self.flush()
    }

    /// The next message, however long it takes.
    pub(crate) fn next(&mut self) -> anyhow::Result<Message> {
        loop {
            if let Some(Event::Message(message)) = self.event(None)?
                && message.sid != INBOX_SID.to_string().as_bytes()
            {
                return Ok(message);
            }
        }
    }

    /// Returns when the server has taken everything so far, or refused it.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        self.say(b"PING\r\n")?;
        let until = Instant::now() + PATIENCE;
        let mut early = Vec::new();
        loop {
            match self.event(Some(until))? {
                Some(Event::Pong) => break,
                Some(Event::Message(message)) => early.push(message),
                None => bail!("{} did not answer a PING within {PATIENCE:?}", self.server),
            }
        }
        // Messages that came before the answer are heard again.
        let mut input = Vec::new();
        for message in &early {
            say_again(message, &mut input);
        }
        input.append(&mut self.input);
        self.input = input;
        Ok(())
    }

    fn greet(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        let info = loop {
            if let Some(info) = self.heard(|heard| match heard {
                Heard::Info(json) => Some(serde_json::from_slice::<Value>(json)),
                _ => None,
            })? {
                break info
                    .with_context(|| format!("{} is no NATS server: its INFO is not JSON", self.server))?;
            }
            if !self.read(Some(until)).with_context(|| format!("{} said nothing", self.server))? {
                bail!("{} said nothing within {PATIENCE:?}: is it a NATS port?", self.server);
            }
        };
        if let Some(max) = info["max_payload"].as_u64().and_then(|max| usize::try_from(max).ok()) {
            self.payload_bytes_max = max.min(LIMITS.payload_bytes_max);
        }
        let mut options = json!({
            "verbose": false, "pedantic": false, "headers": true, "no_responders": true, "protocol": 1,
            "lang": "stele", "version": env!("CARGO_PKG_VERSION"), "name": "stele",
        });
        if let Some((user, password)) = &self.server.user {
            options["user"] = json!(user);
            options["pass"] = json!(password);
        }
        if let Some(token) = &self.server.token {
            options["auth_token"] = json!(token);
        }
        let mut out = Vec::new();
        client::connect(options.to_string().as_bytes(), &mut out);
        client::subscribe(format!("{}.*", self.inbox).as_bytes(), None, INBOX_SID, &mut out);
        self.say(&out)?;
        self.flush()
    }

    /// `None`: the time is over.
    fn event(&mut self, until: Option<Instant>) -> anyhow::Result<Option<Event>> {
        loop {
            let mut pinged = false;
            let mut refused = None;
            let event = self.heard(|heard| match heard {
                Heard::Message { subject, sid, reply, headers, payload } => {
                    Some(Some(Event::Message(Message {
                        subject: subject.to_vec(),
                        sid: sid.to_vec(),
                        reply: reply.to_vec(),
                        headers: headers.to_vec(),
                        payload: payload.to_vec(),
                    })))
                }
                Heard::Pong => Some(Some(Event::Pong)),
                Heard::Ping => {
                    pinged = true;
                    Some(None)
                }
                Heard::Error(text) => {
                    refused = Some(String::from_utf8_lossy(text).into_owned());
                    Some(None)
                }
                Heard::Info(_) | Heard::Ok => None,
            })?;
            if pinged {
                self.say(b"PONG\r\n")?;
            }
            if let Some(text) = refused {
                bail!("{} refused: {text}", self.server);
            }
            match event {
                Some(Some(event)) => return Ok(Some(event)),
                Some(None) => {}
                None if !self.read(until)? => return Ok(None),
                None => {}
            }
        }
    }

    /// Looks at whole verbs at the front of the input until the look takes one; `None`: more must be read.
    fn heard<R>(&mut self, mut look: impl FnMut(Heard<'_>) -> Option<R>) -> anyhow::Result<Option<R>> {
        loop {
            match client::listen(&self.input, &LIMITS) {
                Ok(Listen::Heard(heard, used)) => {
                    let result = look(heard);
                    self.input.drain(..used);
                    if result.is_some() {
                        return Ok(result);
                    }
                }
                Ok(Listen::More(_)) => return Ok(None),
                Err(fault) => {
                    return Err(anyhow!("{} does not speak NATS: {fault:?}", self.server));
                }
            }
        }
    }

    /// False: nothing came in time.
    fn read(&mut self, until: Option<Instant>) -> anyhow::Result<bool> {
        let lost = || format!("the connection to {} was lost", self.server);
        let mut buffer = [0; 16 << 10];
        loop {
            if until.is_some_and(|until| Instant::now() >= until) {
                return Ok(false);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("{} closed the connection", self.server),
                Ok(count) => {
                    self.input.extend_from_slice(&buffer[..count]);
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error).with_context(lost),
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(bytes).with_context(|| format!("the connection to {} was lost", self.server))
    }
}

/// The message as the server said it.
fn say_again(message: &Message, out: &mut Vec<u8>) {
    use stele_nats::codec::encode;
    let Message { subject, reply, headers, payload, sid } = message;
    if headers.is_empty() {
        encode::message(subject, sid, reply, payload, out);
    } else {
        encode::message_with_headers(subject, sid, reply, headers, payload, out);
    }
}

#[cfg(test)]
mod tests {
    use super::Server;

    #[test]
    fn servers_are_read_from_urls() {
        let shown = |text: &str| text.parse::<Server>().map(|server| server.to_string());
        assert_eq!(shown("nats://127.0.0.1:4333").as_deref(), Ok("nats://127.0.0.1:4333"));
        assert_eq!(shown("example.org").as_deref(), Ok("nats://example.org:4222"));
        assert_eq!(shown("nats://[::1]:7").as_deref(), Ok("nats://[::1]:7"));
        assert_eq!(shown("nats://[::1]").as_deref(), Ok("nats://[::1]:4222"));
        assert_eq!(shown("nats://me:secret@host:1/").as_deref(), Ok("nats://host:1"), "no secret is shown");
        for wrong in ["nats://", "http://a", "tls://a", "nats://a:b", "nats://a:70000", "nats://x@:1"] {
            assert!(wrong.parse::<Server>().is_err(), "{wrong}");
        }
    }
}
