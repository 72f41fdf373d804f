//! `GET /healthz`: that the process answers, and every chain takes entries.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::Served;

/// `ok`; 503 and the chains that take nothing, one a line, until their operator has seen to them: the log says why.
pub(super) async fn read(State(exchange): Served) -> Response {
    let read_only = exchange.chains().filter(|chain| chain.is_read_only());
    let lines: String = read_only
        .map(|chain| {
            format!("alarm: {} is read-only; the operator finds the cause in the exchange's log\n", chain.id())
        })
        .collect();
    if lines.is_empty() { "ok".into_response() } else { (StatusCode::SERVICE_UNAVAILABLE, lines).into_response() }
}
