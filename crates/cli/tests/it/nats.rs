//! A small raw NATS client: requests in a window, answers by number.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection with one inbox.
pub(crate) struct Nats {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    sent: u64,
}

impl Nats {
    pub(crate) fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let writer = TcpStream::connect(address)?;
        writer.set_nodelay(true)?;
        writer.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut nats = Self { reader: BufReader::new(writer.try_clone()?), writer, sent: 0 };
        nats.writer.write_all(
            b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nSUB in.* 1\r\n",
        )?;
        Ok(nats)
    }

    /// Publishes with the inbox `in.<number>` for the answer; returns the number.
    pub(crate) fn ask(&mut self, subject: &str, body: &str) -> std::io::Result<u64> {
        self.sent += 1;
        let line = format!("PUB {subject} in.{} {}\r\n{body}\r\n", self.sent, body.len());
        self.writer.write_all(line.as_bytes())?;
        Ok(self.sent)
    }

    /// As `ask`, with lines of headers, each with its end.
    pub(crate) fn ask_with(&mut self, subject: &str, headers: &str, body: &str) -> std::io::Result<u64> {
        self.sent += 1;
        let head = format!("NATS/1.0\r\n{headers}\r\n");
        let total = head.len() + body.len();
        let line = format!("HPUB {subject} in.{} {} {total}\r\n{head}{body}\r\n", self.sent, head.len());
        self.writer.write_all(line.as_bytes())?;
        Ok(self.sent)
    }

    /// The next answer: its number, headers and body.
    pub(crate) fn answer(&mut self) -> std::io::Result<(u64, String, String)> {
        loop {
            let (subject, head, body) = self.message()?;
            if let Some(number) = subject.strip_prefix("in.") {
                return Ok((number.parse().expect("our number"), head, body));
            }
        }
    }

    /// The next message, whatever its subject: subject, headers and body.
    pub(crate) fn message(&mut self) -> std::io::Result<(String, String, String)> {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |word: &str| word.parse::<usize>().expect("a length");
            let (head, total) = match words.as_slice() {
                ["MSG", _, _, .., total] => (0, number(total)),
                ["HMSG", _, _, .., head, total] => (number(head), number(total)),
                ["PING"] => {
                    self.writer.write_all(b"PONG\r\n")?;
                    continue;
                }
                _ => continue,
            };
            let mut bytes = vec![0; total + 2];
            self.reader.read_exact(&mut bytes)?;
            let text = String::from_utf8(bytes[..total].to_vec()).expect("text");
            return Ok((words[1].into(), text[..head].into(), text[head..].into()));
        }
    }

    /// One request and its answer.
    pub(crate) fn request(&mut self, subject: &str, body: &str) -> std::io::Result<String> {
        let number = self.ask(subject, body)?;
        loop {
            let (answered, _, body) = self.answer()?;
            if answered == number {
                return Ok(body);
            }
        }
    }

    /// Asks all at once and collects headers and bodies of the answers by number.
    pub(crate) fn request_all(
        &mut self,
        questions: impl Iterator<Item = (String, String)>,
    ) -> std::io::Result<BTreeMap<u64, (String, String)>> {
        let mut answers = BTreeMap::new();
        let mut outstanding = 0;
        for (subject, body) in questions {
            self.ask(&subject, &body)?;
            outstanding += 1;
            if outstanding >= 256 {
                let (number, head, body) = self.answer()?;
                answers.insert(number, (head, body));
                outstanding -= 1;
            }
        }
        for _ in 0..outstanding {
            let (number, head, body) = self.answer()?;
            answers.insert(number, (head, body));
        }
        Ok(answers)
    }
}

/// The number after `"name":` in flat JSON.
pub(crate) fn number_in(json: &str, name: &str) -> Option<u64> {
    let rest = json.split_once(&format!("\"{name}\":"))?.1.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
