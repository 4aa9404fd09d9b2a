//! The admin HTTP of a broker: `/healthz`, `/varz`, `/metrics`.
//!
//! It only reads. A request whose `Host` is not an address, `localhost` or the listener's own name is refused, so that no
//! web page reaches a local broker through a name that it controls.

mod connections;
mod health;
mod host_check;
mod metrics;
mod server;
mod varz;

use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn;
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::Arc;
use stele_core::Core;

/// What the pages show.
#[derive(Clone)]
pub struct Admin {
    core: Arc<Core>,
    about: Arc<About>,
}

/// What does not change while a broker runs.
#[derive(Clone, Debug, serde::Serialize)]
pub struct About {
    /// The server's identity, as NATS clients see it.
    pub server_id: String,
    /// Its name.
    pub server_name: String,
    /// The release.
    pub version: String,
    /// Where each wire listens, by the name of its flag.
    pub listeners: Vec<(String, String)>,
    /// When it started, in seconds since 1970.
    pub start_s: u64,
}

impl Admin {
    /// The pages of this broker.
    pub fn new(core: Arc<Core>, about: About) -> Self {
        Self { core, about: Arc::new(about) }
    }

    /// The routes.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/healthz", get(health::page))
            .route("/varz", get(varz::page))
            .route(
                "/metrics",
                get(|State(admin): State<Self>| async move { metrics::page(&admin).into_response() }),
            )
            .layer(from_fn(host_check::refuse_foreign_names))
            .with_state(self)
    }

    /// Serves on a bound listener until the future that `until` makes ends; connections end with it, in the middle of a
    /// request, too.
    ///
    /// # Errors
    /// None today: an accept that fails is tried again.
    pub async fn serve<U>(
        self,
        listener: tokio::net::TcpListener,
        until: impl Fn() -> U + Send + Sync + 'static,
    ) -> std::io::Result<()>
    where
        U: Future<Output = ()> + Send + 'static,
    {
        let stopped = until();
        let listener = connections::Ending::new(listener, move || Box::pin(until()));
        server::run(self.routes(), listener, stopped).await;
        Ok(())
    }
}
