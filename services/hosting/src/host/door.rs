//! What stands before every route of a role: it waits for the role to open, names the request, measures it, and explains what
//! the libraries refuse by a bare status.
//!
//! Kept true: no path, query, header or body is logged, as people may be named in each; a route is told by its template. A
//! handler that panics is answered 500, and the server goes on.

use std::{
    any::Any,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use nacre_wire::{media, problem::OPENING};
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

use super::{Shared, health};
use crate::{
    problem::{self, ProblemResponse, Reason},
    request_id::{self, RequestId},
    serve::Arrival,
};

/// How long a request waits for a role to open.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is refused because there is too much of it: said in sum.
const FOR_LOAD: [&str; 4] = ["busy", "too-many-requests", "too-slow", "throttled"];

/// Makes a document of a status.
pub(super) type Explain = fn(StatusCode) -> Response;

/// Everything that callers reach.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let door = tower::service_fn({
        let shared = Arc::clone(shared);
        move |request| answer(Arc::clone(&shared), request)
    });
    health(shared).fallback_service(door)
}

async fn answer(shared: Arc<Shared>, request: Request) -> Result<Response, Infallible> {
    let opened = match shared.opened() {
        Some(opened) => opened,
        None => match wait(&shared, request.extensions().get::<Arrival>().cloned()).await {
            Some(opened) => opened,
            None => return Ok(opening(&shared)),
        },
    };
    opened.router.clone().oneshot(request).await
}

/// The role, if it opens while the request can wait for it.
async fn wait(shared: &Shared, arrival: Option<Arrival>) -> Option<Arc<super::Opened>> {
    let _place = shared.waiting.try_acquire().ok()?;
    arrival.as_ref().inspect(|arrival| arrival.gives_way());
    let mut opened = shared.opened.subscribe();
    let opened = tokio::time::timeout(PATIENCE, opened.wait_for(Option::is_some)).await.ok()?.ok()?.clone();
    arrival.as_ref().inspect(|arrival| arrival.is_at_work());
    opened
}

fn opening(shared: &Shared) -> Response {
    shared.reports.count("opening");
    let detail = "the server is being opened; its routes are served once it is";
    ProblemResponse(OPENING.problem(detail).retry_after(2)).into_response()
}

/// The role's routes, with what stands before them.
pub(super) fn observed(shared: &Arc<Shared>, router: Router, explain: Explain) -> Router {
    router
        .layer(CatchPanicLayer::custom(|_: Box<dyn Any + Send>| StatusCode::INTERNAL_SERVER_ERROR.into_response()))
        .layer(middleware::from_fn_with_state((Arc::clone(shared), explain), observe))
}

async fn observe(
    State((shared, explain)): State<(Arc<Shared>, Explain)>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let id = RequestId::of(request.headers());
    let method = request.method().clone();
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    let span = tracing::info_span!("request", %id, %method, route);
    let mut response = id.clone().scope(next.run(request).instrument(span.clone())).await;
    let status = response.status();
    let is_refused = status.is_client_error() || status.is_server_error();
    if is_refused && !is_explained(&response) {
        response = explain(status);
    }
    if let Some(id) = id.to_header() {
        response.headers_mut().insert(request_id::HEADER, id);
    }
    shared.metrics.answered(route, &method, status.as_u16(), begun.elapsed());
    let _entered = span.enter();
    if is_refused {
        refused(&shared, &response, status);
    }
    tracing::info!(status = status.as_u16(), took_ms = begun.elapsed().as_millis(), "answered");
    response
}

/// Counts a refusal.
fn refused(shared: &Shared, response: &Response, status: StatusCode) {
    let reason = response.extensions().get::<Reason>().map(|Reason(word)| word.as_str());
    let reason = reason.unwrap_or_else(|| if status.is_server_error() { "failed" } else { "refused" });
    if FOR_LOAD.contains(&reason) {
        shared.reports.refused(reason);
    } else {
        shared.reports.count(reason);
    }
}

/// Whether an error has a document: RFC 6749's are plain JSON, a witness's plain text with a reason beside it; the libraries'
/// have neither.
fn is_explained(response: &Response) -> bool {
    let explained =
        |kind: &HeaderValue| [media::PROBLEM_JSON, media::JSON, media::FHIR_JSON].iter().any(|known| kind == known);
    response.extensions().get::<Reason>().is_some() || response.headers().get(CONTENT_TYPE).is_some_and(explained)
}

/// A problem document for a status.
pub(super) fn as_problem(status: StatusCode) -> Response {
    ProblemResponse(problem::of_status(status)).into_response()
}
