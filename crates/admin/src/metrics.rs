//! `/metrics` in the OpenMetrics text format. The registry is filled from the counters at each scrape.

use crate::Admin;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::{AtomicU64, Ordering};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) fn page(admin: &Admin) -> impl IntoResponse + use<> {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &registry(admin));
    ([(CONTENT_TYPE, OPEN_METRICS)], text)
}

fn registry(admin: &Admin) -> Registry {
    let mut registry = Registry::with_prefix("stele");
    let counters = &admin.core.counters;
    let mut total = |name: &str, help: &str, value: &AtomicU64| {
        let counter: Counter = Counter::default();
        counter.inc_by(value.load(Ordering::Relaxed));
        registry.register(name, help, counter);
    };
    total(
        "messages_published",
        "Messages that clients published on any wire, records of producers among them",
        &counters.published,
    );
    total("payload_bytes_published", "Payload bytes of those messages", &counters.published_bytes);
    total("messages_delivered", "Messages handed to live receivers", &counters.delivered);
    total("messages_dropped", "Messages that a full receiver did not get", &counters.dropped);
    total("slow_consumers", "Connections closed because they read too slowly", &counters.slow_consumers);
    total("connections_closed", "Connections that have ended", &counters.connections_closed);
    let mut now = |name: &str, help: &str, value: u64| {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    now("connections", "Connections that are open", admin.core.connections_open());
    now(
        "damaged",
        "Partitions that are offline because stored bytes changed, and damaged state of groups and sessions",
        admin.core.durable.damaged().len() as u64,
    );
    now(
        "log_failed",
        "1 when the log failed and nothing is acknowledged any more",
        u64::from(admin.core.has_failed()),
    );
    registry
}
