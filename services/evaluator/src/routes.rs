//! The evaluator's routes.
//!
//! ```text
//! POST   /oauth/token                 access tokens
//! GET    /healthz                     204
//! GET    /v1/arithmetic               CrossArithmetic: evaluators that differ in it will not confirm one result
//! POST   /v1/jobs                     LoggedCrossRequest → CrossJob; scope cross.compute, by the request's own requester
//! GET    /v1/jobs/{request}           CrossJob, by the digest of the request; scope and caller as above, as for all that follow
//! GET    /v1/jobs/{request}/result    CrossOutcome, application/vnd.nacre.cross-outcome; 409 while it is not done
//! DELETE /v1/jobs/{request}           204 once the job is cancelled and its files are removed
//! ```
//!
//! Kept true: a body is read only for a caller with a token, and only while there is a place: so strangers take no memory,
//! and callers at most [`PLACES`] bodies of [`MAX_REQUEST_BYTES`]; results, which are larger, at most [`RESULTS`] until
//! they were taken. What was begun is finished even if the caller hangs up. Connections are bounded by [`server::serve`].
//! Errors: problem+json; 503 with `Retry-After` where the queue is full.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{self, Body, Bytes},
    extract::{Path, State},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::IntoResponse,
    routing::{get, post},
};
use nacre_access::{ProblemResponse, Scope, server};
use nacre_schemas::{
    Digest,
    cross::{CrossArithmetic, CrossJob, LoggedCrossRequest},
    id::MemberId,
    problem::{Problem, Retry},
};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    config::Config,
    evaluator::{Evaluator, OpenError},
    keys::{Keys, KeysError},
};

/// Requests that are read and checked at a time.
pub const PLACES: usize = 8;
/// Results that are held in memory until they were taken, some megabytes each.
const RESULTS: usize = 8;
/// Largest request, in bytes of JSON.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// How long a caller may take to send its request.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The media type of outcomes.
const OUTCOME: &str = "application/vnd.nacre.cross-outcome";

/// Why an evaluator does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It has no keys to compute with.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It does not start.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its jobs cannot be taken up.
    #[error("the jobs that were there before: {0}")]
    Jobs(nacre_hosting::file::FileError),
    /// The socket has no address.
    #[error("the listening socket: {0}")]
    Socket(#[from] std::io::Error),
    /// The thread that opens it stopped.
    #[error("the evaluator could not be opened")]
    Stopped,
}

#[derive(Clone)]
struct Desk {
    evaluator: Arc<Evaluator>,
    places: Arc<Semaphore>,
    results: Arc<Semaphore>,
}

/// Loads the keys and serves until `shutdown` is ready; then the job at work pauses at its next chunk.
pub async fn serve(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let path = config.keys.to_path_buf();
    let keys = tokio::task::spawn_blocking(move || Keys::read(&path)).await.map_err(|_| ServeError::Stopped)??;
    serve_with_keys(config, keys, listener, shutdown).await
}

/// The same with keys that are loaded already: several evaluators of one process share them.
pub async fn serve_with_keys(
    config: Config,
    keys: Arc<Keys>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let opened = tokio::task::spawn_blocking(move || Evaluator::open(&config, keys)).await;
    let evaluator = opened.map_err(|_| ServeError::Stopped)??;
    evaluator.resume().map_err(ServeError::Jobs)?;
    let address: SocketAddr = listener.local_addr()?;
    tracing::info!(evaluator = %evaluator.name(), arithmetic = %evaluator.keys.arithmetic, %address, "serving");
    server::serve(listener, router(Arc::clone(&evaluator)), shutdown).await;
    evaluator.pause().await;
    Ok(())
}

/// The routes.
fn router(evaluator: Arc<Evaluator>) -> Router {
    let tokens = server::router(Arc::clone(&evaluator.gatekeeper));
    let places = |most| Arc::new(Semaphore::new(most));
    let desk = Desk { evaluator, places: places(PLACES), results: places(RESULTS) };
    Router::new()
        .route("/healthz", get(|| async { StatusCode::NO_CONTENT }))
        .route("/v1/arithmetic", get(arithmetic))
        .route("/v1/jobs", post(submit))
        .route("/v1/jobs/{request}", get(state).delete(cancel))
        .route("/v1/jobs/{request}/result", get(result))
        .with_state(desk)
        .merge(tokens)
}

async fn arithmetic(State(desk): State<Desk>) -> Json<CrossArithmetic> {
    let Keys { digest, arithmetic, .. } = &*desk.evaluator.keys;
    Json(CrossArithmetic { keys: *digest, arithmetic: *arithmetic })
}

async fn submit(State(desk): State<Desk>, headers: HeaderMap, body: Body) -> Result<Json<CrossJob>, ProblemResponse> {
    let caller = caller(&desk, &headers)?;
    let place = Arc::clone(&desk.places).try_acquire_owned().map_err(|_| busy())?;
    let bytes = read_body(&headers, body).await?;
    // A task of its own, which holds the place to its end.
    let work = tokio::spawn(async move {
        let _place = place;
        desk.evaluator.submit(parse(&caller, bytes).await?).await
    });
    Ok(Json(work.await.map_err(|_| stopped())??))
}

async fn state(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Path(request): Path<String>,
) -> Result<Json<CrossJob>, ProblemResponse> {
    let caller = caller(&desk, &headers)?;
    Ok(Json(desk.evaluator.state(&digest(&request)?, &caller)?))
}

async fn result(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Path(request): Path<String>,
) -> Result<impl IntoResponse, ProblemResponse> {
    let caller = caller(&desk, &headers)?;
    let place = Arc::clone(&desk.results).try_acquire_owned().map_err(|_| busy())?;
    let outcome = desk.evaluator.outcome(&digest(&request)?, &caller).await?;
    Ok(([(CONTENT_TYPE, OUTCOME)], server::body_holding(place, outcome)))
}

async fn cancel(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Path(request): Path<String>,
) -> Result<StatusCode, ProblemResponse> {
    let caller = caller(&desk, &headers)?;
    desk.evaluator.cancel(&digest(&request)?, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn caller(desk: &Desk, headers: &HeaderMap) -> Result<MemberId, Problem> {
    let admission = desk.evaluator.gatekeeper.authorize(headers, Scope::CrossCompute)?;
    Ok(admission.membership.member.clone())
}

fn digest(text: &str) -> Result<Digest, Problem> {
    text.parse().map_err(|error| Problem::new(400, "malformed", "Malformed digest", error))
}

/// What was sent, if it is the caller's own.
async fn parse(caller: &MemberId, bytes: Bytes) -> Result<LoggedCrossRequest, Problem> {
    let parsed = tokio::task::spawn_blocking(move || serde_json::from_slice::<LoggedCrossRequest>(&bytes)).await;
    let logged = parsed.map_err(|_| stopped())?;
    let logged = logged.map_err(|error| Problem::new(400, "malformed", "Malformed request", error))?;
    let requester = &logged.request.request.requester;
    if requester != caller {
        let detail = format!("the request is {requester}'s; it is computed for its requester only");
        return Err(Problem::new(403, "not-the-requester", "Not the requester", detail));
    }
    Ok(logged)
}

async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("a request has at most {MAX_REQUEST_BYTES} bytes");
        Problem::new(413, "too-large", "Too large", detail)
    };
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_REQUEST_BYTES as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIMEOUT, body::to_bytes(body, MAX_REQUEST_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // Too long without having said so, or broken off: then nobody reads this.
        Ok(Err(_)) => Err(too_large()),
        Err(_) => {
            let detail = format!("the request did not arrive within {} seconds", BODY_TIMEOUT.as_secs());
            Err(Problem::new(408, "too-slow", "Too slow", detail).retry(Retry::Later))
        }
    }
}

fn busy() -> Problem {
    let detail = "as many requests as it takes are in work; send it again in a moment";
    Problem::new(503, "busy", "Busy", detail).retry(Retry::Later)
}

fn stopped() -> Problem {
    Problem::new(500, "internal", "Internal error", "the evaluator could not finish its checks")
}
