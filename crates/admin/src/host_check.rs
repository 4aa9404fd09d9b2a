//! Refuses requests that a web page could have sent here by a name of its own (DNS rebinding).

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

pub(crate) async fn refuse_foreign_names(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_none_or(is_ours) {
        let text = "refused: Host is neither an address nor localhost\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    if request.headers().contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "refused: not for web pages of other origins\n").into_response();
    }
    next.run(request).await
}

/// An address, or the loopback's name; the port does not matter.
fn is_ours(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn knows_its_own_names() {
        for host in ["127.0.0.1:8222", "127.0.0.1", "[::1]:8222", "[::1]", "localhost:8222", "LOCALHOST"] {
            assert!(is_ours(host), "{host}");
        }
        for host in ["evil.example", "evil.example:8222", "127.0.0.1.evil.example", "localhost.evil", ""] {
            assert!(!is_ours(host), "{host}");
        }
    }
}
