//! A small raw MQTT 3.1.1 client for kept sessions: packets in, packets out, no state of its own.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What the tests send and get.
#[derive(Debug)]
pub(crate) enum Packet {
    Publish { topic: String, quality: u8, again: bool, id: u16, payload: String },
    PubAck(u16),
    PubRec(u16),
    PubRel(u16),
    PubComp(u16),
}

/// A connection of a kept session.
pub(crate) struct Mqtt {
    socket: TcpStream,
    unread: Vec<u8>,
}

impl Mqtt {
    /// Connects with a session that outlives the connection; true: it was there already.
    pub(crate) fn connect(address: SocketAddr, client: &str) -> io::Result<(Self, bool)> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        let mut mqtt = Self { socket, unread: Vec::new() };
        let mut body = b"\0\x04MQTT\x04\0\0\0".to_vec();
        write_text(client, &mut body);
        mqtt.write(0x10, &body)?;
        match mqtt.frame(Duration::from_secs(10))? {
            Some((0x20, body)) if body.len() == 2 && body[1] == 0 => Ok((mqtt, body[0] == 1)),
            other => Err(io::Error::other(format!("no CONNACK: {other:?}"))),
        }
    }

    pub(crate) fn subscribe(&mut self, filter: &str, quality: u8) -> io::Result<()> {
        let mut body = vec![0, 1];
        write_text(filter, &mut body);
        body.push(quality);
        self.write(0x82, &body)?;
        match self.frame(Duration::from_secs(10))? {
            Some((0x90, body)) if body.last() == Some(&quality) => Ok(()),
            other => Err(io::Error::other(format!("no SUBACK: {other:?}"))),
        }
    }

    pub(crate) fn send(&mut self, packet: &Packet) -> io::Result<()> {
        match packet {
            Packet::Publish { topic, quality, again, id, payload } => {
                let mut body = Vec::new();
                write_text(topic, &mut body);
                if *quality > 0 {
                    body.extend_from_slice(&id.to_be_bytes());
                }
                body.extend_from_slice(payload.as_bytes());
                self.write(0x30 | quality << 1 | u8::from(*again) << 3, &body)
            }
            Packet::PubAck(id) => self.write(0x40, &id.to_be_bytes()),
            Packet::PubRec(id) => self.write(0x50, &id.to_be_bytes()),
            Packet::PubRel(id) => self.write(0x62, &id.to_be_bytes()),
            Packet::PubComp(id) => self.write(0x70, &id.to_be_bytes()),
        }
    }

    /// The next packet; none within this time.
    pub(crate) fn receive(&mut self, within: Duration) -> io::Result<Option<Packet>> {
        let Some((first, body)) = self.frame(within)? else { return Ok(None) };
        let id = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
        Ok(Some(match first >> 4 {
            3 => {
                let (quality, topic) = (first >> 1 & 3, usize::from(id(0)));
                let payload = 2 + topic + if quality > 0 { 2 } else { 0 };
                Packet::Publish {
                    topic: text(&body[2..2 + topic]),
                    quality,
                    again: first & 8 != 0,
                    id: if quality > 0 { id(2 + topic) } else { 0 },
                    payload: text(&body[payload..]),
                }
            }
            4 => Packet::PubAck(id(0)),
            5 => Packet::PubRec(id(0)),
            6 => Packet::PubRel(id(0)),
            7 => Packet::PubComp(id(0)),
            _ => return Err(io::Error::other(format!("an unexpected packet: {first:#x}"))),
        }))
    }

    fn write(&mut self, first: u8, body: &[u8]) -> io::Result<()> {
        let mut bytes = vec![first];
        let mut length = body.len();
        while length > 127 {
            bytes.push((length % 128) as u8 | 128);
            length /= 128;
        }
        bytes.push(length as u8);
        bytes.extend_from_slice(body);
        self.socket.write_all(&bytes)
    }

    /// The first byte and the body of the next packet.
    fn frame(&mut self, within: Duration) -> io::Result<Option<(u8, Vec<u8>)>> {
        loop {
            if let Some((start, end)) = bounds(&self.unread) {
                let rest = self.unread.split_off(end);
                let packet = std::mem::replace(&mut self.unread, rest);
                return Ok(Some((packet[0], packet[start..].to_vec())));
            }
            self.socket.set_read_timeout(Some(within))?;
            let mut buffer = [0; 4096];
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.unread.extend_from_slice(&buffer[..read]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Where the body of a whole packet begins and ends.
fn bounds(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 127) << (7 * index);
        if byte & 128 == 0 {
            let start = index + 2;
            return (bytes.len() >= start + length).then_some((start, start + length));
        }
    }
    None
}

fn write_text(text: &str, into: &mut Vec<u8>) {
    into.extend_from_slice(&(text.len() as u16).to_be_bytes());
    into.extend_from_slice(text.as_bytes());
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}
