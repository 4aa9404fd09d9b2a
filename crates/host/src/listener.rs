//! Listeners: accept, make a session, spawn its task; and the end of all of them.

use crate::connections::{Connections, Ending};
use crate::drive::Drive;
use crate::framed::{Front, WebSocketRules};
use crate::outbox::{Outbox, Overflow};
use crate::tcp_outlet::TcpOutlet;
use crate::unfinished::Unfinished;
use crate::{Clock, Deadlines};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use stele_core::Core;
use stele_model::Session;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;

/// Pause after an accept that failed for want of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Makes the session of a new connection.
pub type SessionFactory = Arc<dyn Fn(&Peer) -> Box<dyn Session> + Send + Sync>;

/// Who connects, and where.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The client's address.
    pub remote: SocketAddr,
    /// The address that it reached.
    pub local: SocketAddr,
}

/// One bound port.
pub struct Bound {
    socket: TcpListener,
    overflow: Overflow,
    queue_bytes_max: usize,
}

/// One bound port of one wire.
pub struct Listener {
    bound: Bound,
    factory: SessionFactory,
    websocket: Option<Arc<WebSocketRules>>,
}

/// A port could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenerError {
    /// Which.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

impl Bound {
    /// Binds; clients may connect, and wait until [`Hosted::listen`].
    ///
    /// # Errors
    /// The address is in use, or not ours.
    pub fn bind(
        address: SocketAddr,
        overflow: Overflow,
        queue_bytes_max: usize,
    ) -> Result<Self, ListenerError> {
        let socket = bind(address).map_err(|source| ListenerError { address, source })?;
        Ok(Self { socket, overflow, queue_bytes_max })
    }

    /// Where it listens; the port that was picked when 0 was asked for.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The socket itself, for a server of another kind.
    pub fn into_socket(self) -> TcpListener {
        self.socket
    }

    /// Which sessions its connections get.
    pub fn serve(self, factory: SessionFactory) -> Listener {
        Listener { bound: self, factory, websocket: None }
    }

    /// As `serve`, with WebSocket around each connection. A wire on which the server speaks first does not suit: its
    /// first words would precede the handshake.
    pub fn serve_websocket(self, factory: SessionFactory, rules: WebSocketRules) -> Listener {
        Listener { bound: self, factory, websocket: Some(Arc::new(rules)) }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(BACKLOG).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// What all connections of a host share.
pub(crate) struct Shared {
    pub(crate) core: Arc<Core>,
    pub(crate) clock: Clock,
    pub(crate) deadlines: Deadlines,
    pub(crate) connections: Connections,
    pub(crate) unfinished: Arc<Unfinished>,
}

/// All tasks of a broker on one runtime.
pub struct Hosted {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// What the others need until their end.
    below: JoinSet<()>,
}

/// Lets a task of the host know when to end.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Waits for the stop.
    pub async fn stopped(&mut self) {
        // An error means that the host is gone, which is a stop, too.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }
}

impl Hosted {
    /// Starts the timer; must be called within a tokio runtime with IO and time enabled.
    pub fn start(core: Arc<Core>, clock: Clock) -> Self {
        let shared = Arc::new(Shared {
            core,
            clock,
            deadlines: Deadlines::default(),
            connections: Connections::default(),
            unfinished: Arc::default(),
        });
        let mut below = JoinSet::new();
        let timer = shared.clone();
        below.spawn(async move { timer.deadlines.run(timer.clock).await });
        let keeper = shared.clone();
        below.spawn(async move { keeper.connections.give_back_memory().await });
        Self { shared, stop: watch::Sender::new(false), tasks: JoinSet::new(), below }
    }

    /// A stop signal for a task of one's own.
    pub fn stop(&self) -> Stop {
        Stop(self.stop.subscribe())
    }

    /// Runs a task until the broker stops; it must watch [`Hosted::stop`].
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Drives a session of the broker's own, without a socket, until the stop.
    pub fn attach(&mut self, session: Box<dyn Session>) {
        self.tasks.spawn(crate::internal::run(self.shared.clone(), session, self.stop()));
    }

    /// Accepts connections from now on.
    pub fn listen(&mut self, listener: Listener) {
        self.tasks.spawn(accept(self.shared.clone(), listener, self.stop()));
    }

    /// Stops accepting, closes every session with [`Close::Shutdown`](stele_model::Close::Shutdown), and waits for all
    /// tasks.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        self.shared.connections.end(Ending::Goodbye);
        while self.tasks.join_next().await.is_some() {}
        // Nothing is accepted any more.
        self.shared.connections.ended().await;
        self.below.shutdown().await;
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        self.shared.connections.end(Ending::Abrupt);
    }
}

async fn accept(shared: Arc<Shared>, listener: Listener, mut stop: Stop) {
    loop {
        tokio::select! {
            () = stop.stopped() => break,
            accepted = listener.bound.socket.accept() => match accepted {
                Ok((stream, remote)) => {
                    // Detached: the task itself is all that an idle connection keeps on the runtime.
                    if let Some(drive) = open(&shared, &listener, stream, remote) {
                        drop(tokio::spawn(drive));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

fn open(shared: &Arc<Shared>, listener: &Listener, stream: TcpStream, remote: SocketAddr) -> Option<Drive> {
    let local = stream.local_addr().ok()?;
    stream.set_nodelay(true).ok()?;
    let outbox = Outbox::new(listener.bound.overflow, listener.bound.queue_bytes_max, true);
    let session = (listener.factory)(&Peer { remote, local });
    let front = listener.websocket.as_ref().map(|rules| Box::new(Front::new(rules.clone())));
    let outlet = Arc::new(TcpOutlet::new(stream, outbox, front.is_some()));
    Some(Drive::new(shared.clone(), outlet, session, front))
}
