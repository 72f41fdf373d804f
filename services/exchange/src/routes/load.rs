//! What stands before every handler: a bound on the requests at work, and problem documents for what the libraries
//! below the handlers refuse by a bare status.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use nacre_schemas::problem::Problem;
use tokio::sync::Semaphore;

use crate::{error::Error, refusal::Refusal};

/// The bound on requests at work.
#[derive(Clone)]
pub(super) struct Load {
    places: Arc<Semaphore>,
}

impl Load {
    /// A bound of that many.
    pub(super) fn new(requests: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(requests)) }
    }
}

/// Lets a request through if fewer than the bound are at work.
pub(super) async fn limit(State(load): State<Load>, request: Request, next: Next) -> Response {
    match load.places.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => Error::from(Refusal::Busy).into_response(),
    }
}

/// Puts a problem document in place of an error that has none.
pub(super) async fn explain(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    // The token endpoint's refusals are RFC 6749's, in plain JSON; the libraries' have no such type.
    let explained = |kind: &HeaderValue| kind == "application/problem+json" || kind == "application/json";
    let explained = response.headers().get(CONTENT_TYPE).is_some_and(explained);
    if explained || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let title = status.canonical_reason().unwrap_or("Error");
    let error = match status {
        StatusCode::REQUEST_TIMEOUT => Error::from(Refusal::TooSlow),
        StatusCode::PAYLOAD_TOO_LARGE => {
            Error::Access(Problem::new(413, "too-large", "Too large", "the body is longer than this address takes"))
        }
        _ => Error::Access(Problem::new(status.as_u16(), "refused", title, "the request cannot be read as it is")),
    };
    error.into_response()
}
