//! `GET /healthz`: that the process answers.

/// `ok`.
pub(super) async fn read() -> &'static str {
    "ok"
}
