//! Connections that end with the server. A graceful shutdown alone would wait for ever for a client that has sent half a
//! request, or none.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

type Until = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A listener whose connections read their end once the server stops.
pub(crate) struct Ending {
    listener: TcpListener,
    until: Box<dyn Fn() -> Until + Send>,
}

/// One of its connections.
pub(crate) struct EndingStream {
    stream: TcpStream,
    /// `None`: it stopped.
    until: Option<Until>,
}

impl Ending {
    pub(crate) fn new(listener: TcpListener, until: impl Fn() -> Until + Send + 'static) -> Self {
        Self { listener, until: Box::new(until) }
    }
}

impl axum::serve::Listener for Ending {
    type Io = EndingStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (EndingStream, SocketAddr) {
        let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
        (EndingStream { stream, until: Some((self.until)()) }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for EndingStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(until) = &mut self.until
            && until.as_mut().poll(cx).is_ready()
        {
            self.until = None;
        }
        if self.until.is_none() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for EndingStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
