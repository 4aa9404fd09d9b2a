//! The HTTP server below the pages: axum's own one has no bound on what an unfinished request may hold.

use crate::connections::Ending;
use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::time::Duration;
use tokio::task::JoinSet;

/// Bytes of a request's head, and of what is read ahead of its handler.
const REQUEST_BYTES_MAX: usize = 16 << 10;

/// How long the head of a request may take; also how long a connection may be silent between two requests.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// How long answers may take at the stop.
const LAST_WORDS: Duration = Duration::from_secs(2);

pub(crate) async fn run(routes: Router, mut listener: Ending, until: impl Future<Output = ()>) {
    let service = TowerToHyperService::new(routes);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX).max_buf_size(REQUEST_BYTES_MAX);
    let (mut connections, graceful) = (JoinSet::new(), GracefulShutdown::new());
    let mut until = std::pin::pin!(until);
    loop {
        tokio::select! {
            () = &mut until => break,
            Some(_) = connections.join_next() => {}
            (stream, _) = listener.accept() => {
                let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service.clone()));
                // What a peer does wrong was answered where it can be answered.
                connections.spawn(async move { drop(connection.await) });
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(LAST_WORDS, graceful.shutdown()).await;
}
