//! Connections that send what they should not.

use super::crafted::{self, Crafted, Expect, Wire};
use crate::binary::Binary;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a refusal may take on a busy machine.
const REFUSAL: Duration = Duration::from_secs(15);

/// One port.
pub(super) struct Target {
    pub(super) wire: Wire,
    address: SocketAddr,
    handshake: Vec<u8>,
}

impl Target {
    pub(super) fn all(binary: &Binary) -> Vec<Self> {
        let target = |wire: Wire| Self {
            wire,
            address: binary.address(wire.listener()),
            handshake: crafted::handshake(wire),
        };
        Wire::ALL.into_iter().map(target).collect()
    }

    /// What comes before: nothing and the handshake, or the one of them for which it was made.
    pub(super) fn preludes(&self, crafted: &Crafted) -> Vec<&[u8]> {
        match (self.handshake.is_empty(), crafted.after_handshake) {
            (true, _) => vec![&[]],
            (false, true) => vec![&self.handshake],
            (false, false) => vec![&[], &self.handshake],
        }
    }

    /// Sends it and checks how the broker takes it.
    pub(super) fn send(&self, prelude: &[u8], crafted: &Crafted) {
        let mut socket = self.connect();
        greet(&mut socket, prelude);
        // The broker may close in the middle.
        let _ = socket.write_all(&crafted.bytes);
        match crafted.expect {
            Expect::End => {
                let ended = read_until_end(&mut socket, REFUSAL);
                assert!(ended, "{:?}: `{}` does not end the connection", self.wire, crafted.name);
            }
            Expect::Anything => {
                read_until_end(&mut socket, Duration::from_millis(50));
            }
        }
    }

    /// Sends it and goes away.
    pub(super) fn pelt(&self, greeted: bool, bytes: &[u8]) {
        let mut socket = self.connect();
        if greeted {
            greet(&mut socket, &self.handshake);
        }
        let _ = socket.write_all(bytes);
        read_until_end(&mut socket, Duration::from_millis(10));
    }

    /// A connection that stays open after this.
    pub(super) fn begin(&self, prelude: &[u8], begun: &[u8]) -> Option<TcpStream> {
        let mut socket = self.connect();
        socket.set_write_timeout(Some(Duration::from_millis(20))).expect("a time");
        socket.write_all(prelude).ok()?;
        // A broker that reads no further is as good as one that reads.
        let _ = socket.write_all(begun);
        Some(socket)
    }

    fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect_timeout(&self.address, REFUSAL).expect("it accepts");
        socket.set_write_timeout(Some(Duration::from_secs(2))).expect("a time");
        socket
    }
}

/// Sends the handshake and waits for the first answer to it.
fn greet(socket: &mut TcpStream, handshake: &[u8]) {
    if !handshake.is_empty() && socket.write_all(handshake).is_ok() {
        socket.set_read_timeout(Some(REFUSAL)).expect("a time");
        let read = socket.read(&mut [0; 16384]).expect("an answer to the handshake");
        assert!(read > 0, "a good handshake was refused");
    }
}

/// True: the connection ended within this time.
fn read_until_end(socket: &mut TcpStream, within: Duration) -> bool {
    let until = Instant::now() + within;
    let mut buffer = [0; 16384];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        socket.set_read_timeout(Some(left)).expect("a time");
        match socket.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return false;
            }
            Err(_) => return true,
        }
    }
}
