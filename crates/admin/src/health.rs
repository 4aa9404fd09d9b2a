//! `/healthz`: 200 while the log works, else 503 with the reason. Damage is named, and everything else serves: that is
//! `degraded`, and 200, so that nobody restarts a broker for it.

use crate::Admin;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use stele_core::store::Fault;

pub(crate) async fn page(State(admin): State<Admin>) -> (StatusCode, Json<serde_json::Value>) {
    let (status, body) = health(admin.core.has_failed(), &admin.core.durable.damaged());
    (status, Json(body))
}

fn health(has_failed: bool, damaged: &[Fault]) -> (StatusCode, serde_json::Value) {
    if has_failed {
        let reason = "the log failed: nothing is acknowledged; see the log output, then restart";
        let body = serde_json::json!({"status": "unavailable", "error": reason});
        return (StatusCode::SERVICE_UNAVAILABLE, body);
    }
    if damaged.is_empty() {
        return (StatusCode::OK, serde_json::json!({"status": "ok"}));
    }
    let damaged = damaged.iter().map(|fault| {
        let what = fault.what.to_string();
        serde_json::json!({"what": what, "reason": fault.reason})
    });
    let damaged: Vec<serde_json::Value> = damaged.collect();
    (StatusCode::OK, serde_json::json!({"status": "degraded", "damaged": damaged}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stele_core::store::Damaged;

    #[test]
    fn names_what_is_damaged() {
        assert_eq!(health(false, &[]), (StatusCode::OK, serde_json::json!({"status": "ok"})));
        let stream = stele_model::StreamName::new("S");
        let faults = [Fault { what: Damaged::Partition { stream, partition: 2 }, reason: "r" }];
        let degraded = serde_json::json!({"status": "degraded", "damaged": [{"what": "partition 2 of `S`", "reason": "r"}]});
        assert_eq!(health(false, &faults), (StatusCode::OK, degraded));
        assert_eq!(health(true, &faults).0, StatusCode::SERVICE_UNAVAILABLE);
    }
}
