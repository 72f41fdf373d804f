//! What stands before every handler: a bound on the requests at work, and problem documents for what the libraries
//! below the handlers refuse by a bare status.
//!
//! Kept true: a request whose body has not arrived has a place among those that are read, and none among those at work
//! ([`Slot::arrived`]); so callers that send half of what they announced hold up others that post, and nothing else.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    body::HttpBody as _,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use nacre_schemas::problem::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{error::Error, refusal::Refusal};

/// The bounds on requests.
#[derive(Clone)]
pub(super) struct Load {
    work: Arc<Semaphore>,
    reading: Arc<Semaphore>,
}

/// A request's place: among those being read, then among those at work.
#[derive(Clone)]
pub(super) struct Slot {
    load: Load,
    place: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Load {
    /// At most so many at work, and so many whose bodies are on their way.
    pub(super) fn new(work: usize, reading: usize) -> Self {
        Self { work: Arc::new(Semaphore::new(work)), reading: Arc::new(Semaphore::new(reading)) }
    }

    fn enter(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(places).try_acquire_owned().map_err(|_| Refusal::Busy)
    }
}

impl Slot {
    /// The body is there: the request goes to work, if fewer than the bound are.
    pub(super) fn arrived(&self) -> Result<(), Refusal> {
        let place = Load::enter(&self.load.work)?;
        // A panic while it was held leaves one place or the other.
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        Ok(())
    }
}

/// Lets a request through if there is a place for it.
pub(super) async fn limit(State(load): State<Load>, mut request: Request, next: Next) -> Response {
    let has_body = !request.body().is_end_stream();
    let place = match Load::enter(if has_body { &load.reading } else { &load.work }) {
        Ok(place) => place,
        Err(refusal) => return Error::from(refusal).into_response(),
    };
    let slot = Slot { load, place: Arc::new(Mutex::new(Some(place))) };
    request.extensions_mut().insert(slot.clone());
    let response = next.run(request).await;
    drop(slot);
    response
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
