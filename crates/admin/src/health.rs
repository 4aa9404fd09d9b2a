//! `/healthz`: 200 while the log works, else 503 with the reason.

use crate::Admin;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

pub(crate) async fn page(State(admin): State<Admin>) -> (StatusCode, Json<serde_json::Value>) {
    if admin.core.has_failed() {
        let reason = "the log failed: nothing is acknowledged; see the log output, then restart";
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(serde_json::json!({"status": "unavailable", "error": reason})),
        );
    }
    (StatusCode::OK, Json(serde_json::json!({"status": "ok"})))
}
