//! A TCP connection's way out: the outbox over the socket, with frames around each write where the wire wants them.

use crate::outbox::{Outbox, Pipe};
use crate::websocket::encode_data_header;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::task::Waker;
use stele_core::Outlet;
use tokio::net::TcpStream;

/// A TCP connection's way out.
pub(crate) struct TcpOutlet {
    pub(crate) stream: TcpStream,
    pub(crate) outbox: Outbox,
    /// Each write is a WebSocket frame.
    framed: bool,
}

impl TcpOutlet {
    pub(crate) fn new(stream: TcpStream, outbox: Outbox, framed: bool) -> Self {
        Self { stream, outbox, framed }
    }

    /// Ends the connection for the peer, whoever else still holds this outlet. An error means that it is over already.
    pub(crate) fn shut(&self, how: Shutdown) {
        let _ = socket2::SockRef::from(&self.stream).shutdown(how);
    }

    /// What came; 0: nothing after all, `None`: the connection is over.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> Option<usize> {
        match self.stream.try_read(buffer) {
            Ok(0) => None,
            Ok(read) => Some(read),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(0),
            Err(_) => None,
        }
    }

    /// What the connection's own session says.
    pub(crate) fn send_own(&self, pieces: &[IoSlice<'_>]) {
        if self.framed {
            with_frame(pieces, |pieces| self.outbox.send_own(&self.stream, pieces));
        } else {
            self.outbox.send_own(&self.stream, pieces);
        }
    }
}

/// The pieces behind the header of a frame around them.
fn with_frame<R>(pieces: &[IoSlice<'_>], send: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
    let mut header = Vec::with_capacity(10);
    encode_data_header(pieces.iter().map(|piece| piece.len()).sum(), None, &mut header);
    let mut framed = Vec::with_capacity(pieces.len() + 1);
    framed.push(IoSlice::new(&header));
    framed.extend(pieces.iter().map(|piece| IoSlice::new(piece)));
    send(&framed)
}

impl Pipe for TcpStream {
    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces {
            [piece] => TcpStream::try_write(self, piece),
            pieces => self.try_write_vectored(pieces),
        }
    }
}

impl Outlet for TcpOutlet {
    fn send(&self, bytes: &[u8]) -> usize {
        self.send_pieces(&[IoSlice::new(bytes)])
    }

    fn send_pieces(&self, pieces: &[IoSlice<'_>]) -> usize {
        if self.framed {
            return with_frame(pieces, |pieces| self.outbox.send(&self.stream, pieces));
        }
        self.outbox.send(&self.stream, pieces)
    }

    fn wake(&self) {
        self.outbox.wake();
    }

    fn queued(&self) -> usize {
        self.outbox.queued()
    }

    fn await_room(&self, waker: &Waker) -> bool {
        self.outbox.await_room(waker)
    }
}
