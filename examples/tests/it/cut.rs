//! A TCP proxy that can fall silent without closing: what a client sees when its network is gone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to one server until told to be silent.
pub(crate) struct Cut {
    address: SocketAddr,
    silent: watch::Sender<bool>,
    connections: Arc<AtomicUsize>,
}

impl Cut {
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (silent, state) = watch::channel(false);
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(server).await else { continue };
                count.fetch_add(1, Ordering::Relaxed);
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(forward(from_client, to_server, state.clone()));
                tokio::spawn(forward(from_server, to_client, state.clone()));
            }
        });
        Self { address, silent, connections }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many it has forwarded so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// While silent, nothing is forwarded and nothing is closed; what was sent meanwhile arrives afterwards.
    pub(crate) fn silent(&self, silent: bool) {
        self.silent.send_replace(silent);
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut silent: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await;
        if silent.wait_for(|silent| !silent).await.is_err() {
            return;
        }
        match read {
            Ok(count) if count > 0 && to.write_all(&buffer[..count]).await.is_ok() => {}
            _ => return,
        }
    }
}
