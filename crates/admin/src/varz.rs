//! `/varz`: what runs, and totals; the names that nats-server uses where it has one.

use crate::Admin;
use axum::Json;
use axum::extract::State;
use std::sync::atomic::Ordering;

pub(crate) async fn page(State(admin): State<Admin>) -> Json<serde_json::Value> {
    let counters = &admin.core.counters;
    let listeners: serde_json::Map<String, serde_json::Value> =
        admin.about.listeners.iter().map(|(wire, address)| (wire.clone(), address.clone().into())).collect();
    Json(serde_json::json!({
        "server_id": admin.about.server_id,
        "server_name": admin.about.server_name,
        "version": admin.about.version,
        "start": admin.about.start_s,
        "listeners": listeners,
        "connections": admin.core.connections_open(),
        "total_connections": admin.core.connections_total(),
        "in_msgs": counters.published.load(Ordering::Relaxed),
        "in_bytes": counters.published_bytes.load(Ordering::Relaxed),
        "out_msgs": counters.delivered.load(Ordering::Relaxed),
        "slow_consumers": counters.slow_consumers.load(Ordering::Relaxed),
        "dropped": counters.dropped.load(Ordering::Relaxed),
    }))
}
